//! Settings. `tests/it/email` sends messages through a real server.

use super::{
    settings::{RECIPIENTS_MAX, Requesters, settings},
    smtp::Security,
    *,
};
use crate::{
    clock::ManualClock,
    domain::{Actor, ActorKind, NotificationKind, samples::at},
    notify::{
        Fields, Links,
        card::samples::{message, payment},
    },
};

const PLAIN: &str = "host = \"mail.example.org\"\nfrom = \"signoff@example.org\"\nto = [\"a@example.org\"]\n";

fn parsed(text: &str) -> Result<Settings, Vec<String>> {
    let mut fields = Fields::new(text.parse().unwrap());
    let settings = settings(&mut fields);
    let problems: Vec<_> = fields.finish().into_iter().map(|one| format!("{} {}", one.field, one.problem)).collect();
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(problems),
    }
}

#[test]
fn few_settings_are_needed() {
    let settings = parsed(PLAIN).unwrap();
    assert_eq!(
        (settings.smtp.to_string().as_str(), settings.smtp.security),
        ("mail.example.org:587", Security::StartTls)
    );
    assert!(settings.smtp.login.is_none() && settings.requesters.is_none());
    for (tls, port) in [("implicit", 465), ("starttls", 587)] {
        assert_eq!(parsed(&format!("{PLAIN}tls = \"{tls}\"")).unwrap().smtp.port, port);
    }
    assert_eq!(parsed(&format!("{PLAIN}port = 2525")).unwrap().smtp.port, 2525);
}

#[test]
fn messages_leave_this_machine_in_clear_text_only_if_that_is_said() {
    let with = |host: &str, more: &str| {
        parsed(&format!("host = \"{host}\"\nfrom = \"a@b.org\"\nto = [\"c@d.org\"]\ntls = \"none\"\n{more}"))
    };
    for host in ["localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(with(host, "").unwrap().smtp.port, 25);
    }
    for host in ["10.0.0.1", "localhost.example.org", "127.0.0.1.example.org"] {
        let problems = with(host, "").unwrap_err();
        assert!(problems[0].starts_with(&format!("tls is \"none\", and {host} is not this machine")), "{problems:?}");
        assert!(with(host, "allow_plaintext = true").is_ok());
        let problems = with(host, "allow_plaintext = true\nusername = \"u\"\npassword_env = \"P\"").unwrap_err();
        assert_eq!(problems, [format!("username would be sent to {host} without TLS; set tls")]);
    }
    assert!(with("localhost", "username = \"u\"\npassword_env = \"P\"").is_ok());
    assert_eq!(with("localhost", "ca_file = \"/ca\"").unwrap_err(), ["ca_file is set, and tls is \"none\""]);
}

#[test]
fn every_mistake_is_named() {
    for (text, problem) in [
        ("from = \"a@b.org\"\nto = [\"c@d.org\"]", "host is missing"),
        ("host = \"m:25\"\nfrom = \"a@b.org\"\nto = [\"c@d.org\"]", "host must be the name or the address of a host"),
        ("host = \"m\"\nto = [\"c@d.org\"]", "from is missing"),
        ("host = \"m\"\nfrom = \"a@b.org\"", "to is missing; set to or people: the recipients"),
        ("host = \"m\"\nfrom = \"nobody\"\nto = [\"c@d.org\"]", "from has \"nobody\"; must be an address"),
        ("host = \"m\"\nfrom = \"a@b.org\"\nto = [\"x y\"]", "to has \"x y\"; must be an address"),
        (
            "host = \"m\"\nfrom = \"a@b.org\"\npeople = { \"c@d.org\" = \"alice\" }",
            "people has \"alice\" for \"c@d.org\"",
        ),
        (
            "host = \"m\"\nfrom = \"a@b.org\"\npeople = { \"cd\" = \"idp/alice\" }",
            "people has \"cd\"; must be an address",
        ),
    ] {
        let problems = parsed(text).unwrap_err();
        assert!(problems[0].starts_with(problem), "{problems:?}");
    }
    for (more, problem) in [
        ("tls = \"ssl\"", "tls must be \"starttls\", \"implicit\" or \"none\""),
        ("username = \"u\"", "username is set without a password; set password_file or password_env"),
        ("password_env = \"P\"", "username is missing, and a password is set"),
        ("password = \"secret\"", "password must not be in the configuration; set password_file or password_env"),
        ("requester_domains = [\"example.org\"]", "requester_domains is set, and requester is not true"),
        ("requester = true", "requester_issuers is missing: callers name the person"),
        ("port = 0", "port must be a whole number from 1 to 65535"),
        ("colour = \"red\"", "colour is not a field of this kind of channel"),
    ] {
        let problems = parsed(&format!("{PLAIN}{more}")).unwrap_err();
        assert!(problems.iter().any(|one| one.starts_with(problem)), "{problems:?}");
    }
}

#[test]
fn recipients_are_counted_once() {
    let text = "host = \"m\"\nfrom = \"a@b.org\"\nto = [\"Alice <alice@b.org>\", \"c@b.org\", \"c@b.org\"]\n\
                people = { \"alice@b.org\" = \"https://idp/path/alice\" }";
    let settings = parsed(text).unwrap();
    let shown: Vec<_> = settings.recipients.iter().map(|one| format!("{one:?}")).collect();
    assert_eq!(shown, ["Alice <alice@b.org>", "c@b.org"]);
    let alice = Actor { kind: ActorKind::Person, issuer: "https://idp/path".into(), subject: "alice".into() };
    assert_eq!(settings.recipients[0].person, Some(alice));
    let many = |count: usize| {
        let to: Vec<_> = (0..count).map(|n| format!("\"a{n}@b.org\"")).collect();
        parsed(&format!("host = \"m\"\nfrom = \"a@b.org\"\nto = [{}]", to.join(", ")))
    };
    assert!(many(RECIPIENTS_MAX).is_ok());
    assert_eq!(many(RECIPIENTS_MAX + 1).unwrap_err(), ["to and people are 33 recipients; at most 32 are allowed"]);
}

#[test]
fn requesters_are_limited_to_issuers_and_domains() {
    let more = "requester = true\nrequester_issuers = [\"https://idp\"]\nrequester_domains = [\"Example.ORG\"]";
    let requesters = Requesters { issuers: vec!["https://idp".into()], domains: vec!["example.org".into()] };
    assert_eq!(parsed(&format!("{PLAIN}{more}")).unwrap().requesters, Some(requesters));
}

#[test]
fn the_password_is_not_shown() {
    let settings = parsed(&format!("{PLAIN}username = \"u\"\npassword_file = \"/run/secret\"")).unwrap();
    assert!(format!("{settings:?}").contains("/run/secret"));
}

#[tokio::test]
async fn a_silent_server_does_not_use_up_an_attempt() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let to = "\"a@b.org\", \"c@b.org\", \"d@b.org\"";
    let text = format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"s@b.org\"\nto = [{to}]");
    let manual = Arc::new(ManualClock::new(at(0)));
    let clock = Arc::clone(&manual) as Arc<dyn Clock>;
    let channel = parsed(&text).unwrap().build(&Resources { clock, links: Links::default(), minter: None }).unwrap();
    let message = message(&payment(), NotificationKind::Requested, at(0), serde_json::json!({}));
    let time_passes = async {
        while manual.now() < at(60) {
            manual.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::select! {
        result = channel.send(&message, None) => result.unwrap_err(),
        () = time_passes => panic!("it is still sending"),
    };
    let reason = format!(
        "SMTP server 127.0.0.1:{port}: a@b.org: no answer within 10 s; c@b.org: no answer within 10 s; the next attempt \
         is for the other recipients"
    );
    assert_eq!(error, SendError::Retry { reason, after: None });
    assert!(manual.now() < at(0) + SEND_TIMEOUT);
}
