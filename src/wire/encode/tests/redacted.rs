//! Approvals in lists, without redacted arguments.

use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{Digest, limits::ARGUMENTS_BYTES_MAX},
    policy::{Display, Document},
    store::PAGE_BYTES,
};

fn display(document: Value) -> Display {
    let document: Document = serde_json::from_value(document).unwrap();
    Display::new("1", &document).unwrap()
}

fn with(approval: &Approval, args: &Value) -> Approval {
    let arguments = arguments(args);
    let digest = Digest::of("send_email", &arguments);
    Approval { arguments, digest, ..approval.clone() }
}

fn listed(approval: &Approval, document: Value) -> v1::Approval {
    listed_approval(approval, display(document).redactions(approval).as_ref())
}

#[test]
fn only_what_could_show_an_argument_differs() {
    let (whole, _) = whole_life();
    let mut whole = with(&whole, &json!({"to": "bob", "card": {"number": "4111"}}));
    let trace = &mut Arc::make_mut(&mut whole.verdict).trace;
    let error = "\"4111\" is not a time";
    trace.push(RuleTrace { rule: "failed".into(), outcome: RuleOutcome::Failed, detail: error.into() });
    trace.push(RuleTrace { rule: "other".into(), outcome: RuleOutcome::NotMatched, detail: "why not".into() });
    let full = approval(&whole);
    assert_eq!(listed(&whole, json!({"redact": ["args.absent"]})), full, "nothing is redacted");

    let shown = listed(&whole, json!({"redact": ["args.card.number"]}));
    assert_eq!(shown.redacted_paths, ["args.card.number"]);
    assert_eq!(shown.arguments, Some(structs::from_json(r#"{"card":{"number":"[redacted]"},"to":"bob"}"#)));
    assert_eq!((shown.arguments_schema.is_some(), full.arguments_schema.is_some()), (false, true));
    let details: Vec<_> = shown.policy.as_ref().unwrap().trace.iter().map(|rule| rule.detail.as_str()).collect();
    assert_eq!(details, ["", FAILED, "why not"]);
    assert_eq!(shown.digest, full.digest, "it covers the full arguments");
    let back = v1::Approval {
        arguments: full.arguments.clone(),
        arguments_schema: full.arguments_schema.clone(),
        policy: full.policy.clone(),
        redacted_paths: Vec::new(),
        ..shown
    };
    assert_eq!(back, full);

    let nothing = listed_approval(&whole, Display::unreadable("1").redactions(&whole).as_ref());
    assert_eq!(nothing.arguments, Some(prost_types::Struct::default()));
    assert_eq!(nothing.redacted_paths, ["args"]);
}

/// A page ends once its approvals weigh more than [`PAGE_BYTES`]; redaction must not make it too large for a client.
#[test]
fn the_largest_redacted_page_fits_into_a_message() {
    let (whole, _) = whole_life();
    // A digit becomes a text.
    let numbers = format!("[0{}]", ",0".repeat(ARGUMENTS_BYTES_MAX / 2 - 8));
    let large = with(&whole, &json!({"n": serde_json::from_str::<Value>(&numbers).unwrap()}));
    let one = listed(&large, json!({"redact": ["args.n[*]"]}));
    assert_eq!(one.redacted_paths, ["args.n[*]"]);
    let page = one.encoded_len() * (PAGE_BYTES / ARGUMENTS_BYTES_MAX + 1);
    assert!(page < 4 << 20, "{page} bytes");
    // Long paths in small approvals.
    let parent = "p".repeat(100);
    let names = || (10..20).map(|n| format!("n{n}"));
    let small = with(&whole, &json!({ parent.as_str(): names().map(|name| (name, json!(0))).collect::<Value>() }));
    let paths: Vec<_> = names().take(9).map(|name| format!("args.{parent}.{name}")).collect();
    let one = listed(&small, json!({"redact": paths}));
    assert_eq!(one.redacted_paths.len(), 9);
    let page = one.encoded_len() * 1_000;
    assert!(page < 4 << 20, "{page} bytes");
}

const SECRET: &str = "S3CRET";

proptest! {
    /// Secrets anywhere in objects and lists, under one name, with paths for each of their places.
    #[test]
    fn no_redacted_value_is_in_an_encoded_list(
        depth in 0..4_usize,
        in_list in any::<bool>(),
        secret in prop_oneof![
            Just(json!(SECRET)),
            Just(json!([SECRET])),
            Just(json!({ SECRET: SECRET })),
            Just(json!({"a": [{"b": SECRET}]})),
        ],
        others in proptest::collection::btree_map("[a-z]{1,3}", "[a-z]{0,5}", 0..4),
    ) {
        let mut args: Value = others.into_iter().collect();
        let (mut value, mut path) = (secret, String::from("args.secret"));
        for _ in 0..depth {
            value = if in_list { json!([value, value]) } else { json!({"in.ner": value}) };
            path.push_str(if in_list { "[*]" } else { r#"["in.ner"]"# });
        }
        args["secret"] = value;
        let (whole, _) = whole_life();
        let whole = with(&whole, &args);
        let page = v1::ListPendingResponse {
            approvals: vec![listed(&whole, json!({"redact": [path]}))],
            ..v1::ListPendingResponse::default()
        };
        let bytes = page.encode_to_vec();
        prop_assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
        let bytes = v1::ListPendingResponse { approvals: vec![approval(&whole)], ..page }.encode_to_vec();
        prop_assert!(bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "it is in the full one");
    }
}
