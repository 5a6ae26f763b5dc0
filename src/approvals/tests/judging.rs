//! The live policy's verdicts on calls.

use super::*;
use crate::{
    control::Control,
    policies::Policies,
    policy::{Policy, PolicyChange},
};

/// A policy that takes more steps than a thread that serves other callers should spend.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_takes_long_is_judged_all_the_same() {
    struct Watched(Arc<Policies>, std::sync::Mutex<Vec<Effort>>);
    impl Judge for Watched {
        fn judge(&self, call: &Call<'_>, effort: Effort) -> Option<crate::domain::Verdict> {
            self.1.lock().unwrap().push(effort);
            self.0.judge(call, effort)
        }
    }
    let world = World::new();
    let (store, clock) = (Arc::clone(&world.store) as Arc<dyn Store>, Arc::clone(&world.clock) as Arc<dyn Clock>);
    let policies = Policies::from_store(Control::new(store), clock, Duration::from_secs(300)).await.unwrap();
    let slow = json!([{"name": "slow", "tools": ["*"], "when": "args.l.all(x, args.l.all(y, x + y >= 0))", "auto_approve": {}}]);
    let policy = serde_json::from_value(json!({ "rules": slow })).unwrap();
    let (policy, comment) = (Arc::new(Policy::compile(policy).unwrap()), String::new());
    let change = PolicyChange { request_id: None, policy, expected: None, comment, validate_only: false };
    policies.set(&operator(), change).await.unwrap();
    let judge = Arc::new(Watched(policies, std::sync::Mutex::default()));
    let settings = Settings { heartbeat: HEARTBEAT, max_stream_age: STREAM_AGE, pending_per_caller: 100_000 };
    let approvals = Approvals::new(
        Control::new(Arc::clone(&world.store) as Arc<dyn Store>),
        Arc::clone(&judge) as Arc<dyn Judge>,
        Arc::clone(&world.clock) as Arc<dyn Clock>,
        settings,
    );
    for (count, status, efforts) in [
        (3, Status::AutoApproved, &[Effort::Quick][..]),
        (300, Status::AutoApproved, &[Effort::Quick, Effort::Full]),
        (3_000, Status::Pending, &[Effort::Quick, Effort::Full]),
    ] {
        let asked = asking(json!({ "l": vec![1; count] }));
        let mut follower = Arc::clone(&approvals).request(agent(), asked, 0).await.unwrap();
        assert_eq!(update(&mut follower).await.0.status, status, "{count}");
        assert_eq!(std::mem::take(&mut *judge.1.lock().unwrap()), efforts, "{count}");
    }
}
