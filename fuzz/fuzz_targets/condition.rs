//! Any condition and any arguments: a condition that compiles is judged in time, and never approves by failing.
//!
//! The last line of the input is the arguments; the condition is before it.

#![no_main]

mod asked;

use std::{sync::LazyLock, time::Duration};

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use signoff::{
    domain::{Arguments, limits::ARGUMENTS_BYTES_MAX},
    policy::{Document, Policy, Rule, RuleEffect},
};

use asked::judged;

/// Only a runaway judgement takes this long: all steps of a call take a tenth of a second here, where counters and
/// checks make them slow. The benchmark `policy` measures the server's own build.
const LONGEST: Duration = Duration::from_secs(2);

/// Arguments of the maximum size: conditions that iterate over them take longest.
static LARGE: LazyLock<Arguments> = LazyLock::new(|| {
    let numbers: Vec<_> = (0..3_000).collect();
    let object = json!({
        "amount": 9.5, "to": "alice@company.com", "cc": vec!["bob@company.com"; 300], "n": 5, "l": numbers,
        "t": "a b ".repeat(4_000), "m": {"k": [1, "x", null, true]},
    });
    arguments(&object.to_string()).expect("it is within the limits")
});

fn arguments(text: &str) -> Option<Arguments> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    Arguments::new(object).ok().filter(|made| made.as_json().len() <= ARGUMENTS_BYTES_MAX)
}

fuzz_target!(|text: &str| {
    let (when, given) = text.trim_end().rsplit_once('\n').unwrap_or((text, "{}"));
    let rule = Rule {
        name: "one".into(),
        description: String::new(),
        tools: vec!["pay".into()],
        agents: Vec::new(),
        labels: Default::default(),
        when: when.into(),
        summary: Vec::new(),
        redact: Vec::new(),
        notify: Vec::new(),
        reject_reasons: Vec::new(),
        effect: Some(RuleEffect::AutoApprove {}),
    };
    let unlisted_tools = Some(RuleEffect::AutoApprove {});
    let Ok(policy) = Policy::compile(Document { unlisted_tools, rules: vec![rule], ..Document::default() }) else {
        return;
    };
    for arguments in arguments(given).iter().chain([&*LARGE]) {
        let (judgement, first) = judged(&policy, "pay", arguments);
        let (again, second) = judged(&policy, "pay", arguments);
        assert_eq!(judgement, again);
        // Judge again, to exclude time that other processes took.
        let took = first.min(second);
        assert!(took < LONGEST || judged(&policy, "pay", arguments).1 < LONGEST, "{when:?} took {took:?}");
    }
});
