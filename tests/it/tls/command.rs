//! The `signoff` command over TLS, and without.

use std::process::Output;

use super::{Authority, Files};
use crate::server::{Server, signoff, soon};

/// Runs the command with these variables.
async fn run(variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = signoff(arguments);
    command.envs(variables.iter().copied()).kill_on_drop(true);
    let Output { status, stdout, stderr } = soon("the command ends", command.output()).await.unwrap();
    (status.code(), [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).concat())
}

#[tokio::test]
async fn the_command_trusts_the_configured_authority() {
    let (files, others) = (Files::new(), Authority::new("others"));
    let server = files.start(&[]).await;
    let address = format!("https://{}", server.address());
    let (ca, other) = (files.path("ca.crt").display().to_string(), files.path("other.crt").display().to_string());
    std::fs::write(&other, others.pem()).unwrap();
    let health = ["health", "--address", &address];

    let (code, told) = run(&[], &[&health[..], &["--ca", &ca]].concat()).await;
    assert_eq!((code, told.trim()), (Some(0), "SERVING"));
    assert_eq!(run(&[("SIGNOFF_CA", &ca)], &health).await.0, Some(0));
    // The system's authorities.
    assert_eq!(run(&[("SSL_CERT_FILE", &ca)], &health).await.0, Some(0));
    for variable in ["SIGNOFF_CA", "SSL_CERT_FILE"] {
        let (code, told) = run(&[(variable, &other)], &health).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("certificate signed by an unknown CA") && told.contains("--ca"), "{told}");
    }
    let (code, told) = run(&[("SIGNOFF_CA", "/nonexistent/ca.crt")], &health).await;
    assert!(code == Some(1) && told.contains("/nonexistent/ca.crt: "), "{told}");
    let (code, told) = run(&[], &["health", "--address", &server.address().to_string()]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("https://"), "{told}");

    let token = [("SIGNOFF_TOKEN", server.tokens().reviewer.as_str()), ("SIGNOFF_CA", &ca)];
    assert_eq!(run(&token, &["pending", "--address", &address]).await.0, Some(0));
}

#[tokio::test]
async fn the_command_sends_its_certificate() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let server = files.start(&[&files.client_ca(&clients), "tls.require_client_certificate=true"]).await;
    let leaf = clients.client();
    let path = |name: &str| files.path(name).display().to_string();
    let (ca, certificate, key) = (path("ca.crt"), path("client.crt"), path("client.key"));
    std::fs::write(&certificate, leaf.certificate).unwrap();
    std::fs::write(&key, leaf.key).unwrap();
    let address = format!("https://{}", server.address());
    let health = ["health", "--address", &address, "--ca", &ca];

    // Several times: the alert that names the cause races with the call.
    for _ in 0..5 {
        let (code, told) = run(&[], &health).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("set --certificate and --key") && !told.contains("https:// address"), "{told}");
    }
    let (code, told) = run(&[], &[&health[..], &["--certificate", &certificate, "--key", &key]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    let variables = [("SIGNOFF_CERTIFICATE", certificate.as_str()), ("SIGNOFF_KEY", &key)];
    assert_eq!(run(&variables, &health).await.0, Some(0));
    let (code, told) = run(&variables[..1], &health).await;
    assert!(code == Some(2) && told.contains("--certificate and --key: set both or neither"), "{told}");
}

#[tokio::test]
async fn a_token_is_not_sent_without_tls() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    // Not a loopback address, although it leads there.
    let address = format!("http://0.0.0.0:{}", server.address().port());
    let pending = ["pending", "--address", &address];
    let token = [("SIGNOFF_TOKEN", server.tokens().reviewer.as_str())];

    let (code, told) = run(&token, &pending).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("without TLS") && told.contains("--insecure"), "{told}");
    assert_eq!(run(&token, &[&pending[..], &["--insecure"]].concat()).await.0, Some(0));
    assert_eq!(run(&[token[0], ("SIGNOFF_INSECURE", "true")], &pending).await.0, Some(0));
    assert_eq!(run(&[token[0], ("SIGNOFF_INSECURE", "false")], &pending).await.0, Some(2));
    assert_eq!(run(&[], &["health", "--address", &address]).await.0, Some(0), "without a token there is no secret");
}
