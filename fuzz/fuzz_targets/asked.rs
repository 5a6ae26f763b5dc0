//! Helpers to judge calls.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use signoff::{
    domain::{Actor, ActorKind, Agent, Arguments, Effect, RuleOutcome, Time},
    policy::{Call, Effort, Judgement, Policy},
};

/// Stack for judging: half of that of the server's threads.
const STACK: usize = 1 << 20;

/// Judges a call of `tool` by the agent `bot`, and checks the invariants of every judgement. Also returns the time.
pub(crate) fn judged(policy: &Policy, tool: &str, arguments: &Arguments) -> (Judgement, Duration) {
    let agent = Agent { name: "bot".into(), run_id: "run-1".into(), chain: vec!["planner".into()] };
    let labels = BTreeMap::from([("team".to_owned(), "billing".to_owned())]);
    let caller = Actor { kind: ActorKind::Agent, issuer: "dev".into(), subject: "agent".into() };
    let now = Time::UNIX_EPOCH;
    let call = Call { tool_name: tool, arguments, agent: &agent, labels: &labels, caller: &caller, now };
    let judge = || {
        let start = Instant::now();
        (policy.judge(&call, Effort::Full), start.elapsed())
    };
    let (judgement, took) = std::thread::scope(|scope| {
        let judging = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, judge);
        judging.expect("a thread").join().expect("no panic")
    });
    let failed = judgement.trace.iter().any(|one| one.outcome == RuleOutcome::Failed);
    assert!(!failed || judgement.effect != Effect::AutoApprove, "{judgement:?}");
    assert!(failed || !judgement.exhausted, "{judgement:?}");
    (judgement, took)
}
