//! `signoff status`: the status of the server.

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    failure::Failure,
    freeze,
    text::{between, escape, instant, moment, span},
};
use crate::proto::v1::{GetStatusRequest, ServerStatus};

pub(super) async fn run(connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let response = connection.admin().await?.get_status(unary(GetStatusRequest {})).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let status = response.status.ok_or(Failure::Protocol("no status"))?;
    Ok(lines(&status).iter().try_for_each(|line| console.line(line))?)
}

/// Computes ages by the server's clock, because this machine's clock may be wrong.
fn lines(status: &ServerStatus) -> Vec<String> {
    let now = status.server_time.as_ref().and_then(instant);
    let age = |from: &Option<prost_types::Timestamp>| span(between(from.as_ref().and_then(instant), now));
    let serving = if status.draining { "shutting down" } else { "serving" };
    let (started, up) = (moment(status.start_time.as_ref()), age(&status.start_time));
    let oldest = match &status.oldest_pending_time {
        Some(_) => format!(", oldest {}", age(&status.oldest_pending_time)),
        None => String::new(),
    };
    let policy = match status.policy_version {
        0 => "built-in".to_owned(),
        version => format!("version {version}"),
    };
    let mut lines = vec![
        format!("signoff {}, {serving} since {started} ({up})", escape(&status.version)),
        format!("policy: {policy}"),
        format!("pending: {}{oldest}", status.pending_count),
    ];
    if status.freezes.is_empty() {
        lines.push("frozen: nothing".to_owned());
    }
    lines.extend(freeze::warnings(&status.freezes));
    lines.extend(status.notification_problems.iter().map(|problem| format!("notifications: {}", escape(problem))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Freeze, FreezeScope, freeze_scope::Scope};

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds: 1_767_225_600 + seconds, nanos: 0 })
    }

    #[test]
    fn a_status_is_a_few_lines() {
        let status = ServerStatus {
            version: "0.1.0".to_owned(),
            server_time: at(3_900),
            start_time: at(0),
            policy_version: 4,
            pending_count: 3,
            oldest_pending_time: at(3_600),
            freezes: Vec::new(),
            draining: false,
            notification_problems: Vec::new(),
        };
        let expected = [
            "signoff 0.1.0, serving since 2026-01-01T00:00:00Z (1h5m)",
            "policy: version 4",
            "pending: 3, oldest 5m",
            "frozen: nothing",
        ];
        assert_eq!(lines(&status), expected);
        let scope = Some(FreezeScope { scope: Some(Scope::All(true)) });
        let freezes = vec![Freeze { scope, freeze_time: at(9), ..Freeze::default() }];
        let idle = ServerStatus { freezes, pending_count: 0, oldest_pending_time: None, policy_version: 0, ..status };
        let expected = ["policy: built-in", "pending: 0", "FROZEN: all calls, by - since 2026-01-01T00:00:09Z"];
        assert_eq!(lines(&idle)[1..], expected);
        let notification_problems = vec!["channel hook fails".to_owned()];
        let failing = ServerStatus { notification_problems, draining: true, ..idle };
        assert_eq!(lines(&failing).last().map(String::as_str), Some("notifications: channel hook fails"));
        assert!(lines(&failing)[0].contains("shutting down"));
    }
}
