//! `signoff store migrate` and `signoff store status`: the tables in a PostgreSQL database.

use std::process::ExitCode;

use serde::Serialize;

use super::failed;
use crate::store::{PostgresConfig, PostgresOpenError, PostgresStore, PostgresUrl, SchemaVersion};

/// A database.
#[derive(Debug, clap::Args)]
pub(crate) struct DatabaseArgs {
    /// URL of the database; PGPASSWORD has its password
    #[arg(long, value_name = "URL")]
    store: PostgresUrl,
}

/// The versions, as JSON.
#[derive(Serialize)]
struct Versions {
    applied: i32,
    known: i32,
}

pub(super) async fn migrate(args: &DatabaseArgs, json: bool) -> ExitCode {
    print(open(args, true).await, json)
}

pub(super) async fn status(args: &DatabaseArgs, json: bool) -> ExitCode {
    print(open(args, false).await, json)
}

async fn open(args: &DatabaseArgs, migrate: bool) -> Result<SchemaVersion, PostgresOpenError> {
    let config = PostgresConfig::new(&args.store, None).await?;
    if migrate { PostgresStore::migrate(&config).await } else { PostgresStore::schema_version(&config).await }
}

fn print(version: Result<SchemaVersion, PostgresOpenError>, json: bool) -> ExitCode {
    let SchemaVersion { applied, newest: known, needs } = match version {
        Ok(version) => version,
        Err(error) => return failed(&error),
    };
    if json {
        match serde_json::to_string(&Versions { applied, known }) {
            Ok(line) => anstream::println!("{line}"),
            Err(error) => return failed(&error),
        }
    } else if applied == 0 {
        anstream::println!("no tables; this build has version {known}");
    } else if needs > known {
        anstream::println!(
            "version {applied}; this build has version {known}, and cannot serve it: use a newer signoff"
        );
    } else {
        anstream::println!("version {applied}; this build has version {known}");
    }
    ExitCode::SUCCESS
}
