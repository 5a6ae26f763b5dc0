//! `signoff serve --dev`: the files to source.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    server::{Process, Server, signoff, soon},
    terminal::{terminal, text, typed},
};

/// The data directory of development mode in a home directory.
fn data(home: &Path) -> PathBuf {
    home.join(".local/state/signoff/dev")
}

/// `signoff serve --dev` in its own home directory, on a free port.
async fn start(home: &Path) -> Server {
    let mut command = signoff(&["serve", "--dev", "--listen=127.0.0.1:0"]);
    command.env("HOME", home);
    Process::spawn(&data(home), command).listening().await.unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
}

#[tokio::test]
async fn each_env_file_sets_an_identity_and_no_output_has_a_token() {
    let home = tempfile::tempdir().unwrap();
    for start_number in 1..=2 {
        let server = start(home.path()).await;
        for (file, name) in
            [("agent.env", "dev/agent"), ("reviewer.env", "dev/reviewer"), ("operator.env", "dev/operator")]
        {
            let path = data(home.path()).join(file);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            // The second start listens on another port.
            let whoami = typed(&mut terminal(home.path(), &format!(". {}\nsignoff whoami", path.display()))).await;
            assert!(whoami.status.success() && text(&whoami).contains(name), "{start_number}: {}", text(&whoami));
            assert!(server.log().contains(file), "{}", server.log());
        }
        let tokens = server.tokens().clone();
        for token in [&tokens.agent, &tokens.reviewer, &tokens.operator] {
            assert!(!server.log().contains(token.as_str()), "{}", server.log());
        }
        assert!(server.stop().await.success());
    }
}

#[tokio::test]
async fn env_files_are_removed_when_the_server_does_not_accept_their_tokens() {
    let home = tempfile::tempdir().unwrap();
    assert!(start(home.path()).await.stop().await.success());
    let data = data(home.path());
    let create = ["token", "create", "--subject", "olga", "--kind", "person", "--role", "operator", "--data-dir"];
    let mut create = signoff(&[&create[..], &[data.to_str().unwrap()]].concat());
    assert!(soon("a token is made", create.output()).await.unwrap().status.success());
    let mut command = signoff(&["serve", "--listen=127.0.0.1:0", "--data-dir"]);
    command.arg(&data);
    let server =
        Process::spawn(&data, command).listening().await.unwrap_or_else(|(status, log)| panic!("{status}: {log}"));
    assert!(!data.join("agent.env").exists() && !data.join("operator.env").exists());
    assert!(data.join("dev-tokens.json").exists(), "development mode keeps its tokens");
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn development_mode_does_not_overwrite_a_foreign_file() {
    let home = tempfile::tempdir().unwrap();
    let data = data(home.path());
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("agent.env"), "export SIGNOFF_TOKEN=mine\n").unwrap();
    let mut command = signoff(&["serve", "--dev", "--listen=127.0.0.1:0"]);
    command.env("HOME", home.path());
    let (code, log) = super::refused(&data, command).await;
    assert!(code == Some(1) && log.contains("agent.env was not created by `signoff serve --dev`; rename it"), "{log}");
    assert_eq!(crate::files::text(data.join("agent.env")).unwrap(), "export SIGNOFF_TOKEN=mine\n");
}

/// Kubernetes sets these in every pod of a namespace that has services of these names.
#[tokio::test]
async fn a_server_ignores_kubernetes_service_variables_and_reports_misspelled_ones() {
    let service = [
        ("SIGNOFF_SERVICE_HOST", "10.0.0.11"),
        ("SIGNOFF_SERVICE_PORT", "7766"),
        ("SIGNOFF_SERVICE_PORT_GRPC", "7766"),
        ("SIGNOFF_PORT", "tcp://10.0.0.11:7766"),
        ("SIGNOFF_PORT_7766_TCP", "tcp://10.0.0.11:7766"),
        ("SIGNOFF_PORT_7766_TCP_PROTO", "tcp"),
        ("SIGNOFF_PORT_7766_TCP_PORT", "7766"),
        ("SIGNOFF_PORT_7766_TCP_ADDR", "10.0.0.11"),
        ("SIGNOFF_WEB_SERVICE_HOST", "10.0.0.12"),
        ("SIGNOFF_WEB_PORT", "tcp://10.0.0.12:80"),
    ];
    let home = tempfile::tempdir().unwrap();
    let command = |more: &[(&str, &str)]| {
        let mut command = signoff(&["serve", "--dev", "--listen=127.0.0.1:0"]);
        command.env("HOME", home.path()).envs(service).envs(more.iter().copied());
        command
    };
    let data = data(home.path());
    let started = Process::spawn(&data, command(&[])).listening().await;
    let server = started.unwrap_or_else(|(status, log)| panic!("{status}: {log}"));
    let agent = format!(". {}/agent.env", data.display());
    let mut whoami = terminal(home.path(), &format!("{agent}\nsignoff whoami"));
    whoami.envs(service);
    assert!(soon("it answers", whoami.output()).await.unwrap().status.success());
    assert!(server.stop().await.success());
    let (code, log) = super::refused(&data, command(&[("SIGNOFF_LISTN", "[::1]:1"), ("SIGNOFF_PORT", "7766")])).await;
    assert_eq!(code, Some(2), "{log}");
    for variable in ["SIGNOFF_LISTN", "SIGNOFF_PORT"] {
        let told = format!("environment {variable}: unknown variable; did you mean SIGNOFF_LISTEN?");
        assert!(log.contains(&told), "{log}");
    }
}
