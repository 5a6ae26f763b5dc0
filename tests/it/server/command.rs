//! Commands of the program, and what they become with PostgreSQL.

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{
    databases,
    deployment::{Deployment, deployment},
};

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_signoff");

/// Commands that open a store themselves, with `--data-dir` or `--store`.
const STORE_COMMANDS: [&str; 4] = ["export", "import", "store", "token"];

/// `signoff serve --dev` on a free port of loopback, with a data directory and `key=value` settings.
pub(crate) fn serve(data: &Path, settings: &[&str]) -> Command {
    let mut command = signoff(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

/// The program with arguments, and without the environment of the test. With PostgreSQL, a command on the store of a data
/// directory uses the directory's database.
pub(crate) fn signoff(arguments: &[&str]) -> Command {
    let mut arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let on_store = arguments.first().is_some_and(|first| STORE_COMMANDS.iter().any(|name| first == name));
    if on_store && deployment() != Deployment::Directory {
        for number in 0..arguments.len() {
            if arguments[number] == "--data-dir" {
                let data = arguments.get(number + 1).expect("the directory is given here, to be replaced");
                let url = databases::url_for(Path::new(data));
                (arguments[number], arguments[number + 1]) = ("--store".into(), url.into());
            }
        }
    }
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("RUST_BACKTRACE", "1");
    command
}

/// The commands that a command that becomes a server stands for, and where a balancer of them is to listen. A command that
/// names a store is not changed.
pub(super) fn deployed(data: &Path, command: Command) -> (Vec<Command>, Option<SocketAddr>) {
    let Deployment::Postgres { servers } = deployment() else { return (vec![command], None) };
    let given = command.as_std();
    let mut arguments: Vec<_> = given.get_args().map(|argument| argument.to_str().expect("UTF-8").to_owned()).collect();
    if arguments.iter().any(|argument| argument == "--store" || argument.starts_with("store=")) {
        return (vec![command], None);
    }
    assert!(
        given.get_program() == PROGRAM && arguments.first().is_some_and(|first| first == "serve"),
        "this test does not start `signoff serve` itself: list it in xtask/src/stores.rs"
    );
    arguments.extend(["--store".to_owned(), databases::url_for(data)]);
    let balanced = (servers > 1).then(|| take_address(&mut arguments));
    let directories: Vec<_> = (0..servers).map(|number| directory(data, number)).collect();
    if servers > 1 && arguments.iter().any(|argument| argument == "--dev") {
        share_tokens(&directories);
    }
    let commands = directories.iter().map(|own| {
        let mut command = Command::new(PROGRAM);
        let own = own.to_str().expect("UTF-8");
        command.args(arguments.iter().map(|argument| if Path::new(argument) == data { own } else { argument }));
        command.env_clear();
        command.envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = given.get_current_dir() {
            command.current_dir(directory);
        }
        command
    });
    (commands.collect(), balanced)
}

/// The directory of one of several servers: they share nothing on a disk. The first has the one that the test names.
fn directory(data: &Path, number: usize) -> PathBuf {
    if number == 0 { data.to_owned() } else { data.join(format!("of-server-{number}")) }
}

/// The address to listen on; the servers themselves get free ports.
fn take_address(arguments: &mut [String]) -> SocketAddr {
    const FREE: &str = "127.0.0.1:0";
    for number in 0..arguments.len() {
        if let Some(address) = arguments[number].strip_prefix("--listen=") {
            let address = address.parse().expect("an address");
            arguments[number] = format!("--listen={FREE}");
            return address;
        }
        if arguments[number] == "--listen" {
            let address = std::mem::replace(&mut arguments[number + 1], FREE.to_owned());
            return address.parse().expect("an address");
        }
    }
    panic!("a server without an address: list the test in xtask/src/stores.rs")
}

/// Creates the same tokens of development mode in these directories, unless the first has some.
pub(crate) fn share_tokens(directories: &[PathBuf]) {
    let file = |directory: &PathBuf| directory.join("dev-tokens.json");
    if file(&directories[0]).exists() {
        return;
    }
    let random = || format!("{}", uuid::Uuid::new_v4().simple());
    let tokens = ["agent", "reviewer", "operator"].map(|role| (role, format!("dev_{role}_{}", random())));
    let tokens: serde_json::Value = tokens.into_iter().collect();
    for directory in directories {
        // A directory in which the server cannot create its files either is the test's concern.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        if let Ok(mut file) = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file(directory)) {
            file.write_all(tokens.to_string().as_bytes()).expect("the tokens are written");
        }
    }
}
