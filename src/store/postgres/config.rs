//! Settings of a store in PostgreSQL.

use std::{path::Path, sync::Arc};

use super::{OpenError, PostgresTls, PostgresUrl, password};
use crate::domain::Routes;

/// The schema of the tables, unless another one is set.
const SCHEMA: &str = "signoff";

/// Settings of a store in PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Hosts, database, user and password.
    pub connection: tokio_postgres::Config,
    /// Protection of the connections.
    pub tls: PostgresTls,
    /// The schema (namespace) of the tables in the database: lower-case letters, digits and `_`.
    pub schema: String,
    /// Whether to create and migrate the tables.
    pub migrate: bool,
    /// Whether the store fails unless [`Durability::Standby`](super::Durability::Standby) is promised.
    pub require_synchronous: bool,
    /// Whether the server takes the policy from a file. Other servers then reject [`put_policy`].
    ///
    /// [`put_policy`]: crate::store::PolicyStore::put_policy
    pub policy_file: bool,
    /// The channels to notify about events.
    pub routes: Arc<Routes>,
}

impl PostgresConfig {
    /// The store in a database, whose tables are created or migrated when it is opened. The password, if the database
    /// requires one, is in a file, or in the variable `PGPASSWORD`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn new(url: &PostgresUrl, password_file: Option<&Path>) -> Result<Self, OpenError> {
        let mut connection = url.connection().clone();
        if let Some(password) = password::read(password_file).await? {
            connection.password(password);
        }
        let schema = SCHEMA.to_owned();
        Ok(Self {
            connection,
            tls: url.tls().clone(),
            schema,
            migrate: true,
            require_synchronous: false,
            policy_file: false,
            routes: Arc::default(),
        })
    }
}
