//! Compares defaults and limits in documents with their values in code. Not needed for the table in docs/configuration.md,
//! which is generated, and the clients' stubs, which copy the comments of the protos.

use std::{fs, path::Path, time::Duration};

use super::Config;
use crate::domain::{
    FREEZES_MAX,
    limits::{
        AGENT_NAME_MAX, LABEL_KEY_MAX, LABEL_VALUE_MAX, PAGE_SIZE_DEFAULT, PERSON_MAX, REQUEST_ID_MAX, RUN_ID_MAX,
        TOOL_NAME_MAX, WAIT_MAX,
    },
};

/// A file's words, without comment markers: a sentence may span several lines.
#[expect(clippy::disallowed_methods, reason = "the repository's own files")]
fn words(path: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    let words = text.split_whitespace().filter(|word| !["//", "*", "///"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// A whole number of the largest possible unit.
fn spoken(span: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = span.as_secs();
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).expect("at least a second");
    format!("{} {name}", seconds / unit)
}

fn kib(bytes: usize) -> String {
    assert!(bytes.is_multiple_of(1024));
    format!("{} KiB", bytes / 1024)
}

/// With a comma as thousands separator.
fn number(number: u32) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

#[test]
fn documents_state_the_current_defaults_and_limits() {
    let Config { heartbeat, claim_window, max_stream_age, write_timeout, limits, oidc, .. } = Config::default();
    let (request, calls, connections) = (limits.request, limits.calls, limits.connections);
    let arguments =
        format!("{} as canonical JSON and {} levels", kib(request.arguments_bytes), request.arguments_depth);
    let timeouts = format!("{} to {}", spoken(request.timeout_min), spoken(request.timeout_max));
    let (timeout, text) = (request.timeout_default, kib(request.text_bytes));
    let (labels, schema) = (request.labels, kib(request.schema_bytes));
    let pages = format!("1 to {}, default {PAGE_SIZE_DEFAULT}.", number(request.page_size_max));
    let key = format!("Idempotency key of this call. At most {REQUEST_ID_MAX} characters.");
    let approvals = "proto/signoff/v1/approval_service.proto";
    let told = [
        (approvals, format!("sends a Progress every heartbeat (default {})", spoken(heartbeat))),
        (approvals, format!("maximum stream age (default {})", spoken(max_stream_age))),
        (approvals, format!("window (default {} after the decision)", spoken(claim_window))),
        (approvals, format!("Maximum time to wait for a decision: {timeouts}, default {} s.", timeout.as_secs())),
        (approvals, format!("unique per caller. At most {REQUEST_ID_MAX} characters.")),
        (approvals, format!("Name of the tool. At most {TOOL_NAME_MAX} of")),
        (approvals, format!("At most {arguments} deep")),
        (approvals, format!("Shown to reviewers. At most {text}.")),
        (approvals, format!("At most {labels} labels. Keys have at most {LABEL_KEY_MAX} of")),
        (approvals, format!("values at most {LABEL_VALUE_MAX} characters.")),
        (approvals, format!("JSON Schema of the arguments. At most {schema} as canonical JSON.")),
        (approvals, format!("The person's name at that authority. At most {PERSON_MAX} characters.")),
        (approvals, format!("Default and maximum: {} s.", WAIT_MAX.as_secs())),
        (approvals, key.clone()),
        (approvals, pages.clone()),
        ("proto/signoff/v1/access_service.proto", key.clone()),
        ("proto/signoff/v1/access_service.proto", pages.clone()),
        ("proto/signoff/v1/access_service.proto", format!("The purpose of the token. At most {text}.")),
        ("proto/signoff/v1/admin_service.proto", format!("At most {FREEZES_MAX}, which")),
        ("docs/security.md", format!("At most {FREEZES_MAX} freezes stand at once")),
        ("proto/signoff/v1/policy_service.proto", key),
        ("proto/signoff/v1/policy_service.proto", pages),
        ("proto/signoff/v1/policy_service.proto", format!("At most {text}.")),
        ("proto/signoff/v1/policy.proto", format!("Maximum time to wait for a decision, {timeouts}.")),
        ("proto/signoff/v1/policy.proto", format!("Time after the request, {timeouts}.")),
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
    assert!(wrong.is_empty(), "a value or a sentence changed: {wrong:#?}");
}
