//! Every setting: its slot, its range, its default.

use std::time::Duration;

use super::super::table::{Setting, TABLE};
use super::super::{Config, ConfigError, LogFormat, ReflectionAccess, reference_markdown};
use super::*;
use crate::identity::oidc::Algorithm;
use crate::notify::ChannelSettings;

/// Each setting with a value that is not its default, as text and as TOML, and its effect.
type Example = (&'static str, &'static str, &'static str, fn(&mut Config));

const EXAMPLES: [Example; 69] = [
    ("listen", "[::1]:1", "\"[::1]:1\"", |c| c.listen = "[::1]:1".parse().unwrap()),
    ("tls.certificate", "my.crt", "\"my.crt\"", |c| c.tls.certificate = Some("my.crt".into())),
    ("tls.key", "my.key", "\"my.key\"", |c| c.tls.key = Some("my.key".into())),
    ("tls.client_ca", "ca.crt", "\"ca.crt\"", |c| c.tls.client_ca = Some("ca.crt".into())),
    ("tls.require_client_certificate", "true", "true", |c| c.tls.require_client_certificate = true),
    ("plaintext", "true", "true", |c| c.plaintext = true),
    ("public_url", "https://A.example/", "\"https://a.example\"", |c| {
        c.public_url = Some("https://a.example".parse().unwrap());
    }),
    ("desk.allowed_hosts", "10.0.0.1:80, B", "\"10.0.0.1:80,b\"", |c| {
        c.desk.allowed_hosts = vec!["10.0.0.1:80".into(), "b".into()];
    }),
    ("store", "postgres://u@h/d", "\"postgres://u@h/d\"", |c| c.store = Some("postgres://u@h/d".parse().unwrap())),
    ("store_password_file", "/secret", "\"/secret\"", |c| c.store_password_file = Some("/secret".into())),
    ("require_synchronous", "true", "true", |c| c.require_synchronous = true),
    ("data_dir", "data dir", "\"data dir\"", |c| c.data_dir = "data dir".into()),
    ("retain", "30d", "\"30days\"", |c| c.retain = Some(Duration::from_secs(30 * 86_400))),
    ("heartbeat", "50ms", "'50ms'", |c| c.heartbeat = Duration::from_millis(50)),
    ("claim_window", "90s", "\"1m 30s\"", |c| c.claim_window = Duration::from_secs(90)),
    ("max_stream_age", "2h", "\"2h\"", |c| c.max_stream_age = Duration::from_secs(7_200)),
    ("drain_timeout", "4s", "\"4s\"", |c| c.drain_timeout = Duration::from_secs(4)),
    ("write_timeout", "2s", "\"2s\"", |c| c.write_timeout = Duration::from_secs(2)),
    ("thaw_requires_other_operator", "true", "true", |c| c.thaw_requires_other_operator = true),
    ("desk.session_idle", "30m", "'30m'", |c| c.desk.session_idle = Duration::from_secs(1_800)),
    ("desk.session_max", "8h", "'8h'", |c| c.desk.session_max = Duration::from_secs(8 * 3_600)),
    ("limits.arguments_bytes", "40000", "40_000", |c| c.limits.request.arguments_bytes = 40_000),
    ("limits.arguments_depth", "31", "31", |c| c.limits.request.arguments_depth = 31),
    ("limits.schema_bytes", "0", "0", |c| c.limits.request.schema_bytes = 0),
    ("limits.text_bytes", "255", "0xff", |c| c.limits.request.text_bytes = 255),
    ("limits.labels", "3", "3", |c| c.limits.request.labels = 3),
    ("limits.chain", "4", "4", |c| c.limits.request.chain = 4),
    ("limits.timeout_min", "2s", "\"2s\"", |c| c.limits.request.timeout_min = Duration::from_secs(2)),
    ("limits.timeout_max", "1d", "\"1d\"", |c| c.limits.request.timeout_max = Duration::from_secs(86_400)),
    ("limits.timeout_default", "1h", "\"1h\"", |c| c.limits.request.timeout_default = Duration::from_secs(3_600)),
    ("limits.page_size_max", "5", "5", |c| c.limits.request.page_size_max = 5),
    ("limits.message_bytes", "70000", "70000", |c| c.limits.calls.message_bytes = 70_000),
    ("limits.pending_per_caller", "6", "6", |c| c.limits.pending_per_caller = 6),
    ("limits.streams", "7", "7", |c| c.limits.calls.streams = 7),
    ("limits.streams_per_connection", "8", "8", |c| c.limits.calls.streams_per_connection = 8),
    ("limits.streams_per_caller", "10", "10", |c| c.limits.calls.streams_per_caller = 10),
    ("limits.calls_per_second", "11", "11", |c| c.limits.calls.calls_per_second = 11),
    ("limits.in_flight_bytes", "9000000", "9_000_000", |c| c.limits.calls.in_flight_bytes = 9_000_000),
    ("limits.in_flight_bytes_per_connection", "9000001", "9_000_001", |c| {
        c.limits.calls.in_flight_bytes_per_connection = 9_000_001;
    }),
    ("limits.in_flight_bytes_per_caller", "9000002", "9_000_002", |c| {
        c.limits.calls.in_flight_bytes_per_caller = 9_000_002
    }),
    ("limits.connections", "9", "9", |c| c.limits.connections.open = 9),
    ("limits.unauthenticated_connections", "12", "12", |c| c.limits.connections.unauthenticated_connections = 12),
    ("limits.unauthenticated_per_address", "13", "13", |c| c.limits.connections.unauthenticated_per_address = 13),
    ("limits.unauthenticated_idle", "3m", "\"3m\"", |c| {
        c.limits.connections.unauthenticated_idle = Duration::from_secs(180)
    }),
    ("limits.handshake_timeout", "5s", "\"5s\"", |c| c.limits.connections.handshake_timeout = Duration::from_secs(5)),
    ("limits.message_timeout", "20s", "\"20s\"", |c| c.limits.calls.message_timeout = Duration::from_secs(20)),
    ("reflection", "token", "\"token\"", |c| c.reflection = ReflectionAccess::Token),
    ("oidc.issuer", "https://idp/a", "\"https://idp/a\"", |c| c.oidc.issuer = Some("https://idp/a".into())),
    ("oidc.audience", "us", "\" us \"", |c| c.oidc.audience = "us".into()),
    ("oidc.keys", "/jwks.json", "\"/jwks.json\"", |c| c.oidc.keys = Some("/jwks.json".into())),
    ("oidc.groups_claim", "a.b", "\"a.b\"", |c| c.oidc.groups_claim = "a.b".into()),
    ("oidc.clock_skew", "0s", "\"0s\"", |c| c.oidc.clock_skew = Duration::ZERO),
    ("oidc.algorithms", "PS256, RS512", "\"PS256,RS512\"", |c| {
        c.oidc.algorithms = vec![Algorithm::Ps256, Algorithm::Rs512];
    }),
    ("oidc.client_id", "desk@a", "\"desk@a\"", |c| c.oidc.client_id = Some("desk@a".into())),
    ("oidc.client_secret_file", "/secret", "\"/secret\"", |c| c.oidc.client_secret_file = Some("/secret".into())),
    ("oidc.scopes", "openid  groups", "\"openid groups\"", |c| c.oidc.scopes = "openid groups".into()),
    ("roles.agent", "bots", "\"bots\"", |c| c.roles.agent = vec!["bots".into()]),
    ("roles.reviewer", "a b,c", "\"a b, c\"", |c| c.roles.reviewer = vec!["a b".into(), "c".into()]),
    ("roles.auditor", "x", "\"x\"", |c| c.roles.auditor = vec!["x".into()]),
    ("roles.operator", "ops", "\"ops\"", |c| c.roles.operator = vec!["ops".into()]),
    ("certificates.agent", "URI:spiffe://a/*,DNS:A.b", "\"URI:spiffe://a/*, DNS:a.b\"", |c| {
        c.certificates.agent = vec!["URI:spiffe://a/*".parse().unwrap(), "DNS:a.b".parse().unwrap()];
    }),
    ("certificates.reviewer", "email:a@b", "\"email:a@b\"", |c| {
        c.certificates.reviewer = vec!["email:a@b".parse().unwrap()];
    }),
    ("certificates.auditor", "DNS:x", "\"DNS:x\"", |c| c.certificates.auditor = vec!["DNS:x".parse().unwrap()]),
    ("certificates.operator", "URI:y", "\"URI:y\"", |c| c.certificates.operator = vec!["URI:y".parse().unwrap()]),
    ("policy", "my policy.yaml", "\"my policy.yaml\"", |c| c.policy = Some("my policy.yaml".into())),
    ("notify.default", "one, two", "[\"one\", \"two\"]", |c| {
        c.notify_default = vec!["one".parse().unwrap(), "two".parse().unwrap()];
        c.channels =
            c.notify_default.iter().map(|name| ChannelSettings::parse(name.clone(), channel()).unwrap()).collect();
    }),
    ("log.format", "json", "\"json\"", |c| c.log.format = LogFormat::Json),
    ("log.filter", "warn,signoff=debug", "\"warn,signoff=debug\"", |c| c.log.filter = "warn,signoff=debug".to_owned()),
    ("otlp.endpoint", "http://[::1]:4317", "\"http://[::1]:4317\"", |c| {
        c.otlp_endpoint = Some("http://[::1]:4317".to_owned());
    }),
];

/// Settings that another one requires.
fn companions(key: &str) -> &'static [&'static str] {
    match key {
        "tls.certificate" => &["tls.key"],
        "tls.key" => &["tls.certificate"],
        "tls.client_ca" => &["tls.certificate", "tls.key"],
        "tls.require_client_certificate"
        | "certificates.agent"
        | "certificates.reviewer"
        | "certificates.auditor"
        | "certificates.operator" => &["tls.certificate", "tls.key", "tls.client_ca"],
        "store_password_file" | "require_synchronous" => &["store"],
        "oidc.client_id" => &["oidc.issuer"],
        "oidc.client_secret_file" | "oidc.scopes" => &["oidc.issuer", "oidc.client_id"],
        _ => &[],
    }
}

/// The table of a channel.
fn channel() -> toml::Table {
    "kind = 'test'\nurl = 'u'".parse().unwrap()
}

/// Tables of the file that a setting requires.
fn tables(key: &str) -> String {
    if key != "notify.default" {
        return String::new();
    }
    format!("[channels.one]\n{0}[channels.two]\n{0}", channel())
}

#[test]
fn every_setting_reaches_its_slot_from_every_source() {
    let named: Vec<_> = ["dev"].into_iter().chain(EXAMPLES.map(|(key, ..)| key)).collect();
    assert_eq!(named, TABLE.each_ref().map(|setting| setting.key));
    for (key, text, toml, change) in EXAMPLES {
        let (mut expected, mut set) = (dev_defaults(), Vec::new());
        for (other, text, _, change) in EXAMPLES.iter().filter(|(other, ..)| companions(key).contains(other)) {
            change(&mut expected);
            set.push(format!("{other}={text}"));
        }
        let mut set: Vec<_> = set.iter().map(String::as_str).collect();
        let without = expected.clone();
        change(&mut expected);
        assert_ne!(expected, without, "{key}: the example is the default");
        let variable = format!("SIGNOFF_{}", key.to_uppercase().replace('.', "_"));
        let tables = tables(key);
        assert_eq!(load_file(&tables, dev(&set), env(&[(&variable, text)])).unwrap(), expected, "{variable}");
        let file = format!("{key} = {toml}\n{tables}");
        assert_eq!(load_file(&file, dev(&set), env(&[])).unwrap(), expected, "TOML {key}");
        let given = format!("{key}={text}");
        set.push(&given);
        assert_eq!(load_file(&tables, dev(&set), env(&[])).unwrap(), expected, "--set {key}");
    }
}

#[test]
fn dev_is_a_boolean_in_every_source() {
    assert_eq!(load(&dev(&[]), env(&[])).unwrap(), dev_defaults());
    assert_eq!(load(&ServeFlags::default(), env(&[("SIGNOFF_DEV", "true")])).unwrap(), dev_defaults());
    assert_eq!(load_file("dev = true", ServeFlags::default(), env(&[])).unwrap(), dev_defaults());
    assert_eq!(
        message(load(&ServeFlags::default(), env(&[("SIGNOFF_DEV", "yes")]))),
        "environment SIGNOFF_DEV: dev: \"yes\" is not allowed; allowed: true or false"
    );
}

/// Messages about values that are not allowed.
fn refusals(set: &str) -> Vec<String> {
    let problems = load(&dev(&[set]), env(&[])).map_or_else(|errors| errors.into_problems(), |_| Vec::new());
    let refused = problems.iter().filter(|problem| matches!(problem, ConfigError::NotAllowed { .. }));
    refused.map(ToString::to_string).collect()
}

#[test]
fn ranges_hold_at_both_ends() {
    let century_and_more = "36501d";
    // Key, lowest, highest, too low, too high.
    let ranges = [
        ("retain", "1h", "36500d", "3599s", century_and_more),
        ("heartbeat", "50ms", "5m", "49ms", "301s"),
        ("claim_window", "1s", "1h", "999ms", "3601s"),
        ("max_stream_age", "1s", "24h", "0s", "86401s"),
        ("drain_timeout", "100ms", "30s", "99ms", "31s"),
        ("write_timeout", "1s", "5m", "999ms", "301s"),
        ("limits.arguments_bytes", "2", "49152", "1", "49153"),
        ("limits.arguments_depth", "1", "32", "0", "33"),
        ("limits.schema_bytes", "0", "16384", "-1", "16385"),
        ("limits.text_bytes", "0", "4096", "-1", "4097"),
        ("limits.labels", "0", "32", "-1", "33"),
        ("limits.chain", "0", "16", "-1", "17"),
        ("limits.timeout_min", "10ms", "168h", "9ms", "604801s"),
        ("limits.timeout_max", "10ms", "7d", "9ms", "604801s"),
        ("limits.timeout_default", "10ms", "7d", "0s", "8d"),
        ("limits.page_size_max", "1", "1000", "0", "1001"),
        ("limits.message_bytes", "65536", "4194304", "65535", "4194305"),
        ("limits.pending_per_caller", "1", "1000000", "0", "1000001"),
        ("limits.streams", "1", "1000000", "0", "4294967297"),
        ("limits.streams_per_connection", "1", "1000000", "0", "18446744073709551616"),
        ("limits.streams_per_caller", "1", "1000000", "0", "1000001"),
        ("limits.calls_per_second", "1", "1000000", "0", "1000001"),
        ("limits.connections", "1", "1000000", "0", "1000001"),
    ];
    for (key, lowest, highest, too_low, too_high) in ranges {
        for allowed in [lowest, highest] {
            assert_eq!(refusals(&format!("{key}={allowed}")), [""; 0], "{key}={allowed}");
        }
        for given in [too_low, too_high, "many", ""] {
            let allowed = Setting::named(key).unwrap().kind.allowed();
            let expected = format!("flag --set {key}: {key}: {given:?} is not allowed; allowed: {allowed}");
            assert_eq!(refusals(&format!("{key}={given}")), [expected]);
        }
    }
}

#[test]
fn allowed_values_name_the_range() {
    let allowed = |key| Setting::named(key).unwrap().kind.allowed();
    assert_eq!(allowed("retain"), "forever, or a duration from 1h to 36500d");
    assert_eq!(allowed("heartbeat"), "a duration from 50ms to 5m");
    assert_eq!(allowed("limits.arguments_bytes"), "2–49152 bytes");
    assert_eq!(allowed("limits.chain"), "0–16");
    assert_eq!(allowed("policy"), "a path");
    assert_eq!(allowed("log.format"), "text or json");
}

#[test]
fn values_without_a_range_are_checked() {
    let good = [
        "store=sled",
        "store=postgres://u@h:5433/d?sslmode=verify-full",
        "retain=forever",
        "log.format=text",
        "log.filter=signoff[{id}]=trace,off",
        "otlp.endpoint=http://collector:4317/",
        "public_url=http://localhost:7766",
        "desk.allowed_hosts=signoff.internal,[::1]:7766",
        "oidc.scopes=openid https://graph.microsoft.com/User.Read",
        "certificates.agent=URI:spiffe://example.org/agents/*, DNS:*.agents.example.org ,email:bot@example.org",
    ];
    for set in good {
        assert_eq!(refusals(set), [""; 0], "{set}");
    }
    let bad = [
        "listen=localhost",
        "listen=localhost:7766",
        "listen=127.0.0.1",
        "listen=127.0.0.1:65536",
        "data_dir=",
        "data_dir=a\0b",
        "data_dir=a\u{fffd}b",
        "store=postgres",
        "store=postgres://u:secret@h/d",
        "store=postgres://u@h/d?sslmode=prefer",
        "store_password_file=",
        "retain=never",
        "retain=Forever",
        "policy=",
        "log.format=xml",
        "log.filter=",
        "log.filter=signoff=loud",
        "otlp.endpoint=",
        "otlp.endpoint=collector:4317",
        "otlp.endpoint=https://collector:4317",
        "otlp.endpoint=http://collector",
        "otlp.endpoint=http://collector:0",
        "otlp.endpoint=http://collector:65536",
        "otlp.endpoint=http://collector:4317/v1/traces",
        "otlp.endpoint=http://collector:4317?x",
        "public_url=",
        "public_url=signoff.example.org",
        "public_url=http://signoff.example.org",
        "public_url=https://signoff.example.org/desk",
        "public_url=https://signoff.example.org/?a",
        "public_url=https://signoff.example.org/#a",
        "desk.allowed_hosts=",
        "desk.allowed_hosts=*",
        "desk.allowed_hosts=https://a",
        "oidc.client_id=",
        "oidc.client_secret_file=",
        "oidc.scopes=",
        "oidc.scopes=profile",
        "oidc.scopes=openid \"",
        "roles.agent=",
        "roles.agent=a,,b",
        "roles.agent=\u{a0}a",
        "roles.agent=a,b\u{200b}",
        "roles.agent=\u{202e}a",
        "certificates.agent=",
        "certificates.agent=DNS:\u{e9}.example.org",
        "certificates.agent=DNS:a\u{200b}.example.org",
        "certificates.agent=*",
        "certificates.agent=spiffe://example.org/agents/*",
        "certificates.reviewer=URI:spiffe://example.org/a,",
        "certificates.reviewer=URI:",
        "certificates.auditor=DNS:a,IP:127.0.0.1",
        "certificates.operator=URI:a[",
    ];
    for set in bad {
        assert_eq!(refusals(set).len(), 1, "{set:?}: {:?}", refusals(set));
    }
}

#[test]
fn toml_types_must_match() {
    let wrong = [
        ("dev = 'true'", "'true'"),
        ("dev = 1", "1"),
        ("listen = 7766", "7766"),
        ("listen = {}", "a table"),
        ("retain = true", "true"),
        ("heartbeat = 15", "15"),
        ("heartbeat = 1.5", "1.5"),
        ("limits.chain = '3'", "'3'"),
        ("limits.chain = 3.0", "3.0"),
        ("limits.chain = -1", "-1"),
        ("limits.chain = [3]", "[3]"),
        ("policy = ['a']", "['a']"),
        ("certificates.agent = ['URI:a']", "['URI:a']"),
        ("log.format = 1979-05-27", "1979-05-27"),
    ];
    for (text, shown) in wrong {
        let errors = load_file(text, ServeFlags::default(), env(&[])).unwrap_err();
        let (key, value) = text.split_once(" = ").unwrap();
        let column = text.len() - value.len() + 1;
        let expected = format!("signoff.toml:1:{column}: {key}: {shown} is not allowed; allowed: ");
        assert!(errors.starts_with(&expected), "{errors}");
    }
}

#[test]
fn timeouts_must_fit_together() {
    let refused = |set: &[&str]| message(load(&dev(set), env(&[])));
    assert_eq!(
        refused(&["limits.timeout_max=1m"]),
        "flag --set limits.timeout_max: limits.timeout_default: 5m is not allowed; \
         allowed: 1s (limits.timeout_min) to 1m (limits.timeout_max)"
    );
    assert_eq!(
        refused(&["limits.timeout_min=10m"]),
        "flag --set limits.timeout_min: limits.timeout_default: 5m is not allowed; \
         allowed: 10m (limits.timeout_min) to 7d (limits.timeout_max)"
    );
    assert_eq!(
        refused(&["limits.timeout_max=1m", "limits.timeout_default=61s"]),
        "flag --set limits.timeout_default: limits.timeout_default: 61s is not allowed; \
         allowed: 1s (limits.timeout_min) to 1m (limits.timeout_max)"
    );
    assert_eq!(
        refused(&["limits.timeout_min=2m", "limits.timeout_max=1m"]),
        "flag --set limits.timeout_min: limits.timeout_min: 2m is not allowed; \
         allowed: at most 1m (limits.timeout_max)"
    );
    let equal = ["limits.timeout_min=1m", "limits.timeout_max=1m", "limits.timeout_default=1m"];
    assert!(load(&dev(&equal), env(&[])).is_ok());
}

#[test]
fn tls_settings_must_fit_together() {
    let refused = |set: &[&str]| message(load(&dev(set), env(&[])));
    let needs = |key: &str, needs: &str| {
        format!("flag --set {key}: {key} is set without {needs}; set {needs}, or remove {key}")
    };
    assert_eq!(refused(&["tls.certificate=c"]), needs("tls.certificate", "tls.key"));
    assert_eq!(refused(&["tls.key=k"]), needs("tls.key", "tls.certificate"));
    assert_eq!(refused(&["tls.client_ca=a"]), needs("tls.client_ca", "tls.certificate"));
    let required = "tls.require_client_certificate=true";
    let key = "tls.require_client_certificate";
    assert_eq!(refused(&["tls.certificate=c", "tls.key=k", required]), needs(key, "tls.client_ca"));
    assert!(load(&dev(&["tls.require_client_certificate=false"]), env(&[])).is_ok());
    for key in ["certificates.agent", "certificates.reviewer", "certificates.auditor", "certificates.operator"] {
        let names = format!("{key}=DNS:a");
        assert_eq!(refused(&["tls.certificate=c", "tls.key=k", &names]), needs(key, "tls.client_ca"));
        let refused = refused(&["tls.certificate=c", "tls.key=k", &format!("{key}=a")]);
        assert_eq!(refused.lines().count(), 1, "a rejected value causes no second problem: {refused}");
    }
    assert_eq!(
        refused(&["tls.certificate=c", "tls.key=k", "plaintext=true"]),
        "flag --set plaintext: plaintext: true is not allowed with tls.certificate; remove one of them"
    );
    assert_eq!(refused(&["tls.certificate="]).lines().count(), 1, "a rejected value causes no second problem");
}

#[test]
fn sign_in_settings_must_fit_together() {
    let refused = |set: &[&str]| {
        let flags = ServeFlags { set: set.iter().map(ToString::to_string).collect(), ..ServeFlags::default() };
        load(&flags, env(&[])).map_or_else(|errors| errors.to_string(), |_| String::new())
    };
    let needs = |key: &str, needs: &str| {
        format!("flag --set {key}: {key} is set without {needs}; set {needs}, or remove {key}")
    };
    let (issuer, roles) = ("oidc.issuer=https://idp", "roles.reviewer=finance");
    let (client, public) = ("oidc.client_id=desk", "public_url=https://a.example");
    assert_eq!(refused(&[issuer, roles, client, public, "oidc.client_secret_file=s", "oidc.scopes=openid x"]), "");
    assert_eq!(refused(&[client, public]), needs("oidc.client_id", "oidc.issuer"));
    assert_eq!(refused(&[issuer, roles, client]), needs("oidc.client_id", "public_url"));
    assert_eq!(
        refused(&[client]),
        [needs("oidc.client_id", "oidc.issuer"), needs("oidc.client_id", "public_url")].join("\n")
    );
    assert_eq!(
        refused(&[issuer, roles, "oidc.client_secret_file=s", "oidc.scopes=openid x"]),
        [needs("oidc.client_secret_file", "oidc.client_id"), needs("oidc.scopes", "oidc.client_id")].join("\n")
    );
    assert_eq!(refused(&[client, "public_url=a"]).lines().count(), 1, "a rejected value causes no second problem");
    let local = ["oidc.issuer=http://idp", "oidc.keys=/jwks.json", roles, client, public];
    assert_eq!(
        refused(&local),
        "flag --set oidc.issuer: oidc: the issuer must be an https URL, or an http URL on loopback, without a user \
         name or password, because sign-in reads its discovery document"
    );
    let dev = load(&dev(&[issuer, client]), env(&[])).unwrap();
    assert_eq!(dev.public_url, None, "the server uses the address that it listens on");
}

#[test]
fn a_password_in_the_public_url_is_not_shown() {
    let errors = message(load(&dev(&["public_url=https://me:secret@a"]), env(&[])));
    assert!(errors.contains("a URL with a user name or password") && !errors.contains("secret"), "{errors}");
}

#[test]
fn plaintext_beyond_loopback_is_explicit() {
    let exposed = |set: &[&str]| {
        let flags = ServeFlags { set: set.iter().map(ToString::to_string).collect(), ..ServeFlags::default() };
        let problems = load(&flags, env(&[])).map_or_else(|errors| errors.into_problems(), |_| Vec::new());
        let exposed = problems.into_iter().filter(|problem| matches!(problem, ConfigError::Plaintext { .. }));
        exposed.map(|problem| problem.to_string()).collect::<Vec<_>>()
    };
    for listen in ["listen=0.0.0.0:7766", "listen=[::]:7766", "listen=192.168.1.2:1", "listen=[::ffff:10.0.0.1]:1"] {
        let address = listen.strip_prefix("listen=").unwrap();
        let told = format!(
            "flag --set listen: listen: {address} is not a loopback address, which requires TLS; set \
             tls.certificate and tls.key, or set plaintext = true if a mesh or proxy encrypts"
        );
        assert_eq!(exposed(&[listen]), [told]);
        assert_eq!(exposed(&[listen, "plaintext=true"]), [""; 0]);
        assert_eq!(exposed(&[listen, "tls.certificate=c", "tls.key=k"]), [""; 0]);
    }
    for listen in ["listen=127.0.0.1:7766", "listen=[::1]:1", "listen=[::ffff:127.0.0.1]:1"] {
        assert_eq!(exposed(&[listen]), [""; 0], "{listen}");
    }
}

#[test]
fn a_password_in_the_endpoint_is_not_shown() {
    let errors = message(load(&dev(&["otlp.endpoint=http://me:secret@collector:4317"]), env(&[])));
    assert!(errors.contains("a URL with a user name or password") && !errors.contains("secret"), "{errors}");
}

#[test]
fn reference_has_every_setting_once() {
    let reference = reference_markdown();
    assert_eq!(reference.lines().count(), TABLE.len() + 2);
    assert!(reference.contains(
        "| `listen` | `SIGNOFF_LISTEN` | `--listen` | `\"127.0.0.1:7766\"` | an IP address and port, such as"
    ));
    assert!(reference.contains("| `data_dir` | `SIGNOFF_DATA_DIR` | `--data-dir` | `\"./signoff-data\"` | a path | "));
    assert!(reference.contains(
        "| `limits.page_size_max` | `SIGNOFF_LIMITS_PAGE_SIZE_MAX` |  | `1000` | 1–1000 | Maximum page size of a list |"
    ));
    assert!(reference.contains("| `otlp.endpoint` | `SIGNOFF_OTLP_ENDPOINT` |  | none | http://host:port | "));
    // A pipe would start another cell.
    assert!(reference.lines().all(|line| line.matches('|').count() == 7), "{reference}");
}
