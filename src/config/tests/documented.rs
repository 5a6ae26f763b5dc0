//! Texts that tell defaults and limits. The values stand in the settings' own types; here each text is compared with
//! them. The table of README.md is generated, and the clients' stubs have the comments of the protos.

use std::{fs, path::Path, time::Duration};

use super::Config;
use crate::domain::{
    FREEZES_MAX,
    limits::{
        AGENT_NAME_MAX, LABEL_KEY_MAX, LABEL_VALUE_MAX, PAGE_SIZE_DEFAULT, PERSON_MAX, REQUEST_ID_MAX, RUN_ID_MAX,
        TOOL_NAME_MAX, WAIT_MAX,
    },
};

/// A file's words, without marks of comments: a sentence may go over several lines.
#[expect(clippy::disallowed_methods, reason = "the repository's own files")]
fn words(path: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    let words = text.split_whitespace().filter(|word| !["//", "*", "///"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// In the largest unit of which it is a whole number; hours up to a day.
fn spoken(span: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = span.as_secs();
    let (unit, name) =
        UNITS.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).expect("a second is the least");
    format!("{} {name}", seconds / unit)
}

fn kib(bytes: usize) -> String {
    assert!(bytes.is_multiple_of(1024));
    format!("{} KiB", bytes / 1024)
}

/// With a comma before the thousands.
fn number(number: u32) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

#[test]
fn texts_tell_the_defaults_and_limits_that_are() {
    let Config { heartbeat, claim_window, max_stream_age, write_timeout, limits, oidc, .. } = Config::default();
    let (request, calls, connections) = (limits.request, limits.calls, limits.connections);
    let arguments = format!("{} as canonical JSON, {} levels", kib(request.arguments_bytes), request.arguments_depth);
    let timeouts = format!("{} to {}", spoken(request.timeout_min), spoken(request.timeout_max));
    let (timeout, text) = (request.timeout_default, kib(request.text_bytes));
    let (labels, schema) = (request.labels, kib(request.schema_bytes));
    let pages = format!("At most this many, 1 to {}; default {PAGE_SIZE_DEFAULT}.", number(request.page_size_max));
    let key = format!("dempotency key of this call; at most {REQUEST_ID_MAX} characters.");
    let approvals = "proto/signoff/v1/approval_service.proto";
    let told = [
        (approvals, format!("a Progress is sent every heartbeat (default {})", spoken(heartbeat))),
        (approvals, format!("greatest stream age (default {})", spoken(max_stream_age))),
        (approvals, format!("window (default {} after the decision)", spoken(claim_window))),
        (approvals, format!("How long to wait for a decision: {timeouts}, default {} s.", timeout.as_secs())),
        (approvals, format!("unique per caller; at most {REQUEST_ID_MAX} characters.")),
        (approvals, format!("Name of the tool; at most {TOOL_NAME_MAX} of")),
        (approvals, format!("at most {arguments} deep")),
        (approvals, format!("Why; shown to reviewers. At most {text}.")),
        (approvals, format!("At most {labels} labels; keys at most {LABEL_KEY_MAX} of")),
        (approvals, format!("values at most {LABEL_VALUE_MAX} characters.")),
        (approvals, format!("JSON Schema for the arguments; at most {schema} as canonical JSON.")),
        (approvals, format!("The person's name there; at most {PERSON_MAX} characters.")),
        (approvals, format!("default and maximum {} s.", WAIT_MAX.as_secs())),
        (approvals, key.clone()),
        (approvals, pages.clone()),
        ("proto/signoff/v1/access_service.proto", key.clone()),
        ("proto/signoff/v1/access_service.proto", pages.clone()),
        ("proto/signoff/v1/access_service.proto", format!("What it is for; at most {text}.")),
        ("proto/signoff/v1/admin_service.proto", format!("at most {FREEZES_MAX}, which")),
        ("docs/security.md", format!("At most {FREEZES_MAX} freezes stand at once")),
        ("proto/signoff/v1/policy_service.proto", key),
        ("proto/signoff/v1/policy_service.proto", pages),
        ("proto/signoff/v1/policy_service.proto", format!("at most {text}.")),
        ("proto/signoff/v1/policy.proto", format!("Longest time to wait for a decision, {timeouts};")),
        ("proto/signoff/v1/policy.proto", format!("How long after the request, {timeouts}.")),
        ("docs/policy.md", format!("timeout {timeouts}, claim window")),
        ("docs/operations.md", format!("`write_timeout`, {} seconds by default", write_timeout.as_secs())),
        (
            "docs/security.md",
            format!("{} (`limits.unauthenticated_per_address`)", number(connections.unauthenticated_per_address)),
        ),
        (
            "docs/security.md",
            format!("{} (`limits.unauthenticated_connections`)", number(connections.unauthenticated_connections)),
        ),
        ("docs/security.md", format!("{} (`limits.connections`)", number(connections.open))),
        ("docs/security.md", format!("{} each (`limits.handshake_timeout`)", spoken(connections.handshake_timeout))),
        ("docs/security.md", format!("{} (`limits.unauthenticated_idle`)", spoken(connections.unauthenticated_idle))),
        ("docs/security.md", format!("{} (`limits.message_timeout`)", spoken(calls.message_timeout))),
        ("docs/security.md", format!("`oidc.clock_skew`, {} seconds unless set", oidc.clock_skew.as_secs())),
        ("clients/python/README.md", format!("the server's default, {} minutes,", timeout.as_secs() / 60)),
        (
            "clients/python/src/signoff/_call.py",
            format!("{timeouts}; None for the server's default, {}", spoken(timeout)),
        ),
        ("clients/python/src/signoff/_call.py", format!("At most {}.", kib(request.arguments_bytes))),
        ("clients/typescript/README.md", format!("{timeouts}, {} unless set", spoken(timeout))),
        ("clients/typescript/README.md", format!("a JSON object, at most {};", kib(request.arguments_bytes))),
        ("clients/typescript/src/call.ts", format!("{timeouts}; the server's default is {}.", spoken(timeout))),
        ("clients/go/call.go", format!("{timeouts}; if it is 0, the server's default ({} unless set", spoken(timeout))),
        ("clients/go/call.go", format!("makes the call, in at most {AGENT_NAME_MAX} characters.")),
        ("clients/go/call.go", format!("belongs to, in at most {RUN_ID_MAX} characters.")),
        ("clients/go/call.go", format!("by default every {}.", spoken(heartbeat))),
        ("clients/java/README.md", format!("It prints progress every {}.", spoken(heartbeat))),
    ];
    let wrong: Vec<_> = told.iter().filter(|(path, sentence)| !words(path).contains(sentence)).collect();
    assert!(wrong.is_empty(), "the value changed, or the sentence: {wrong:#?}");
}
