//! deploy/signoff.toml: a server starts with it, and its examples are settings that the server accepts.

use super::sandbox::Sandbox;

fn sample() -> String {
    crate::files::text(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/signoff.toml")).unwrap()
}

/// A sandbox with the files that the sample names.
fn sandbox(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, content) in [
        ("signoff.toml", text),
        ("tls.crt", &made.cert.pem()),
        ("tls.key", &made.signing_key.serialize_pem()),
        ("clients.crt", &made.cert.pem()),
        ("policy.yaml", "{}\n"),
        ("oidc.secret", "secret\n"),
        ("slack-webhook.url", "https://hooks.slack.com/services/T0/B0/secret\n"),
        ("audit-hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
    ] {
        sandbox.save(&format!("etc/signoff/{name}"), content);
    }
    sandbox
}

/// The text with the examples in it: lines such as `# retain = "365d"` and `# [channels.audit-hook]`.
fn with_examples(text: &str) -> String {
    let is_setting = |line: &str| {
        let key = line.split(" = ").next().filter(|key| key.len() < line.len());
        line.starts_with("[channels.")
            || key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_')))
    };
    let line = |line: &str| line.strip_prefix("# ").filter(|line| is_setting(line)).map(str::to_owned);
    text.lines().map(|text| line(text).unwrap_or_else(|| text.to_owned()) + "\n").collect()
}

#[tokio::test]
async fn a_server_starts_with_the_sample_configuration() {
    let sandbox = sandbox(&sample());
    let checked = sandbox.run("signoff config check --config /etc/signoff/signoff.toml").await;
    assert!(checked.contains("tls.certificate = "), "{checked}");
    // As the sample says.
    let created =
        sample().lines().find_map(|line| line.split_once("signoff token create ")).map(|(_, args)| args.to_owned());
    sandbox.run(&format!("signoff token create {}", created.expect("the sample has the command"))).await;
    let server = sandbox.serve("signoff serve --config /etc/signoff/signoff.toml --set log.format=text").await;
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn the_examples_of_the_sample_configuration_are_settings() {
    let text = with_examples(&sample());
    for setting in ["\npolicy = ", "\noidc.issuer = ", "\nroles.operator = ", "\nretain = ", "\n[channels.audit-hook]"]
    {
        assert!(text.contains(setting) && !sample().contains(setting), "{setting}");
    }
    let checked = sandbox(&text).run("signoff config check --config /etc/signoff/signoff.toml").await;
    assert!(checked.contains("retain = \"365d\""), "{checked}");
}
