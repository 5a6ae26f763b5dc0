//! What the tests run the server on: `SIGNOFF_IT_STORE` of the test process.
//!
//! Without it, each server has its store in its data directory. With `postgres`, it has it in PostgreSQL, in a database for
//! each data directory. With `postgres:3`, three servers share that database, behind a [balancer](crate::balancer). Some tests
//! are about one of these only; `xtask/src/stores.rs` lists them, with the reasons.

use std::sync::LazyLock;

/// The store of the tests' servers, and how many servers share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployment {
    /// One server, with its store in its data directory.
    Directory,
    /// This many servers, with one store in PostgreSQL.
    Postgres { servers: usize },
}

/// What this test process runs.
pub(crate) fn deployment() -> Deployment {
    static DEPLOYMENT: LazyLock<Deployment> = LazyLock::new(|| {
        let text = std::env::var("SIGNOFF_IT_STORE").unwrap_or_default();
        parse(&text).unwrap_or_else(|| panic!("SIGNOFF_IT_STORE={text}: not postgres or postgres:N"))
    });
    *DEPLOYMENT
}

/// Whether the store is in the data directory.
pub(crate) fn in_directory() -> bool {
    deployment() == Deployment::Directory
}

fn parse(text: &str) -> Option<Deployment> {
    match text.split_once(':') {
        None if text.is_empty() => Some(Deployment::Directory),
        None => (text == "postgres").then_some(Deployment::Postgres { servers: 1 }),
        Some((store, servers)) => {
            let servers = servers.parse().ok().filter(|servers| (1..=9).contains(servers))?;
            (store == "postgres").then_some(Deployment::Postgres { servers })
        }
    }
}

#[test]
fn a_misspelled_deployment_is_not_the_default_one() {
    assert_eq!(parse(""), Some(Deployment::Directory));
    assert_eq!(parse("postgres"), Some(Deployment::Postgres { servers: 1 }));
    assert_eq!(parse("postgres:3"), Some(Deployment::Postgres { servers: 3 }));
    for wrong in ["sled", "Postgres", "postgres:", "postgres:0", "postgres:10", "other:3"] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}
