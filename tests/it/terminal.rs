//! Commands as a person types them: a shell in which `signoff` is installed.

use std::{
    path::Path,
    process::{Output, Stdio},
};

use tokio::process::{Child, Command};

use crate::server::soon;

/// A POSIX shell, as in a terminal of its own: it begins in the repository, and knows only its home.
pub(crate) fn terminal(home: &Path, commands: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_signoff")).parent().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", commands]).env_clear().env("HOME", home);
    command.env("PATH", format!("{}:/usr/bin:/bin", program.display())).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.kill_on_drop(true);
    command
}

/// Runs commands to their end.
pub(crate) async fn typed(command: &mut Command) -> Output {
    soon("the commands end", command.stdin(Stdio::null()).output()).await.unwrap()
}

/// Starts commands that wait for something.
pub(crate) fn begun(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What commands printed: results, then what is beside them.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
