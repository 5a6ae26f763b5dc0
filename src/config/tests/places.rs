//! Sources: precedence, places, unknown names, and all problems together.

use clap::Args as _;

use super::super::table::{Setting, TABLE};
use super::super::{ConfigError, Place};
use super::*;
use crate::bounded_file;

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "claim_window = '1m'\nlisten = '127.0.0.1:1'\nheartbeat = '1s'\nlog.filter = 'warn'";
    let variables =
        env(&[("SIGNOFF_LISTEN", "127.0.0.1:2"), ("SIGNOFF_HEARTBEAT", "2s"), ("SIGNOFF_LOG_FILTER", "off")]);
    let mut flags = dev(&["heartbeat=3s"]);
    flags.listen = Some("127.0.0.1:3".to_owned());
    let config = load_file(file, flags, variables).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.heartbeat.as_secs(), 3);
    assert_eq!(config.log.filter, "off");
    assert_eq!(config.claim_window.as_secs(), 60);
    assert_eq!(config.drain_timeout.as_secs(), 3);
}

#[test]
fn a_flag_can_turn_dev_off() {
    let flags = ServeFlags { dev: Some("false".to_owned()), ..Default::default() };
    let config = load(&flags, env(&[("SIGNOFF_DEV", "true")])).unwrap();
    assert!(!config.dev && !config.has_authentication());
}

#[test]
fn by_default_only_tokens_authenticate() {
    assert!(!load(&ServeFlags::default(), env(&[])).unwrap().has_authentication());
    for setting in ["dev=true", "oidc.issuer=https://id.example.org"] {
        let flags = ServeFlags { set: vec![setting.to_owned(), "roles.agent=agents".to_owned()], ..Default::default() };
        let home = env(&[("HOME", "/home/alice")]);
        assert!(load(&flags, home).unwrap().has_authentication(), "{setting}");
    }
}

#[test]
fn certificates_alone_let_a_server_start() {
    let with = |set: &[&str]| {
        let set = ["tls.certificate=c", "tls.key=k"].iter().chain(set).map(ToString::to_string).collect();
        load(&ServeFlags { set, ..ServeFlags::default() }, env(&[]))
    };
    for role in ["agent", "reviewer", "auditor", "operator"] {
        let names = format!("certificates.{role}=DNS:a");
        assert!(with(&["tls.client_ca=a", &names]).is_ok(), "{role}");
        let told = format!(
            "flag --set certificates.{role}: certificates.{role} is set without tls.client_ca; \
             set tls.client_ca, or remove certificates.{role}"
        );
        assert_eq!(message(with(&[&names])), told);
    }
    assert!(!with(&["tls.client_ca=a"]).unwrap().has_authentication());
    assert!(with(&["tls.client_ca=a", "certificates.agent=DNS:a"]).unwrap().has_authentication());
    let refused = message(with(&["tls.client_ca=a", "certificates.agent=a"]));
    assert_eq!(refused.lines().count(), 1, "a rejected value causes no second problem: {refused}");
    // Names of certificates grant no role to callers of a provider.
    let oidc = message(with(&["tls.client_ca=a", "certificates.agent=DNS:a", "oidc.issuer=https://idp"]));
    assert!(oidc.contains("oidc.issuer: no group has a role"), "{oidc}");
}

#[test]
fn dev_stays_on_loopback() {
    for listen in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:7766", "[::ffff:127.0.0.1]:7766"] {
        assert!(load(&dev(&[&format!("listen={listen}")]), env(&[])).is_ok(), "{listen}");
    }
    for listen in ["0.0.0.0:7766", "[::]:7766", "192.168.1.2:7766", "[::ffff:10.0.0.1]:1"] {
        assert_eq!(
            message(load(&dev(&[]), env(&[("SIGNOFF_LISTEN", listen)]))),
            format!(
                "environment SIGNOFF_LISTEN: listen: {listen} is not allowed with dev; \
                 allowed: a loopback address, such as 127.0.0.1:7766"
            )
        );
    }
}

#[test]
fn dev_has_a_data_directory_of_its_own() {
    let data_dir = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        load(&dev(&[]), variables).map(|config| config.data_dir.to_str().unwrap().to_owned())
    };
    assert_eq!(data_dir(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]).unwrap(), "/s/signoff/dev");
    assert_eq!(data_dir(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]).unwrap(), "/h/.local/state/signoff/dev");
    assert_eq!(data_dir(&[("HOME", "/h"), ("XDG_STATE_HOME", "")]).unwrap(), "/h/.local/state/signoff/dev");
    assert_eq!(data_dir(&[("SIGNOFF_DATA_DIR", "d")]).unwrap(), "d");
    for variables in [&[][..], &[("HOME", "")], &[("HOME", "home")], &[("HOME", "/\u{fffd}")]] {
        let errors = data_dir(variables).unwrap_err();
        assert!(matches!(errors.problems(), [ConfigError::NoDataDirectory]), "{errors}");
    }
}

#[test]
fn unknown_names_are_rejected_with_a_suggestion() {
    let file = "limits.chian = 3\nchain = 3\n[limit]\nx = 1\ny = 2\n[lxyz]\n";
    assert_eq!(
        load_file(
            file,
            dev(&["heart_beat=1s", "nothing=1"]),
            env(&[("SIGNOFF_LISTN", "s3cret"), ("SIGNOFF_QQQQ", "s3cret")])
        )
        .unwrap_err(),
        "signoff.toml:1:8: unknown key limits.chian; did you mean limits.chain?\n\
         signoff.toml:2:1: unknown key chain; did you mean limits.chain?\n\
         signoff.toml:3:2: unknown key limit; did you mean limits?\n\
         signoff.toml:6:2: unknown key lxyz\n\
         environment SIGNOFF_LISTN: unknown variable; did you mean SIGNOFF_LISTEN?\n\
         environment SIGNOFF_QQQQ: unknown variable\n\
         flag --set heart_beat: unknown key; did you mean heartbeat?\n\
         flag --set nothing: unknown key"
    );
}

#[test]
fn a_group_must_be_a_table() {
    assert_eq!(
        load_file("limits = 5\n[[log]]\nformat = 'json'", dev(&[]), env(&[])).unwrap_err(),
        "signoff.toml:1:10: limits: 5 is not allowed; allowed: a table of settings\n\
         signoff.toml:2:1: log: [[log]] is not allowed; allowed: a table of settings"
    );
}

#[test]
fn a_source_sets_a_setting_once() {
    let mut flags = dev(&["listen=127.0.0.1:2", "heartbeat=1s", "heartbeat=2s"]);
    flags.listen = Some("127.0.0.1:1".to_owned());
    assert_eq!(
        message(load(&flags, env(&[("SIGNOFF_DEV", "true"), ("SIGNOFF_DEV", "false")]))),
        "environment SIGNOFF_DEV: dev is set twice; first set by environment SIGNOFF_DEV\n\
         flag --set heartbeat: heartbeat is set twice; first set by flag --set heartbeat\n\
         flag --set listen: listen is set twice; first set by flag --listen"
    );
    let errors = load_file("[log]\nformat = 'text'\nformat = 'json'", dev(&[]), env(&[])).unwrap_err();
    assert_eq!(errors, "signoff.toml:3:1: duplicate key: format");
}

#[test]
fn set_needs_a_key_and_a_value() {
    assert_eq!(
        message(load(&dev(&["heartbeat"]), env(&[]))),
        "flag --set: \"heartbeat\" is not allowed; allowed: KEY=VALUE"
    );
    // Only the first `=` separates.
    assert_eq!(load(&dev(&["log.filter=signoff=debug"]), env(&[])).unwrap().log.filter, "signoff=debug");
}

#[test]
fn broken_toml_is_located() {
    let errors =
        load_file("# ü\nlisten = \"127.0.0.1:1\nlog.format = xml\nheartbeat = '1h'\n", dev(&[]), env(&[])).unwrap_err();
    assert_eq!(
        errors,
        "signoff.toml:2:22: invalid basic string, expected `\"`\n\
         signoff.toml:3:14: string values must be quoted, expected literal string: xml\n\
         signoff.toml:4:13: heartbeat: '1h' is not allowed; allowed: a duration from 50ms to 5m"
    );
}

#[test]
fn columns_count_characters() {
    let errors = load_file("'äöü' = 1\nlimits = { 'äöü' = 1 }", dev(&[]), env(&[])).unwrap_err();
    assert_eq!(errors, "signoff.toml:1:1: unknown key äöü\nsignoff.toml:2:12: unknown key limits.äöü");
    let errors = load_file("log = { filter = 'é', format = 7 }", dev(&[]), env(&[])).unwrap_err();
    assert_eq!(errors, "signoff.toml:1:32: log.format: 7 is not allowed; allowed: text or json");
}

#[test]
fn the_file_can_be_named_by_flag_or_environment() {
    let missing = "/nonexistent/signoff.toml";
    let flags = ServeFlags { config: Some(missing.to_owned()), ..dev(&[]) };
    let errors = load(&flags, env(&[("SIGNOFF_CONFIG", "/nonexistent/other.toml")])).unwrap_err();
    let place = |errors: &ConfigErrors| match errors.problems() {
        [ConfigError::Unreadable { place, path, .. }] => (place.clone(), path.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(&errors), (Place::Flag("--config".to_owned()), missing.to_owned()));
    assert!(errors.to_string().starts_with("flag --config: cannot read \"/nonexistent/signoff.toml\": "), "{errors}");
    let directory = tempfile::tempdir().unwrap();
    let endless = bounded_file::samples::endless(directory.path());
    for (path, expected) in endless.iter().zip([
        "zero\": is larger than the limit of 1048576 bytes; set the path of a TOML file",
        "pipe\": is a pipe without a writer; set the path of a TOML file",
        "directory\": Is a directory",
    ]) {
        let flags = ServeFlags { config: Some(path.display().to_string()), ..dev(&[]) };
        let errors = load(&flags, env(&[])).unwrap_err().to_string();
        assert!(errors.contains(expected), "{errors}");
    }
    // Without `dev`, as the file may set it.
    let errors = load(&ServeFlags::default(), env(&[("SIGNOFF_CONFIG", missing)])).unwrap_err();
    assert_eq!(place(&errors), (Place::Environment("SIGNOFF_CONFIG".to_owned()), missing.to_owned()));
}

#[test]
fn values_in_errors_are_short_and_on_one_line() {
    let errors = message(load(&dev(&[&format!("log.format=a\n\u{1b}[1m{}", "x".repeat(500))]), env(&[])));
    assert!(errors.lines().count() == 1 && errors.chars().count() < 200 && !errors.contains('\u{1b}'), "{errors}");
    let errors = load_file("log.format = '''a\nb'''", dev(&[]), env(&[])).unwrap_err();
    assert_eq!(errors, "signoff.toml:1:14: log.format: '''a b''' is not allowed; allowed: text or json");
}

#[test]
fn a_rejected_value_causes_no_second_problem() {
    let flags = ServeFlags { listen: Some("nowhere".to_owned()), ..dev(&[]) };
    let errors = load(&flags, env(&[("SIGNOFF_LISTEN", "0.0.0.0:1")])).unwrap_err();
    assert!(matches!(errors.problems(), [ConfigError::NotAllowed { .. }]), "{errors}");
    let set = ["limits.timeout_max=1m", "limits.timeout_default=soon"];
    let errors = load(&dev(&set), env(&[])).unwrap_err();
    assert!(matches!(errors.problems(), [ConfigError::NotAllowed { .. }]), "{errors}");
}

#[test]
fn everything_wrong_is_reported_together() {
    let file = "listen = 'nowhere'\ncolour = true\n\n[limits]\nchain = 17\nlabels = '3'\nlabels = 4\n\n[log]\n\
                format = 'allow'\n";
    let variables = env(&[
        ("SIGNOFF_HEARTBEAT", "1"),
        ("SIGNOFF_LIMITS_TIMEOUT_MAX", "1m"),
        ("SIGNOFF_LOG_FORMATS", "json"),
        ("SIGNOFF_OTLP_ENDPOINT", "collector"),
    ]);
    let set = ["retain=10m".to_owned(), "drain".to_owned(), "limits.stream=1".to_owned()];
    let flags = ServeFlags { data_dir: Some(String::new()), set: set.to_vec(), ..Default::default() };
    let expected = [
        "signoff.toml:1:10: listen: 'nowhere' is not allowed; allowed: an IP address and port, such as 127.0.0.1:7766 \
         or [::1]:7766",
        "signoff.toml:2:1: unknown key colour",
        "signoff.toml:5:9: limits.chain: 17 is not allowed; allowed: 0–16",
        "signoff.toml:6:10: limits.labels: '3' is not allowed; allowed: 0–32",
        "signoff.toml:7:1: duplicate key: labels",
        "signoff.toml:10:10: log.format: 'allow' is not allowed; allowed: text or json",
        "environment SIGNOFF_HEARTBEAT: heartbeat: \"1\" is not allowed; allowed: a duration from 50ms to 5m",
        "environment SIGNOFF_LOG_FORMATS: unknown variable; did you mean SIGNOFF_LOG_FORMAT?",
        "environment SIGNOFF_OTLP_ENDPOINT: otlp.endpoint: \"collector\" is not allowed; allowed: http://host:port",
        "flag --set: \"drain\" is not allowed; allowed: KEY=VALUE",
        "flag --data-dir: data_dir: \"\" is not allowed; allowed: a path",
        "flag --set limits.stream: unknown key; did you mean limits.streams?",
        "flag --set retain: retain: \"10m\" is not allowed; allowed: forever, or a duration from 1h to 36500d",
        "environment SIGNOFF_LIMITS_TIMEOUT_MAX: limits.timeout_default: 5m is not allowed; allowed: 1s \
         (limits.timeout_min) to 1m (limits.timeout_max)",
    ];
    assert_eq!(load_file(file, flags, variables).unwrap_err().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn check_prints_values_and_places_and_loads_again() {
    let mut flags = dev(&["policy=my policy.yaml", "retain=48h"]);
    flags.data_dir = Some("a \"b\" \\ c".to_owned());
    let text = check(&flags, env(&[("SIGNOFF_HEARTBEAT", "90s")])).unwrap();
    let line = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("no {key} in\n{text}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(text.lines().count(), TABLE.len());
    assert_eq!(line("dev "), "dev = true # flag --dev");
    assert_eq!(line("listen "), "listen = \"127.0.0.1:7766\" # default");
    assert_eq!(line("retain "), "retain = \"2d\" # flag --set retain");
    assert_eq!(line("heartbeat "), "heartbeat = \"90s\" # environment SIGNOFF_HEARTBEAT");
    assert_eq!(line("policy "), "policy = \"my policy.yaml\" # flag --set policy");
    assert_eq!(line("# otlp.endpoint "), "# otlp.endpoint is not set # default");

    let again = load_file(&text, ServeFlags::default(), env(&[])).unwrap();
    assert_eq!(again, load(&flags, env(&[("SIGNOFF_HEARTBEAT", "90s")])).unwrap());
}

#[test]
fn defaults_are_the_documented_ones() {
    let text = check(&dev(&[]), env(&[])).unwrap();
    let values: Vec<_> = text.lines().map(|line| line.split_once("  # ").unwrap().0.trim_end()).collect();
    let expected = [
        "dev = true",
        "listen = \"127.0.0.1:7766\"",
        "# tls.certificate is not set",
        "# tls.key is not set",
        "# tls.client_ca is not set",
        "tls.require_client_certificate = false",
        "plaintext = false",
        "# public_url is not set",
        "# desk.allowed_hosts is not set",
        "store = \"sled\"",
        "# store_password_file is not set",
        "require_synchronous = false",
        "data_dir = \"/home/op/.local/state/signoff/dev\"",
        "retain = \"forever\"",
        "heartbeat = \"15s\"",
        "claim_window = \"5m\"",
        "max_stream_age = \"1h\"",
        "drain_timeout = \"3s\"",
        "write_timeout = \"30s\"",
        "thaw_requires_other_operator = false",
        "desk.session_idle = \"1h\"",
        "desk.session_max = \"12h\"",
        "limits.arguments_bytes = 49152",
        "limits.arguments_depth = 32",
        "limits.schema_bytes = 16384",
        "limits.text_bytes = 4096",
        "limits.labels = 32",
        "limits.chain = 16",
        "limits.timeout_min = \"1s\"",
        "limits.timeout_max = \"7d\"",
        "limits.timeout_default = \"5m\"",
        "limits.page_size_max = 1000",
        "limits.message_bytes = 1048576",
        "limits.pending_per_caller = 10000",
        "limits.streams = 100000",
        "limits.streams_per_connection = 10000",
        "limits.streams_per_caller = 10000",
        "limits.calls_per_second = 10000",
        "limits.in_flight_bytes = 268435456",
        "limits.in_flight_bytes_per_connection = 67108864",
        "limits.in_flight_bytes_per_caller = 67108864",
        "limits.connections = 10000",
        "limits.unauthenticated_connections = 2048",
        "limits.unauthenticated_per_address = 1024",
        "limits.unauthenticated_idle = \"2m\"",
        "limits.handshake_timeout = \"10s\"",
        "limits.message_timeout = \"15s\"",
        "reflection = \"open\"",
        "# oidc.issuer is not set",
        "oidc.audience = \"signoff\"",
        "# oidc.keys is not set",
        "oidc.groups_claim = \"groups\"",
        "oidc.clock_skew = \"1m\"",
        "oidc.algorithms = \"RS256,ES256,EdDSA\"",
        "# oidc.client_id is not set",
        "# oidc.client_secret_file is not set",
        "oidc.scopes = \"openid\"",
        "# roles.agent is not set",
        "# roles.reviewer is not set",
        "# roles.auditor is not set",
        "# roles.operator is not set",
        "# certificates.agent is not set",
        "# certificates.reviewer is not set",
        "# certificates.auditor is not set",
        "# certificates.operator is not set",
        "# policy is not set",
        "notify.default = []",
        "log.format = \"text\"",
        "log.filter = \"info\"",
        "# otlp.endpoint is not set",
    ];
    assert_eq!(values, expected);
}

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    flags: ServeFlags,
}

#[test]
fn flags_parse_as_documented() {
    use clap::Parser as _;
    let parse = |args: &[&str]| Cli::try_parse_from(["signoff"].iter().chain(args)).map(|cli| cli.flags);
    let flags =
        parse(&["--dev", "--listen", "l", "--data-dir=d", "--policy", "p", "--config", "c", "--set", "a=b", "--set=c"])
            .unwrap();
    assert_eq!(flags.dev.as_deref(), Some("true"));
    assert_eq!((flags.listen.as_deref(), flags.data_dir.as_deref()), (Some("l"), Some("d")));
    assert_eq!((flags.config.as_deref(), flags.set), (Some("c"), vec!["a=b".to_owned(), "c".to_owned()]));
    assert_eq!(flags.policy.as_deref(), Some("p"));
    assert_eq!(parse(&["--dev=false"]).unwrap().dev.as_deref(), Some("false"));
    assert_eq!(parse(&[]).unwrap().dev, None);
}

#[test]
fn the_table_and_the_flags_agree() {
    let command = ServeFlags::augment_args(clap::Command::new("signoff"));
    for setting in &TABLE {
        let argument = command.get_arguments().find(|argument| argument.get_id() == setting.key);
        let long = argument.and_then(|argument| argument.get_long()).map(|long| format!("--{long}"));
        assert_eq!(long, setting.flag(), "{}", setting.key);
        let help = argument.and_then(|argument| argument.get_help()).map(ToString::to_string).unwrap_or_default();
        assert!(argument.is_none() || help.starts_with(setting.help), "{}: {help:?}", setting.key);
    }
    let mut variables: Vec<_> = TABLE.iter().map(Setting::variable).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), TABLE.len());
}
