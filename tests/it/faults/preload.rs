//! The library that is preloaded into a server, and intercepts its file calls: `inject.c`, compiled once per test
//! process.

use std::{
    path::{Path, PathBuf},
    process::Command as Program,
    sync::OnceLock,
};

use tokio::process::Command;

use crate::server::serve;

/// A server whose calls go through the library.
pub(super) fn preloaded(data: &Path, settings: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = serve(data, settings);
    command.env("LD_PRELOAD", library()).env("FAULT_DIR", data).envs(variables.iter().copied());
    command
}

fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // Named by pid: several test processes may run simultaneously.
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inject-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults/inject.c");
        let compiled = Program::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .status();
        assert!(compiled.expect("a C compiler, `cc`").success(), "inject.c does not compile");
        library
    })
}
