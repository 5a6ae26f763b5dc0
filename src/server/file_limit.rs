//! The limit of open files. Every connection is one open file.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files other than connections: the store's, listeners, files being reloaded, the runtime's.
const OTHERS: u64 = 64;

/// Raises the soft limit of open files to the hard limit, and warns when it is too low for `connections`. The default
/// soft limit is low only for programs that use `select`; this one does not.
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

/// A warning when the limit is too low for this number of connections.
fn shortage(limit: u64, connections: u32) -> Option<String> {
    let needed = u64::from(connections) + OTHERS;
    (limit < needed).then(|| {
        format!(
            "the limit of open files is {limit}, but limits.connections = {connections} needs {needed}: raise the hard \
             limit (`ulimit -Hn`, systemd's LimitNOFILE), or lower limits.connections"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_below_the_connections_is_reported() {
        assert_eq!(shortage(1_064, 1_000), None);
        let told = shortage(1_063, 1_000).unwrap();
        assert!(
            told.starts_with("the limit of open files is 1063, but limits.connections = 1000 needs 1064"),
            "{told}"
        );
    }
}
