//! Tables of channels, and the channels that are told by default.

use std::time::Duration;

use super::*;
use crate::{domain::NotificationKind, notify::KINDS};

const FINANCE: &str = "[channels.finance]\nkind = 'test'\nurl = 'https://a.example'\ntoken_env = 'SIGNOFF_CHAT'\n";

fn rejected(file: &str, set: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let errors = load_file(file, dev(set), env(variables)).expect_err("not rejected");
    errors.lines().map(str::to_owned).collect()
}

/// The names of all kinds.
fn kinds() -> String {
    KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
}

#[test]
fn channels_are_tables_of_the_file() {
    let file = format!(
        "notify.default = ['finance']\n{FINANCE}[channels.b]\nkind = 'test'\nurl = 'u'\nevents = ['decided']\n\
         after = '2m'\ninterruptions = 1_000\nusers.\"a@b\" = 'U1'\n"
    );
    let config = load_file(&file, dev(&[]), env(&[("SIGNOFF_CHAT", "s3cret")])).unwrap();
    let names: Vec<_> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["b", "finance"]);
    let (b, finance) = (&config.channels[0], &config.channels[1]);
    assert_eq!((b.kind_name, b.interruptions, finance.interruptions), ("test", Some(1_000), Some(20)));
    assert_eq!(b.subscription.kinds, [NotificationKind::Decided].into());
    assert_eq!((b.subscription.after, finance.subscription.after), (Duration::from_secs(120), Duration::ZERO));
    assert_eq!(finance.subscription.kinds.len(), NotificationKind::ALL.len());
    assert_eq!(finance.secrets.len(), 1);
    let routes = config.routes();
    assert_eq!(routes.channels.get(&b.name), Some(&b.subscription));
    assert_eq!(routes.default, [finance.name.clone()].into());
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn all_problems_of_all_channels_are_told_with_their_places() {
    let file = "notify.default = ['finanse', 'gone', 'b']\n\
                [channels.finance]\nkind = 'test'\nulr = 'https://a.example'\nafter = 3\ntoken = 's3cret'\n\
                [channels.b]\nkind = 'carrier-pigeon'\nevents = ['decide']\n\
                [channels.c]\ninterruptions = 1001\n\
                [channels.d_]\nkind = 'test'\n\
                [channels]\ne = 5\n\
                [[channels.f]]\nkind = 'test'\n";
    let told = rejected(file, &[], &[]);
    let expected = [
        "signoff.toml:2:11: channels.finance.url is missing",
        "signoff.toml:4:1: channels.finance.ulr is not a field of this kind of channel; did you mean url?",
        "signoff.toml:5:9: channels.finance.after must be a duration from 0s to 1d, such as \"30s\"",
        "signoff.toml:6:9: channels.finance.token must not be in the configuration; set token_file or token_env",
        &format!("signoff.toml:8:8: channels.b.kind has no value \"carrier-pigeon\"; allowed: {}", kinds()),
        "signoff.toml:9:10: channels.b.events has no kind \"decide\"; did you mean decided?",
        &format!("signoff.toml:10:11: channels.c.kind is missing; allowed: {}", kinds()),
        "signoff.toml:11:17: channels.c.interruptions must be a whole number from 1 to 1000",
        "signoff.toml:12:11: channels: d_ is not allowed; allowed: a name of 1–32 of a-z, 0-9 and -, beginning with a \
         letter or digit",
        "signoff.toml:15:5: channels.e: 5 is not allowed; allowed: a table of settings",
        "signoff.toml:16:1: channels.f: [[channels.f]] is not allowed; allowed: a table of settings",
        "signoff.toml:1:18: notify.default: no channel is named finanse; did you mean finance?",
        "signoff.toml:1:18: notify.default: no channel is named gone; configured: b, c, e, f, finance",
    ];
    assert_eq!(told, expected);
    let told = rejected("channels = ['a']", &["notify.default=a"], &[]);
    let expected = [
        "signoff.toml:1:12: channels: ['a'] is not allowed; allowed: tables [channels.NAME]",
        "flag --set notify.default: notify.default: no channel is named a; add a table [channels.a] to the \
         configuration file",
    ];
    assert_eq!(told, expected);
}

#[test]
fn there_are_at_most_32_channels() {
    let file = |channels: usize| (0..channels).map(|n| format!("channels.c{n} = {{ kind = 'test', url = 'u' }}\n"));
    let most: String = file(32).collect();
    assert_eq!(load_file(&most, dev(&[]), env(&[])).unwrap().channels.len(), 32);
    let more: String = file(34).collect();
    assert_eq!(
        rejected(&more, &[], &[]),
        ["signoff.toml:33:10: channels: 34 channels is not allowed; allowed: at most 32"]
    );
}

#[test]
fn only_the_file_defines_channels() {
    const TOLD: &str = "channels are configured in the TOML file only, in tables [channels.NAME]; a secret of a channel \
                        can be in any variable that a field NAME_env of its table names";
    let told = rejected(
        FINANCE,
        &["channels.x.kind=test", "channels=x"],
        &[("SIGNOFF_CHANNELS", "x"), ("SIGNOFF_CHANNELS_X_URL", "x"), ("SIGNOFF_CHAT", "s3cret")],
    );
    let expected = [
        format!("environment SIGNOFF_CHANNELS: {TOLD}"),
        format!("environment SIGNOFF_CHANNELS_X_URL: {TOLD}"),
        format!("flag --set channels: {TOLD}"),
        format!("flag --set channels.x.kind: {TOLD}"),
    ];
    assert_eq!(told, expected);
    // A variable with a secret may have any name, in a table that has another problem too.
    let file = FINANCE.replace("SIGNOFF_CHAT", "SIGNOFF_CHANNELS_CHAT");
    let chat = [("SIGNOFF_CHANNELS_CHAT", "s3cret")];
    assert!(load_file(&file, dev(&[]), env(&chat)).is_ok());
    assert_eq!(
        rejected(&format!("{file}after = '2d'"), &[], &chat),
        ["signoff.toml:5:9: channels.finance.after must be a duration from 0s to 1d, such as \"30s\""]
    );
    assert_eq!(rejected("chanels = 5", &[], &[]), ["signoff.toml:1:1: unknown key chanels; did you mean channels?"]);
}

#[test]
fn default_channels_are_a_list() {
    let with = |list: &str| load_file(&format!("notify.default = {list}\n{FINANCE}"), dev(&[]), env(&[]));
    for list in ["[]", "['finance']", "'finance'"] {
        assert!(with(list).is_ok(), "{list}");
    }
    for list in ["['finance', 'finance']", "['Finance']", "['finance', 7]", "7"] {
        let told = with(list).unwrap_err();
        let allowed = "not allowed; allowed: a list of names of channels; in variables and flags, comma-separated";
        assert_eq!(told, format!("signoff.toml:1:18: notify.default: {list} is {allowed}"));
    }
}

#[test]
fn check_prints_channels_without_secrets_and_loads_again() {
    let file = format!(
        "notify.default = ['finance']\n{FINANCE}after = '120s'\nevents = ['timed_out', 'requested']\nretries = 3\n\
         users = {{ \"a@b\" = \"U'1\", c = 'U2' }}\n"
    );
    let variables = env(&[("SIGNOFF_CHAT", "s3cret")]);
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(file.as_bytes()).unwrap();
    let flags = ServeFlags { config: Some(path.path().to_str().unwrap().to_owned()), ..dev(&[]) };
    let text = check(&flags, variables.clone()).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    let text = text.replace(path.path().to_str().unwrap(), "signoff.toml");
    let lines = text.lines().filter(|line| line.starts_with("channels."));
    let lines: Vec<_> = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "channels.finance.kind = \"test\" # signoff.toml:3:8",
        "channels.finance.events = [\"requested\", \"timed_out\"] # signoff.toml:7:10",
        "channels.finance.after = \"2m\" # signoff.toml:6:9",
        "channels.finance.interruptions = 20 # default",
        "channels.finance.retries = 3 # signoff.toml:8:11",
        "channels.finance.token_env = \"SIGNOFF_CHAT\" # signoff.toml:5:13",
        "channels.finance.url = \"https://a.example\" # signoff.toml:4:7",
        "channels.finance.users.\"a@b\" = \"U'1\" # signoff.toml:9:9",
        "channels.finance.users.c = \"U2\" # signoff.toml:9:9",
    ];
    assert_eq!(lines, expected);
    let again = load_file(&text, ServeFlags::default(), variables.clone()).unwrap();
    assert_eq!(again, load(&flags, variables.clone()).unwrap());
    let other = load_file(&text.replace("a.example", "b.example"), ServeFlags::default(), variables).unwrap();
    assert_ne!(again, other);
}

#[test]
fn check_prints_only_the_host_of_a_url() {
    let shown = |url: &str| {
        let file = format!("[channels.a]\nkind = 'webhook'\nurl = '{url}'\nsecret_env = 'S'\n");
        let mut path = tempfile::NamedTempFile::new().unwrap();
        path.write_all(file.as_bytes()).unwrap();
        let flags = ServeFlags { config: Some(path.path().to_str().unwrap().to_owned()), ..dev(&[]) };
        let text = check(&flags, env(&[("S", "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0")])).unwrap();
        assert!(!text.contains("h1dden"), "{text}");
        let line = text.lines().find_map(|line| line.strip_prefix("channels.a.url = ")).unwrap().to_owned();
        line.split(" #").next().unwrap().trim_end().to_owned()
    };
    for (url, expected) in [
        ("https://a.example", "\"https://a.example\""),
        ("https://a.example:8443/", "\"https://a.example:8443/\""),
        ("https://a.example:8443/h1dden", "\"https://a.example:8443/…\""),
        ("https://a.example/?key=h1dden", "\"https://a.example/…\""),
        ("https://a.example?key=h1dden", "\"https://a.example/…\""),
    ] {
        assert_eq!(shown(url), expected, "{url}");
    }
}

#[test]
fn a_channel_that_no_people_read_has_no_limit_of_interruptions() {
    let file = "[channels.audit]\nkind = 'webhook'\nurl = 'https://a.example'\nsecret_env = 'S'\n";
    let variables = [("S", "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0")];
    let config = load_file(file, dev(&[]), env(&variables)).unwrap();
    assert_eq!(config.channels[0].interruptions, None);
    for kind in ["webhook", "pagerduty"] {
        let file = file
            .replace("webhook", kind)
            .replace("secret_env", if kind == "webhook" { "secret_env" } else { "routing_key_env" });
        let told = rejected(&format!("{file}interruptions = 5"), &[], &variables);
        assert_eq!(told, ["signoff.toml:5:17: channels.audit.interruptions has no effect on this kind of channel"]);
    }
}
