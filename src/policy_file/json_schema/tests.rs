use jsonschema::Validator;

use crate::{
    policy_file::{FileForm, json_schema, read, tests::EXAMPLE},
    proto::{self, v1},
};

fn schema<M: FileForm>() -> serde_json::Value {
    serde_json::from_str(&json_schema::<M>()).unwrap()
}

fn validator<M: FileForm>() -> Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema::<M>()).unwrap()
}

/// A policy file as JSON, the way an editor's language server sees it. The example has no form that would be lost.
fn example() -> serde_json::Value {
    let policy: v1::Policy = read(EXAMPLE).finish().unwrap();
    let mut dynamic = prost_reflect::DynamicMessage::new(super::super::descriptor::<v1::Policy>());
    dynamic.transcode_from(&policy).unwrap();
    let options = prost_reflect::SerializeOptions::new().use_proto_field_name(true);
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

type Change = fn(&mut serde_json::Value);

#[test]
fn the_example_is_valid_and_mistakes_are_not() {
    let validator = validator::<v1::Policy>();
    let example = example();
    assert!(validator.is_valid(&example), "{:?}", validator.iter_errors(&example).collect::<Vec<_>>());
    assert!(validator.is_valid(&serde_json::json!({})));

    let mistakes: [(&str, Change); 9] = [
        ("an unknown field", |file| file["rulez"] = [1].into()),
        ("one inside", |file| file["rules"][0]["wen"] = "x".into()),
        ("one deeper", |file| file["rules"][1]["require_approval"]["time"] = "1s".into()),
        ("a number for a string", |file| file["rules"][0]["name"] = 5.into()),
        ("a string for a list", |file| file["tools"] = "x".into()),
        ("a bad span", |file| file["rules"][1]["require_approval"]["timeout"] = "5m".into()),
        ("two effects", |file| file["rules"][1]["auto_approve"] = serde_json::json!({})),
        ("no effect", |file| drop(file["rules"][0].as_object_mut().unwrap().remove("auto_approve"))),
        ("a label that is no string", |file| file["rules"][2]["labels"]["env"] = 1.into()),
    ];
    for (mistake, make) in mistakes {
        let mut file = example.clone();
        make(&mut file);
        assert!(!validator.is_valid(&file), "{mistake}");
    }
}

#[test]
fn test_cases_have_a_schema() {
    let validator = validator::<v1::PolicyTestCases>();
    let mut file = serde_json::json!({"cases": [{
        "tool_name": "t", "arguments": {"any": [1, {"thing": null}]}, "expect": "AUTO_APPROVED",
        "time": "2026-01-31T12:00:00Z", "caller": {"kind": "ACTOR_KIND_PERSON"}, "labels": {"a": "b"},
    }]});
    assert!(validator.is_valid(&file), "{:?}", validator.iter_errors(&file).collect::<Vec<_>>());
    for (field, value) in [("expect", "YES"), ("time", "noon"), ("arguments", "x"), ("agent", "x")] {
        let before = file["cases"][0][field].clone();
        file["cases"][0][field] = value.into();
        assert!(!validator.is_valid(&file), "{field}");
        file["cases"][0][field] = before;
    }
}

#[test]
fn descriptions_are_the_protos_comments() {
    let schema = schema::<v1::Policy>();
    let rule = &schema["$defs"]["PolicyRule"];
    let comment = rule["properties"]["labels"]["description"].as_str().unwrap();
    assert!(comment.starts_with("Labels that the call must have") && comment.ends_with("At most 32."), "{comment}");
    let top = schema["description"].as_str().unwrap();
    assert!(top.starts_with("The rules that decide calls. A policy file") && top.contains("\n\n"), "{top}");

    fn undescribed(schema: &serde_json::Value, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["description"].as_str().is_none_or(str::is_empty) {
                found.push(name.clone());
            }
        }
        schema["$defs"].as_object().into_iter().flatten().for_each(|(_, schema)| undescribed(schema, found));
    }
    let mut found = Vec::new();
    undescribed(&schema, &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn definitions_are_named_after_messages_of_one_package() {
    // By the short name, which is the whole one within a package and outside of other messages.
    for name in schema::<v1::PolicyTestCases>()["$defs"].as_object().unwrap().keys() {
        let full = format!("signoff.v1.{name}");
        assert!(proto::DESCRIPTORS.get_message_by_name(&full).is_some(), "{full}");
    }
}
