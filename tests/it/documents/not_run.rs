//! Commands of the documentation that are not run, with the reason. The table is meant to shrink.

/// A page, how its commands begin, and why they are not run.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "cargo install", INSTALLED),
    ("README.md", "python3 -m venv", PYTHON),
    ("README.md", ".venv/bin/", PYTHON),
    ("docs/start.md", "cargo install", INSTALLED),
    ("docs/start.md", "python3 -m venv", PYTHON),
    ("docs/start.md", ".venv/bin/", PYTHON),
    ("docs/command.md", "$ signoff ", "src/cli/tests/captures.rs compares what it prints, on a terminal"),
    ("docs/command.md", "signoff demo", "tests/it/demo.rs plays it"),
    ("docs/command.md", "signoff notify ", "src/cli/tests/notify.rs runs them"),
    ("docs/deployment.md", "install ", INSTALLS),
    ("docs/deployment.md", "systemd-sysusers", INSTALLS),
    ("docs/deployment.md", "runuser ", INSTALLS),
    ("docs/deployment.md", "systemctl ", INSTALLS),
    ("docs/deployment.md", "docker ", "needs Docker: cargo xtask deploy checks the compose file, and starts the image"),
    ("docs/deployment.md", "helm ", CLUSTER),
    ("docs/deployment.md", "kubectl ", CLUSTER),
    ("docs/notifications.md", "signoff config check ", "needs the example's configuration"),
    ("docs/notifications.md", "signoff notify ", "needs the example's channels; src/cli/tests/notify.rs runs them"),
    ("docs/notifications.md", "ntfy ", "commands of another program"),
    ("docs/postgresql.md", "export PGPASSWORD", POSTGRES),
    ("docs/postgresql.md", "signoff ", POSTGRES),
    ("docs/security.md", "grpcurl ", "calls a server on another machine"),
    ("docs/troubleshooting.md", "umask ", MAKES_ROOM),
    ("docs/troubleshooting.md", "signoff export ", MAKES_ROOM),
    ("docs/troubleshooting.md", "grep -v ", MAKES_ROOM),
    ("docs/troubleshooting.md", "signoff import ", MAKES_ROOM),
    ("docs/troubleshooting.md", "signoff token create ", MAKES_ROOM),
    ("docs/adapters/langchain4j.md", "(cd clients/java/adapters && mvn install", MAVEN),
    ("docs/adapters/spring-ai.md", "(cd clients/java/adapters && mvn install", MAVEN),
];

const INSTALLED: &str = "cargo has built the program for these tests";
const INSTALLS: &str = "changes this machine: cargo xtask deploy checks the unit, its user and the archive";
const CLUSTER: &str = "needs a cluster: cargo xtask deploy renders the chart";
const POSTGRES: &str = "needs a database: tests/it/postgres.rs makes one, and runs these commands with it";
const PYTHON: &str = "needs packages: clients/python/tests/test_start.py runs the page's program";
const MAKES_ROOM: &str = "tests/it/tokens/commands.rs: an_export_without_its_tokens_makes_room";
const MAVEN: &str = "needs packages: clients/java/scripts/test builds the adapters";

/// Which rows of the table were used.
#[derive(Default)]
pub(super) struct Listed([bool; NOT_RUN.len()]);

impl Listed {
    /// Whether the table has the command of this page.
    pub(super) fn has(&mut self, page: &str, command: &str) -> bool {
        let row = NOT_RUN.iter().position(|(of, begins, _)| *of == page && command.starts_with(begins));
        row.map(|row| self.0[row] = true).is_some()
    }

    /// Fails when the documentation no longer has a command of the table.
    pub(super) fn end(&self) {
        let unused: Vec<_> = NOT_RUN.iter().zip(self.0).filter(|(_, used)| !used).map(|(row, _)| row).collect();
        assert!(unused.is_empty(), "no page has these commands; remove the rows: {unused:#?}");
    }
}
