use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    control::Control,
    domain::{
        Approval, Effect, Requirement,
        samples::{arguments, at, opened, verdict},
    },
    policy::{Policy, PolicyChange},
    store::{NewPolicy, PolicyStore as _, Store},
    test_support::{Staged, agent, operator, reviewer},
};

async fn opened_on(store: &Arc<Staged>) -> Arc<Policies> {
    let clock = Arc::new(ManualClock::new(at(0))) as Arc<dyn Clock>;
    let store = Arc::clone(store) as Arc<dyn Store>;
    Policies::from_store(Control::new(store), clock, std::time::Duration::from_secs(300)).await.unwrap()
}

async fn set(policies: &Arc<Policies>, document: Value) {
    let policy = Arc::new(Policy::compile(serde_json::from_value(document).unwrap()).unwrap());
    let change =
        PolicyChange { request_id: None, policy, expected: None, comment: String::new(), validate_only: false };
    policies.set(&operator(), change).await.unwrap();
}

fn judged_by(version: &str) -> Approval {
    let verdict = Verdict {
        policy_version: version.into(),
        ..Verdict::clone(&verdict(Effect::RequireApproval(Requirement::any(1))))
    };
    Approval { arguments: arguments(&json!({"a": 1, "b": 2, "c": 3})), ..opened(Arc::new(verdict)) }
}

async fn paths(policies: &Policies, version: &str) -> String {
    let approval = judged_by(version);
    policies.display(&approval).await.redacted_arguments(&approval).paths().join(" ")
}

#[tokio::test]
async fn the_recorded_version_decides_whatever_is_set_later() {
    let store: Arc<Staged> = Arc::default();
    let policies = opened_on(&store).await;
    set(&policies, json!({"redact": ["args.a"]})).await;
    set(&policies, json!({"redact": ["args.b"]})).await;
    for policies in [policies, opened_on(&store).await] {
        assert_eq!(paths(&policies, "0").await, "", "the built-in policy redacts nothing");
        assert_eq!(paths(&policies, "1").await, "args.a");
        assert_eq!(paths(&policies, "2").await, "args.b");
        for unknown in ["3", "", "01", "+1", "v1", " 1", "18446744073709551616"] {
            assert_eq!(paths(&policies, unknown).await, "args", "{unknown:?}");
        }
        // An edit is judged by the policy of its time.
        let edited = Approval { edits: 1, ..judged_by("2") };
        assert_eq!(policies.display(&edited).await.redacted_arguments(&edited).paths(), ["args.b"]);
        let asked = policies.display_of(&judged_by("1").verdict).await;
        assert_eq!(asked.redact(&judged_by("1").verdict, &edited.arguments).paths(), ["args.a"]);
    }
}

#[tokio::test]
async fn a_version_is_read_once_and_a_failure_is_not_kept() {
    let store: Arc<Staged> = Arc::default();
    let policies = opened_on(&store).await;
    for n in 0..=KEPT + 1 {
        set(&policies, json!({"redact": [format!("args.{}", ["a", "b"][n % 2])]})).await;
    }
    store.policies_fail.store(true, Ordering::Relaxed);
    assert_eq!(paths(&policies, "1").await, "args");
    store.policies_fail.store(false, Ordering::Relaxed);
    let reads = || store.policies_read.load(Ordering::Relaxed);
    assert_eq!(paths(&policies, "1").await, "args.a", "the failure has passed");
    let before = reads();
    assert_eq!(paths(&policies, "1").await, "args.a");
    assert_eq!(reads(), before);
    for version in 2..=KEPT + 1 {
        paths(&policies, &version.to_string()).await;
        assert!(policies.displays.kept.lock().unwrap().len() <= KEPT);
    }
    let before = reads();
    assert_eq!(paths(&policies, "1").await, "args.a", "used longest ago, so read again");
    assert_eq!(reads(), before + 1);
}

#[tokio::test]
async fn a_version_that_this_build_does_not_understand_redacts_everything() {
    let store: Arc<Staged> = Arc::default();
    for document in [
        "nonsense",
        r#"{"hide":["args.a"]}"#,
        r#"{"rules":[{"name":"a","tools":["x"],"hide":["args.a"],"auto_approve":{}}]}"#,
        r#"{"redact":["args.a.*"]}"#,
        r#"{"redact":["args.b"]}"#,
    ] {
        let author = operator().actor.clone();
        let (document, comment) = (document.into(), String::new());
        let new = NewPolicy { document, author, comment, request_id: None, expected: None, now: at(0) };
        store.put_policy(new).await.unwrap();
    }
    let policies = opened_on(&store).await;
    for version in ["1", "2", "3", "4"] {
        assert_eq!(paths(&policies, version).await, "args", "{version}");
    }
    assert_eq!(paths(&policies, "5").await, "args.b");
}

#[tokio::test]
async fn callers_see_their_own_requests_in_full() {
    let policies = opened_on(&Arc::default()).await;
    set(&policies, json!({"redact": ["args.a"]})).await;
    let approval = judged_by("1");
    assert!(approval.request.caller.is(&agent().actor));
    assert_eq!(policies.redactions_for(&agent(), &approval).await, None);
    for other in [reviewer(1), operator()] {
        let redacted = policies.redactions_for(&other, &approval).await.unwrap();
        assert_eq!(redacted.paths(), ["args.a"]);
    }
    // Also the built-in policy shows them in full, and an unknown one only to the caller.
    assert_eq!(policies.redactions_for(&reviewer(1), &judged_by("0")).await, None);
    assert_eq!(policies.redactions_for(&agent(), &judged_by("")).await, None);
    assert!(policies.redactions_for(&reviewer(1), &judged_by("")).await.unwrap().is_all_redacted());
}
