//! The PostgreSQL of a test or benchmark: a cluster of its own, without TCP, which is gone when the process has ended.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// Where Debian's packages have the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The oldest version that is supported.
const OLDEST: u32 = 15;

/// The user that runs it if the tests run as root, which PostgreSQL rejects. Debian's package creates it.
const USER: &str = "postgres";

/// Settings for tests. Nothing in their cluster is worth a sync: it does not survive them.
const FOR_TESTS: &[&str] = &[
    "fsync = off",
    "full_page_writes = off",
    "wal_level = minimal",
    "max_wal_senders = 0",
    "shared_buffers = 64MB",
    "autovacuum = off",
];

/// A running cluster. It stops when dropped, and when the pipe to its guard closes: at the latest when the process ends,
/// however it does.
pub(crate) struct Cluster {
    guard: Child,
    /// The directory of its socket.
    pub(crate) directory: PathBuf,
}

/// The settings of connections to the first database of the tests' cluster.
pub(crate) fn connection() -> tokio_postgres::Config {
    connection_in(directory())
}

/// The settings of connections to the first database of the cluster with a directory.
pub(crate) fn connection_in(directory: &Path) -> tokio_postgres::Config {
    let mut settings = tokio_postgres::Config::new();
    settings.host_path(directory).user("signoff").dbname("postgres");
    settings
}

/// The directory of the tests' cluster.
pub(crate) fn directory() -> &'static Path {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    &CLUSTER.get_or_init(|| Cluster::start(&std::env::temp_dir(), FOR_TESTS)).directory
}

impl Cluster {
    /// Starts one in a new directory in `parent`, with these lines in its configuration.
    pub(crate) fn start(parent: &Path, settings: &[&str]) -> Self {
        let mut command = shell(include_str!("cluster.sh"));
        command.arg(parent).args(settings);
        let mut guard = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut directory = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut directory).unwrap();
        if directory.is_empty() {
            let mut reason = String::new();
            guard.stderr.take().unwrap().take(64 * 1024).read_to_string(&mut reason).unwrap();
            panic!("cannot start PostgreSQL: {reason}");
        }
        Self { guard, directory: directory.trim_end().into() }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait(); // it may have ended
    }
}

/// A shell that runs a script, as a user that PostgreSQL accepts. The script's argument is the directory of the programs.
pub(crate) fn shell(script: &str) -> Command {
    let programs = programs(Path::new(DEBIAN)).unwrap_or_else(|| {
        panic!(
            "PostgreSQL {OLDEST} or later is not installed: run `cargo xtask setup`, or install Debian's package \
             `postgresql` (looked in {DEBIAN})"
        )
    });
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command.args(["-c", script, "sh"]).arg(programs);
    // In a group of its own, so that Ctrl-C leaves it the time to clean up.
    command.current_dir("/").process_group(0);
    command
}

/// The programs of the newest version.
fn programs(versions: &Path) -> Option<PathBuf> {
    let version = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
    let found = std::fs::read_dir(versions).ok()?.filter_map(version).filter(|version| *version >= OLDEST);
    let programs = |version: u32| versions.join(version.to_string()).join("bin");
    found.filter(|version| programs(*version).join("initdb").exists()).max().map(programs)
}

#[test]
fn the_newest_version_with_a_server_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let versions = directory.path();
    assert_eq!(programs(&versions.join("missing")), None);
    for (version, server) in [("9", true), ("14", true), ("15", true), ("16", true), ("17", false), ("other", true)] {
        let bin = versions.join(version).join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        if server {
            std::fs::write(bin.join("initdb"), "").unwrap();
        }
    }
    assert_eq!(programs(versions), Some(versions.join("16/bin")));
    std::fs::remove_dir_all(versions.join("16")).unwrap();
    std::fs::remove_dir_all(versions.join("15")).unwrap();
    assert_eq!(programs(versions), None, "14 is too old");
}
