use std::{collections::HashMap, time::Duration};

use prost::Message as _;
use prost_types::{Struct, Value, value::Kind};
use serde_json::json;

use super::{one, refused, span};
use crate::{
    domain::{NewRequest, Schemas, limits::RequestLimits},
    proto::v1,
    wire::{
        decode::{self, Violations},
        structs,
    },
};

fn object(value: &serde_json::Value) -> Struct {
    structs::from_object(value.as_object().unwrap().clone())
}

fn decode(change: impl FnOnce(&mut v1::RequestApprovalRequest)) -> Result<NewRequest, Violations> {
    let mut message = v1::RequestApprovalRequest { tool_name: "send_email".into(), ..Default::default() };
    change(&mut message);
    let decoded = decode::request(message, &RequestLimits::default(), &Schemas::default(), None);
    decoded.map_err(|invalid| invalid.violations)
}

fn agent(change: impl FnOnce(&mut v1::Agent)) -> Result<NewRequest, Violations> {
    let mut agent = v1::Agent::default();
    change(&mut agent);
    decode(|message| message.agent = Some(agent))
}

fn labels(labels: impl IntoIterator<Item = (String, String)>) -> Result<NewRequest, Violations> {
    let labels: HashMap<_, _> = labels.into_iter().collect();
    decode(|message| message.labels = labels)
}

fn label(key: &str, value: &str) -> Result<NewRequest, Violations> {
    labels([(key.to_owned(), value.to_owned())])
}

fn with_schema(schema: &serde_json::Value, arguments: &serde_json::Value) -> Result<NewRequest, Violations> {
    decode(|message| {
        message.arguments = Some(object(arguments));
        message.arguments_schema = Some(object(schema));
    })
}

/// The derived schemas that clients send must be accepted, and must be decodable: prost decodes at most 100 levels.
#[test]
fn schemas_within_the_limits_of_clients_are_taken() {
    let list = include_str!("../../../../tests/conformance/schemas.json");
    let list: serde_json::Value = serde_json::from_str(list).unwrap();
    for one in list["schemas"].as_array().unwrap() {
        let message = v1::RequestApprovalRequest {
            tool_name: "send_email".into(),
            arguments_schema: Some(object(&one["schema"])),
            ..Default::default()
        };
        let taken = v1::RequestApprovalRequest::decode(&*message.encode_to_vec()).is_ok_and(|message| {
            decode::request(message, &RequestLimits::default(), &Schemas::default(), None).is_ok()
        });
        assert!(taken || one["sent"] == false, "{}", one["name"]);
    }
}

#[test]
fn a_full_request_arrives_whole() {
    let request = decode(|message| {
        message.request_id = "r1".into();
        message.arguments = Some(object(&json!({"to": "bob", "n": 3.0})));
        message.agent = Some(v1::Agent {
            name: "bot".into(),
            run_id: "run".into(),
            chain: vec!["planner".into(), "router".into()],
        });
        message.reason = "because\n\t\u{202b}".into();
        message.timeout = span(60, 1_500);
        message.labels = [("team".to_owned(), "billing".to_owned())].into();
        message.arguments_schema = Some(object(&json!({"required": ["to"], "minProperties": 1.0})));
        message.cancel_on_disconnect = true;
    })
    .unwrap();
    assert_eq!(request.request_id.as_deref(), Some("r1"));
    assert_eq!(request.tool_name, "send_email");
    assert_eq!(request.arguments.as_json(), r#"{"n":3,"to":"bob"}"#);
    assert_eq!((request.agent.name.as_str(), request.agent.run_id.as_str()), ("bot", "run"));
    assert_eq!(request.agent.chain, ["planner", "router"]);
    assert_eq!(request.reason, "because\n\t\u{202b}");
    assert_eq!(request.timeout, Duration::from_micros(60_000_001));
    assert_eq!(request.labels, [("team".to_owned(), "billing".to_owned())].into());
    assert_eq!(request.schema.as_deref(), Some(r#"{"minProperties":1,"required":["to"]}"#));
    assert!(request.cancel_on_disconnect);
}

#[test]
fn a_bare_request_gets_defaults() {
    let request = decode(|_| {}).unwrap();
    assert_eq!((request.request_id, request.schema), (None, None));
    assert_eq!(request.arguments.as_json(), "{}");
    assert_eq!(request.timeout, Duration::from_secs(300));
    assert!(!request.cancel_on_disconnect);
}

#[test]
fn tool_names_are_checked() {
    let tool = |name: &str| decode(|message| message.tool_name = name.into());
    assert!(tool("A-z.0/9_:").is_ok() && tool(&"t".repeat(128)).is_ok());
    assert_eq!(one(tool(&"t".repeat(129))), "tool_name: has 129 characters; at most 128 are allowed");
    assert_eq!(one(tool("")), "tool_name: must not be empty");
    let allowed = "only A-Z a-z 0-9 _ . : / - are allowed";
    assert_eq!(one(tool("send email")), format!("tool_name: contains ' '; {allowed}"));
    assert_eq!(one(tool("send_\u{200b}email")), format!("tool_name: contains U+200B; {allowed}"));
    assert!(one(tool("ѕend_email")).contains(allowed)); // a Cyrillic letter
}

#[test]
fn names_have_at_most_128_characters() {
    let (most, beyond) = ("é".repeat(128), "é".repeat(129));
    let text = |field: &str| format!("{field}: has 129 characters; at most 128 are allowed");
    assert!(decode(|message| message.request_id = most.clone()).is_ok());
    assert_eq!(one(decode(|message| message.request_id = beyond.clone())), text("request_id"));
    assert!(agent(|agent| agent.name = most.clone()).is_ok());
    assert_eq!(one(agent(|agent| agent.name = beyond.clone())), text("agent.name"));
    assert!(agent(|agent| agent.run_id = most.clone()).is_ok());
    assert_eq!(one(agent(|agent| agent.run_id = beyond.clone())), text("agent.run_id"));
    assert!(agent(|agent| agent.chain = vec![most]).is_ok());
    assert_eq!(one(agent(|agent| agent.chain = vec!["a".into(), beyond])), text("agent.chain[1]"));
    assert_eq!(one(agent(|agent| agent.chain = vec![String::new()])), "agent.chain[0]: must not be empty");
    for result in [
        decode(|message| message.request_id = "a\u{200b}".into()),
        agent(|agent| agent.name = "a\u{200b}".into()),
        agent(|agent| agent.run_id = "a\u{200b}".into()),
        agent(|agent| agent.chain = vec!["a\u{200b}".into()]),
        label("k", "a\u{200b}"),
    ] {
        assert!(one(result).contains("contains U+200B"));
    }
}

#[test]
fn a_chain_has_at_most_16_agents() {
    assert!(agent(|agent| agent.chain = vec!["a".into(); 16]).is_ok());
    let text = one(agent(|agent| agent.chain = vec!["a".into(); 17]));
    assert_eq!(text, "agent.chain: has 17 agents; at most 16 are allowed");
}

#[test]
fn reasons_have_at_most_4096_bytes() {
    let reason = |text: String| decode(|message| message.reason = text);
    assert!(reason("é".repeat(2_048)).is_ok());
    assert_eq!(one(reason("é".repeat(2_048) + "x")), "reason: has 4097 bytes; at most 4096 are allowed");
    assert!(one(reason("a\0".into())).contains("contains U+0000"));
}

#[test]
fn labels_are_checked() {
    let numbered = |count| labels((0..count).map(|n| (format!("k{n}"), String::new())));
    assert!(numbered(32).is_ok());
    assert_eq!(one(numbered(33)), "labels: has 33 labels; at most 32 are allowed");
    let (most, beyond) = ("k".repeat(63), "k".repeat(64));
    assert!(label(&most, &"é".repeat(256)).is_ok() && label("a.b/c-d_E9", "").is_ok());
    assert!(one(label(&beyond, "")).ends_with("has 64 characters; at most 63 are allowed"));
    assert_eq!(one(label("k", &"é".repeat(257))), "labels[\"k\"]: has 257 characters; at most 256 are allowed");
    assert_eq!(one(label("a b", "")), "labels[\"a b\"]: contains ' '; only A-Z a-z 0-9 _ . / - are allowed");
    assert!(one(label("", "")).starts_with("labels[\"\"]: has an empty key"));
    assert!(one(label("a\u{200b}", "")).starts_with("labels[\"a\\u{200b}\"]: contains U+200B"));
}

#[test]
fn timeouts_are_from_1_s_to_7_days() {
    let timeout = |seconds, nanos| decode(|message| message.timeout = span(seconds, nanos));
    assert_eq!(timeout(1, 0).unwrap().timeout, Duration::from_secs(1));
    assert_eq!(timeout(604_800, 0).unwrap().timeout, Duration::from_secs(604_800));
    assert_eq!(one(timeout(0, 999_999_999)), "timeout: is 0.999999999 s; it must be from 1s to 7d");
    assert_eq!(one(timeout(604_800, 1)), "timeout: is 604800.000000001 s; it must be from 1s to 7d");
    assert!(one(timeout(0, 0)).contains("from 1s to 7d"));
    assert_eq!(one(timeout(-1, 0)), "timeout: is negative; it must be from 1s to 7d");
    assert!(one(timeout(0, -1)).contains("is negative"));
    for (seconds, nanos) in [(1, -1), (-1, 1), (1, 1_000_000_000), (-1, -1_000_000_000), (1, i32::MIN)] {
        assert!(one(timeout(seconds, nanos)).starts_with("timeout: is malformed"), "{seconds} {nanos}");
    }
    assert!(one(timeout(i64::MAX, 0)).contains("from 1s to 7d"));
    assert!(one(timeout(i64::MIN, 0)).contains("is negative"));
}

#[test]
fn arguments_have_at_most_48_kib_and_32_levels() {
    let arguments = |value: &serde_json::Value| decode(|message| message.arguments = Some(object(value)));
    // {"a":"…"} is 8 bytes more than the text.
    assert!(arguments(&json!({"a": "x".repeat(49_152 - 8)})).is_ok());
    assert_eq!(
        one(arguments(&json!({"a": "x".repeat(49_152 - 7)}))),
        "arguments: has 49153 bytes as canonical JSON; at most 49152 are allowed"
    );
    let deep = |levels| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    assert!(arguments(&deep(32)).is_ok());
    let text = one(arguments(&deep(33)));
    assert!(text.ends_with("is nested too deeply; at most 32 levels are allowed"), "{text}");
    let null = Value { kind: None };
    let nan = Value { kind: Some(Kind::NumberValue(f64::NAN)) };
    let fields = [("a".to_owned(), null), ("b".to_owned(), nan)].into();
    let lines = refused(decode(|message| message.arguments = Some(Struct { fields })));
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("arguments.a: has no kind") && lines[1].starts_with("arguments.b: is NaN"));
}

#[test]
fn schemas_are_compiled_and_satisfied() {
    let schema = json!({"required": ["to", "cc"]});
    assert!(with_schema(&schema, &json!({"to": 1, "cc": 2})).is_ok());
    let lines = refused(with_schema(&schema, &json!({})));
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("arguments: do not satisfy arguments_schema: the top level: "), "{lines:?}");
    let text = one(with_schema(&json!({"$ref": "#"}), &json!({})));
    assert!(text.starts_with("arguments_schema: ") && text.contains("recursive"), "{text}");
    assert!(one(with_schema(&json!({"type": 7}), &json!({}))).starts_with("arguments_schema: not a valid schema"));

    // {"title":"…"} is 12 bytes more than the text.
    assert!(with_schema(&json!({"title": "x".repeat(16_384 - 12)}), &json!({})).is_ok());
    assert_eq!(
        one(with_schema(&json!({"title": "x".repeat(16_384 - 11)}), &json!({}))),
        "arguments_schema: has 16385 bytes as canonical JSON; at most 16384 are allowed"
    );
    // The integers of old drafts must have no fraction, which a Struct cannot express.
    let draft4 =
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "additionalProperties": {"type": "integer"}});
    assert!(with_schema(&draft4, &json!({"n": 3.0})).is_ok());
    assert_eq!(refused(with_schema(&draft4, &json!({"n": 3.5}))).len(), 1);
}

#[test]
fn a_schema_that_is_known_says_the_same() {
    let (schemas, limits) = (Schemas::default(), RequestLimits::default());
    let message = |schema: &serde_json::Value, arguments: &serde_json::Value| v1::RequestApprovalRequest {
        tool_name: "send_email".into(),
        arguments: Some(object(arguments)),
        arguments_schema: Some(object(schema)),
        ..Default::default()
    };
    let schema =
        json!({"required": ["to"], "properties": {"to": {"type": "string", "pattern": "^a"}}, "maxLength": 1.0});
    let fits = message(&schema, &json!({"to": "a"}));
    assert!(decode::known_schema(&fits, &schemas).is_none(), "never seen");
    decode::request(fits, &limits, &schemas, None).unwrap();
    for arguments in [json!({"to": "a"}), json!({"to": "b"}), json!({}), json!({"to": 7, "cc": [null, null]})] {
        let asked = || message(&schema, &arguments);
        let known = decode::known_schema(&asked(), &schemas);
        assert!(known.is_some());
        let anew = decode::request(asked(), &limits, &Schemas::default(), None);
        assert_eq!(anew.is_ok(), arguments == json!({"to": "a"}));
        assert_eq!(decode::request(asked(), &limits, &schemas, known.clone()), anew);
        let limits = RequestLimits { schema_bytes: 10, ..limits.clone() };
        assert!(
            refused(decode::request(asked(), &limits, &schemas, known).map_err(|invalid| invalid.violations))[0]
                .contains("at most 10")
        );
    }
    // Other schemas, and slow ones.
    let unknown = [
        (json!({"required": ["to"]}), json!({"to": "a"})),
        (schema.clone(), json!({"to": "a".repeat(10_000)})),
        (schema, json!({"to": "a", "n": vec![0; 10_000]})),
    ];
    for (schema, arguments) in unknown {
        assert!(decode::known_schema(&message(&schema, &arguments), &schemas).is_none());
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let lines = refused(decode(|message| {
        message.request_id = "\u{feff}".into();
        message.tool_name = String::new();
        message.arguments = Some(Struct { fields: [("a".to_owned(), Value { kind: None })].into() });
        message.agent =
            Some(v1::Agent { name: "x".repeat(129), run_id: "\n".into(), chain: vec![String::new(), "\0".into()] });
        message.reason = "x".repeat(4_097);
        message.timeout = span(0, 0);
        message.labels = [("a b".to_owned(), "\u{200b}".to_owned())].into();
        message.arguments_schema = Some(object(&json!({"type": "text"})));
    }));
    let fields: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "agent.chain[0]",
            "agent.chain[1]",
            "agent.name",
            "agent.run_id",
            "arguments.a",
            "arguments_schema",
            "labels[\"a b\"]",
            "labels[\"a b\"]",
            "reason",
            "request_id",
            "timeout",
            "tool_name",
        ]
    );
}

#[test]
fn an_operator_s_limits_hold() {
    let limits = RequestLimits {
        arguments_bytes: 2,
        arguments_depth: 1,
        schema_bytes: 0,
        text_bytes: 0,
        labels: 0,
        chain: 0,
        ..RequestLimits::default()
    };
    let lines = refused(
        decode::request(
            v1::RequestApprovalRequest {
                tool_name: "t".into(),
                arguments: Some(object(&json!({"a": 1}))),
                agent: Some(v1::Agent { chain: vec!["a".into()], ..Default::default() }),
                reason: "r".into(),
                labels: [("k".to_owned(), String::new())].into(),
                arguments_schema: Some(object(&json!({}))),
                ..Default::default()
            },
            &limits,
            &Schemas::default(),
            None,
        )
        .map_err(|invalid| invalid.violations),
    );
    assert_eq!(lines.len(), 5);
    for (line, limit) in lines.iter().zip(["at most 0", "at most 2", "at most 0", "at most 0", "at most 0"]) {
        assert!(line.contains(limit), "{line}");
    }
}

#[test]
fn a_request_is_repeated_also_where_an_operator_lowered_a_limit() {
    for limits in [
        RequestLimits { arguments_bytes: 10, ..RequestLimits::default() },
        RequestLimits { arguments_depth: 1, ..RequestLimits::default() },
    ] {
        let message = v1::RequestApprovalRequest {
            request_id: "r".into(),
            tool_name: "send_email".into(),
            arguments: Some(object(&json!({"to": ["bob", "alice"]}))),
            ..Default::default()
        };
        let refused = decode::request(message, &limits, &Schemas::default(), None).unwrap_err();
        assert!(refused.repetition.is_some(), "{refused:?}");
        assert_eq!(refused.violations.0.len(), 1, "{refused:?}");
    }
}

#[test]
fn what_repeats_a_request_is_known_by_what_must_be_said_again() {
    let repetition = |change: fn(&mut v1::RequestApprovalRequest)| {
        let mut message = v1::RequestApprovalRequest {
            request_id: "r".into(),
            tool_name: "send_email".into(),
            arguments: Some(object(&json!({"to": "bob"}))),
            on_behalf_of: Some(v1::Person { subject: "alice".into(), ..Default::default() }),
            ..Default::default()
        };
        change(&mut message);
        let decoded = decode::request(message, &RequestLimits::default(), &Schemas::default(), None);
        decoded.unwrap_err().repetition.map(|again| *again)
    };
    let differing: [fn(&mut v1::RequestApprovalRequest); 7] = [
        |message| message.arguments_schema = Some(object(&json!({"required": ["cc"]}))),
        |message| message.arguments_schema = Some(object(&json!({"type": 7}))),
        |message| message.timeout = span(1 << 30, 0),
        |message| message.timeout = span(-1, 0),
        |message| message.reason = "\0".into(),
        |message| message.labels = [(String::new(), String::new())].into(),
        |message| message.agent = Some(v1::Agent { chain: vec![String::new(); 60], ..Default::default() }),
    ];
    for change in differing {
        let again = repetition(change).unwrap();
        assert_eq!((again.request_id.as_str(), again.tool_name.as_str()), ("r", "send_email"));
        assert_eq!(again.arguments.as_json(), r#"{"to":"bob"}"#);
        assert_eq!(again.on_behalf_of.unwrap().subject, "alice");
    }
    let unsure: [fn(&mut v1::RequestApprovalRequest); 6] = [
        |message| message.request_id = "r\0".into(),
        |message| (message.request_id, message.reason) = (String::new(), "\0".into()),
        |message| message.tool_name = "send email".into(),
        |message| message.arguments = Some(object(&json!({"to": "x".repeat(50_000)}))),
        |message| message.on_behalf_of.as_mut().unwrap().groups = vec!["g".into()],
        // More violations than the maximum come before it.
        |message| {
            message.labels = (0..32).map(|n| (format!("{n} "), "\0".into())).collect();
            message.on_behalf_of.as_mut().unwrap().subject = String::new();
        },
    ];
    for change in unsure {
        assert_eq!(repetition(change), None);
    }
}
