//! Settings: what is wrong is said with its field.

use super::*;

fn problems(fields: &str) -> Vec<String> {
    let table = format!("kind = 'slack'\n{fields}").parse().unwrap();
    let problems = ChannelSettings::parse(NAME.parse().unwrap(), table).err().unwrap_or_default();
    problems.wrong.iter().chain(&problems.unknown).map(|one| format!("{} {}", one.field, one.problem)).collect()
}

#[test]
fn a_channel_has_a_token_and_an_id() {
    let token = "token_file = '/t'\nchannel = 'C0123ABCD'\n";
    let people = "teams = ['T0AB']\nissuer = 'local'\npeople.U0A1 = { subject = 'a' }\n";
    assert_eq!(problems(token), [""; 0]);
    assert_eq!(problems(&format!("{token}{people}signing_secret_env = 'S'")), [""; 0]);
    let ends = "'decided', 'timed_out', 'cancelled', 'revoked', 'edited'";
    let buttons = format!("{token}{people}signing_secret_env = 'S'\n");
    assert_eq!(problems(&format!("events = ['requested', {ends}]\n{buttons}")), [""; 0]);
    assert_eq!(problems(&format!("events = ['requested']\n{token}")), [""; 0], "without buttons nothing must end");
    for (fields, said) in [
        (
            &*format!("events = ['requested']\n{buttons}"),
            "events must include decided, timed_out, cancelled, revoked and edited, because the buttons of a message \
             must end",
        ),
        (&format!("{token}teams = ['T0AB']"), "teams has no effect without people"),
        (&format!("{token}issuer = 'local'"), "issuer has no effect without people"),
        (&format!("events = ['decides']\n{buttons}"), "events has no kind \"decides\"; did you mean decided?"),
        ("channel = 'C0123ABCD'", "token is missing; set token_file or token_env"),
        ("token_file = '/t'", "channel is missing"),
        (
            "token_file = '/t'\nchannel = '#finance'",
            "channel must be the id of a channel, such as C0123ABCD, and not its name",
        ),
        (
            &format!("{token}signing_secret_env = 'S'"),
            "people is missing; list who may decide, by the ids of users in Slack",
        ),
        (
            &format!("{token}{people}"),
            "signing_secret is missing; set signing_secret_file or signing_secret_env, or remove people",
        ),
        (
            &format!("{token}api_url = 'http://slack.example/api'"),
            "api_url must begin with https://; set allow_http = true to send messages unencrypted",
        ),
        (&format!("{token}api_url = 'https://slack.example/api?x=1'"), "api_url must not have a query"),
        (
            &format!("{token}signing_secret = 'x'"),
            "signing_secret must not be in the configuration; set signing_secret_file or signing_secret_env",
        ),
    ] {
        assert_eq!(problems(fields), [said], "{fields}");
    }
}

#[test]
fn settings_show_no_secrets() {
    let table = "kind = 'slack'\ntoken_file = '/run/token'\nchannel = 'C0123ABCD'".parse().unwrap();
    let settings = ChannelSettings::parse(NAME.parse().unwrap(), table).unwrap();
    assert!(format!("{settings:?}").contains("/run/token"));
}
