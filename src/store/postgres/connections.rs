//! Connections to PostgreSQL, and transactions on them.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
    TimeoutType, Timeouts,
};
use tokio_postgres::config::TargetSessionAttrs;

use super::{
    OpenError, PostgresConfig,
    connect::{Connector, Cuts},
    error::cause_of_pool,
    tls,
};
use crate::store::StoreError;

/// Advisory locks. They are of the database, so each also depends on the schema.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lock {
    /// Orders changes. A transaction that changes approvals holds it shared. One that changes what decides about approvals
    /// (freezes, policies, tokens, blocks), or that forgets approvals, holds it exclusively. So an answer to such a change
    /// means that no transaction is left which has not seen it.
    Gate,
    /// Of migrations.
    Migrations,
    /// Held shared by servers that take the policy from a file.
    PolicyFile,
}

impl Lock {
    /// The number of the lock in PostgreSQL. Servers of other versions use the same: it never changes.
    pub(super) fn number(self, schema: &str) -> i64 {
        let kind: i64 = match self {
            Self::Gate => 1,
            Self::Migrations => 2,
            Self::PolicyFile => 3,
        };
        // "signoff", without its last letters.
        (0x7369_676e << 32) ^ (kind << 33) ^ i64::from(crc32fast::hash(schema.as_bytes()))
    }
}

/// Maximum time to get a connection.
const CONNECT: Duration = Duration::from_secs(8);

/// Maximum time of a statement, in milliseconds, enforced by PostgreSQL. Also the maximum time that a transaction waits
/// for its next statement, so that a server that hangs holds no locks.
const STATEMENT_MS: u32 = 10_000;

/// An answer must be on disk. A stricter setting than `on` stays.
const WAIT_FOR_DISK: &str =
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Maximum number of connections of a server.
const CONNECTIONS: usize = 16;

/// A pool of connections to the primary.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: Pool,
    cuts: Cuts,
    /// Set while PostgreSQL does not answer. Calls then fail at once, instead of each waiting for a connection.
    unreachable: Arc<AtomicBool>,
    schema: String,
}

/// A connection from the pool. Statements are prepared once for each connection: `connection.prepare_cached(SQL)`.
pub(super) type Connection = Object;

impl Connections {
    /// Connects when first needed.
    pub(super) fn new(config: &PostgresConfig) -> Result<Self, tls::TlsError> {
        let mut settings = config.connection.clone();
        settings
            .application_name("signoff")
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(4))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(2)
            .tcp_user_timeout(CONNECT)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let own = format!(
            "-c search_path={} -c statement_timeout={STATEMENT_MS} -c lock_timeout={STATEMENT_MS} \
             -c idle_in_transaction_session_timeout={STATEMENT_MS} -c default_transaction_isolation=read\\ committed",
            config.schema
        );
        settings.options(&match config.connection.get_options() {
            Some(given) => format!("{given} {own}"),
            None => own,
        });
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let cuts = Cuts::new();
        let connector = Connector { tls: tls::connector(&config.tls)?, cuts: cuts.clone() };
        let manager = Manager::from_connect(settings, connector, recycling);
        let timeouts = Timeouts { wait: Some(CONNECT), create: Some(CONNECT), recycle: Some(CONNECT) };
        let wait_for_disk = Hook::async_fn(|client: &mut ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(WAIT_FOR_DISK).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager).max_size(CONNECTIONS).timeouts(timeouts).runtime(Runtime::Tokio1);
        let pool = pool.post_create(wait_for_disk);
        // The builder fails only without a runtime.
        let pool = pool.build().map_err(|error| tls::TlsError::Pool(error.to_string()))?;
        Ok(Self { pool, cuts, unreachable: Arc::default(), schema: config.schema.clone() })
    }

    /// The schema.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The number of a lock.
    pub(super) fn lock(&self, lock: Lock) -> i64 {
        lock.number(&self.schema)
    }

    /// A connection.
    pub(super) async fn get(&self) -> Result<Connection, StoreError> {
        if self.unreachable.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("no connection to PostgreSQL".into()));
        }
        self.try_get().await
    }

    /// A connection, also while PostgreSQL does not answer: for the poller, which finds out when it does again.
    pub(super) async fn try_get(&self) -> Result<Connection, StoreError> {
        self.pool.get().await.map_err(|error| {
            if matches!(error, PoolError::Closed) {
                return StoreError::Unavailable(super::CLOSED.into());
            }
            if matches!(error, PoolError::Timeout(TimeoutType::Wait)) {
                tracing::warn!("all {CONNECTIONS} connections to PostgreSQL are busy for {CONNECT:?}");
                return StoreError::Unavailable("all connections to PostgreSQL are busy".into());
            }
            tracing::warn!(error = %cause_of_pool(&error), "cannot connect to PostgreSQL");
            StoreError::Unavailable("no connection to PostgreSQL".into())
        })
    }

    /// The first connection, for what opens the store: the error has the reason.
    pub(super) async fn first(&self) -> Result<Connection, OpenError> {
        self.pool.get().await.map_err(|error| OpenError::Failed(cause_of_pool(&error)))
    }

    /// A transaction that nothing else changes the store beside.
    pub(super) async fn exclusive(&self) -> Result<Transaction, StoreError> {
        let transaction = self.begin().await?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&self.lock(Lock::Gate)]).await?;
        Ok(transaction)
    }

    /// A transaction without the lock: for data that decides nothing about approvals, such as lanes.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        let connection = self.get().await?;
        connection.batch_execute("BEGIN").await?;
        Ok(Transaction(Some(connection)))
    }

    /// Sets whether PostgreSQL answers. If it does not, this ends all connections, and so the statements on them.
    pub(super) fn set_reachable(&self, reachable: bool) {
        let was_reachable = !self.unreachable.swap(!reachable, Ordering::AcqRel);
        if was_reachable && !reachable {
            self.cuts.cut();
        }
    }

    /// Closes all connections. Later calls fail.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// An open transaction. Dropping it rolls it back.
pub(super) struct Transaction(Option<Connection>);

impl Transaction {
    /// Commits.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if let Some(connection) = self.0.take() {
            // If this fails, the connection must not return to the pool.
            if let Err(error) = connection.batch_execute("COMMIT").await {
                drop(Object::take(connection));
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Commits after a success, and rolls back after a failure.
    pub(super) async fn end<T>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match result {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                // If even this fails, the connection must not return to the pool.
                if let Some(connection) = self.0.take()
                    && connection.batch_execute("ROLLBACK").await.is_err()
                {
                    drop(Object::take(connection));
                }
                Err(error)
            }
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("only `commit` takes the connection, and it consumes the transaction")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Closing the connection ends its transaction.
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
