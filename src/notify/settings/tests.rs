use super::*;

fn fields(toml: &str) -> Fields {
    Fields::new(toml.parse().unwrap())
}

fn told(fields: Fields) -> Vec<String> {
    fields.finish().into_iter().map(|FieldProblem { field, problem }| format!("{field} {problem}")).collect()
}

#[test]
fn fields_are_read_by_type() {
    let mut all = fields(
        "a = 'x'\nb = ['x', 'y']\nc = { \"a@b\" = 'U1' }\nd = true\ne = 7\nf = '90s'\ng_file = '/g'\nh_env = 'H'",
    );
    assert_eq!((all.text("a").as_deref(), all.text("z")), (Some("x"), None));
    assert_eq!((all.texts("b"), all.texts("z")), (vec!["x".to_owned(), "y".to_owned()], vec![]));
    assert_eq!(all.text_table("c"), [("a@b".to_owned(), "U1".to_owned())]);
    assert_eq!((all.flag("d"), all.flag("z")), (Some(true), None));
    assert_eq!((all.count("e", 1, 7), all.count("z", 1, 7)), (Some(7), None));
    assert_eq!(all.duration("f", Duration::ZERO, Duration::from_secs(90)), Some(Duration::from_secs(90)));
    assert_eq!(all.secret("g"), Some(SecretSource::File("/g".into())));
    assert_eq!(all.required_secret("h"), Some(SecretSource::Environment("H".into())));
    assert_eq!(all.secret("z"), None);
    let Finished { secrets, problems, unknown } = all.finished(true);
    assert_eq!(secrets.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["g", "h"]);
    assert!(problems.is_empty() && unknown.is_empty(), "{problems:?} {unknown:?}");
}

#[test]
fn values_that_are_not_allowed_are_told_with_what_is() {
    const TEXT: &str = "text of 1 to 2048 bytes without control characters";
    let long = "x".repeat(TEXT_MAX + 1);
    for text in ["''", "'  '", "7", "\"a\\nb\"", "['a']", &format!("'{long}'")] {
        let mut one = fields(&format!("a = {text}\nb = [{text}]\nc = {{ x = {text} }}"));
        assert_eq!((one.text("a"), one.texts("b"), one.text_table("c")), (None, vec![], vec![]));
        let expected = [
            format!("a must be a {TEXT}"),
            format!("b must be a list; each item must be a {TEXT}"),
            format!("c must be a table; each value must be a {TEXT}"),
        ];
        assert_eq!(told(one), expected, "{text}");
    }
    assert_eq!(fields(&format!("a = '{}'", &long[1..])).text("a").unwrap().len(), TEXT_MAX);
    for count in ["0", "8", "-1", "'3'", "3.0", "9223372036854775807"] {
        let mut one = fields(&format!("a = {count}"));
        assert_eq!(one.count("a", 1, 7), None);
        assert_eq!(told(one), ["a must be a whole number from 1 to 7"], "{count}");
    }
    for duration in ["'1s'", "'61s'", "30", "'soon'"] {
        let mut one = fields(&format!("a = {duration}"));
        assert_eq!(one.duration("a", Duration::from_secs(2), Duration::from_secs(60)), None);
        assert_eq!(told(one), ["a must be a duration from 2s to 1m, such as \"30s\""], "{duration}");
    }
    let mut one = fields("a = 'true'");
    assert_eq!((one.flag("a"), one.required_text("b")), (None, None));
    assert_eq!(told(one), ["a must be true or false", "b is missing"]);
}

#[test]
fn secrets_are_never_in_the_configuration() {
    let mut one = fields("a = 's3cret'\nb_file = '/b'\nb_env = 'B'");
    assert_eq!((one.required_secret("a"), one.secret("b"), one.required_secret("c")), (None, None, None));
    assert!(!format!("{one:?}").contains("s3cret"), "{one:?}");
    let expected = [
        "a must not be in the configuration; set a_file or a_env",
        "b_file and b_env are both set; set one of them",
        "c is missing; set c_file or c_env",
    ];
    assert_eq!(told(one), expected);
}

#[test]
fn a_channel_subscribes_to_kinds_of_events() {
    let all = fields("").subscription();
    assert_eq!((all.kinds.len(), all.after), (NotificationKind::ALL.len(), Duration::ZERO));
    let some = fields("events = ['requested', 'timed_out']\nafter = '1d'").subscription();
    assert_eq!(some.kinds, [NotificationKind::Requested, NotificationKind::TimedOut].into());
    assert_eq!(some.after, AFTER_MAX);
    const ALLOWED: &str = "requested, voted, edited, escalated, decided, timed_out, cancelled, revoked";
    for (toml, expected) in [
        ("events = []", format!("events is empty; allowed: {ALLOWED}")),
        ("events = ['everything']", format!("events has no kind \"everything\"; allowed: {ALLOWED}")),
        ("events = ['timedout']", "events has no kind \"timedout\"; did you mean timed_out?".to_owned()),
        ("after = '25h'", "after must be a duration from 0s to 1d, such as \"30s\"".to_owned()),
    ] {
        let mut one = fields(toml);
        let _ = one.subscription();
        assert_eq!(told(one), [expected]);
    }
}

#[test]
fn unknown_fields_get_a_suggestion() {
    let asked = |toml: &str, complete| {
        let mut one = fields(toml);
        let _ = (one.text("url"), one.secret("token"));
        one.finished(complete).unknown.into_iter().map(|problem| problem.problem).collect::<Vec<_>>()
    };
    const UNKNOWN: &str = "is not a field of this kind of channel;";
    assert_eq!(asked("ulr = 'x'\nurl = 'y'", true), [format!("{UNKNOWN} did you mean url?")]);
    assert_eq!(asked("colour = 'x'", true), [format!("{UNKNOWN} allowed: token_env, token_file, url")]);
    // A parser that gave up has not asked for all fields yet.
    assert_eq!(asked("tokenfile = 'x'\ncolour = 'x'", false), [format!("{UNKNOWN} did you mean token_file?")]);
}
