//! What PostgreSQL's settings promise about an acknowledged decision.

use std::fmt;

use deadpool_postgres::ClientWrapper;

use crate::store::StoreError;

/// What an acknowledged decision survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Not even a crash of the primary's machine: `fsync` is off.
    Process,
    /// A crash of the primary's machine, if its disk is intact.
    Primary,
    /// The loss of the primary: a synchronous standby has it on disk.
    Standby,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "fsync is off: an acknowledged decision can be lost when the primary's machine crashes",
            Self::Primary => "an acknowledged decision survives a crash of the primary, and not the loss of its disk",
            Self::Standby => "an acknowledged decision survives the loss of the primary",
        })
    }
}

impl Durability {
    /// By the values of `fsync`, `synchronous_commit` and `synchronous_standby_names`.
    fn of(fsync: &str, commit: &str, standbys: &str) -> Self {
        // `remote_write` does not wait for the standby's disk.
        let waits = matches!(commit, "on" | "remote_apply");
        if fsync != "on" {
            Self::Process
        } else if waits && !standbys.trim().is_empty() {
            Self::Standby
        } else {
            Self::Primary
        }
    }

    /// Reads the settings of a connection.
    pub(super) async fn read(client: &ClientWrapper) -> Result<Self, StoreError> {
        let sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), \
                   current_setting('synchronous_standby_names')";
        let row = client.query_one(&client.prepare_cached(sql).await?, &[]).await?;
        Ok(Self::of(row.get(0), row.get(1), row.get(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_counts() {
        for (fsync, commit, standbys, durability) in [
            ("on", "on", "ANY 1 (a, b)", Durability::Standby),
            ("on", "remote_apply", "a", Durability::Standby),
            ("on", "remote_write", "a", Durability::Primary),
            ("on", "local", "a", Durability::Primary),
            ("on", "on", " ", Durability::Primary),
            ("off", "on", "a", Durability::Process),
        ] {
            assert_eq!(Durability::of(fsync, commit, standbys), durability, "{fsync} {commit} {standbys}");
        }
        assert!(Durability::Process < Durability::Primary && Durability::Primary < Durability::Standby);
    }
}
