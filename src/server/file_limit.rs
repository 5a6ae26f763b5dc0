//! How many files the process may have open, of which every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open beside connections: the store's, listeners, those that are being read again, the runtime's.
const OTHERS: u64 = 64;

/// Raises the soft limit of open files to the hard one, as nothing here waits with `select`, which is what the low
/// default is for. Says when `connections` will not fit.
pub(super) fn raise(connections: u32) {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => tracing::debug!(before = before.current, now = before.maximum, "raised the limit of open files"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current
        && let Some(message) = shortage(limit, connections)
    {
        tracing::warn!("{message}");
    }
}

/// What is wrong with a limit of open files, for so many connections.
fn shortage(limit: u64, connections: u32) -> Option<String> {
    let needed = u64::from(connections) + OTHERS;
    (limit < needed).then(|| {
        format!(
            "the process may have {limit} files open, but limits.connections = {connections} needs {needed}: raise the hard \
             limit (`ulimit -Hn`, LimitNOFILE of systemd), or lower limits.connections"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_do_not_fit_are_told() {
        assert_eq!(shortage(1_064, 1_000), None);
        let told = shortage(1_063, 1_000).unwrap();
        assert!(
            told.starts_with("the process may have 1063 files open, but limits.connections = 1000 needs 1064"),
            "{told}"
        );
    }
}
