//! Random commands on the model and on a store: all answers and all readable data must be equal.

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::domain::freeze_samples::{freeze_id, new_freeze, operator, tool};

#[derive(Clone, Debug)]
enum Op {
    Submit {
        key: u64,
        caller: u8,
        variant: u8,
        effect: u8,
    },
    Act {
        on: prop::sample::Index,
        act: Act,
        who: usize,
        key: Option<u8>,
    },
    Prune {
        before: i64,
        limit: usize,
    },
    /// Sets the policy; the expected version is the newest one plus `off`.
    Put {
        document: u8,
        author: usize,
        key: Option<u8>,
        off: Option<i64>,
    },
    Freeze {
        scope: u8,
        who: u32,
        key: Option<u8>,
    },
    Thaw {
        on: u32,
        who: u32,
        key: Option<u8>,
    },
    Lease {
        channel: u8,
        seconds: u8,
        limit: usize,
    },
    /// Settles a lane as if it was leased. `behind`: not the head, but what is so far behind it.
    Settle {
        on: prop::sample::Index,
        channel: u8,
        what: u8,
        behind: u64,
    },
    Revive {
        on: prop::sample::Index,
        revision: u64,
    },
    Save,
    Import,
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Approve,
    Reject,
    Edit(u8),
    Stale,
    Cancel,
    Expire,
    Claim(u64),
    Report(u64),
    Revoke,
}

fn op() -> impl Strategy<Value = Op> {
    let act = prop_oneof![
        4 => Just(Act::Approve),
        1 => Just(Act::Reject),
        2 => (0..4u8).prop_map(Act::Edit),
        1 => Just(Act::Stale),
        1 => Just(Act::Cancel),
        1 => Just(Act::Expire),
        3 => (0..3u64).prop_map(Act::Claim),
        2 => (0..3u64).prop_map(Act::Report),
        1 => Just(Act::Revoke),
    ];
    prop_oneof![
        8 => (0..12u64, 0..3u8, 0..8u8, 0..6u8)
            .prop_map(|(key, caller, variant, effect)| Op::Submit { key, caller, variant, effect }),
        16 => (any::<prop::sample::Index>(), act, 0..4usize, prop::option::of(0..3u8))
            .prop_map(|(on, act, who, key)| Op::Act { on, act, who, key }),
        1 => (-20..60i64, 0..4usize).prop_map(|(before, limit)| Op::Prune { before, limit }),
        4 => (0..2u8, 0..2usize, prop::option::of(0..3u8), prop::option::of(-1..2i64))
            .prop_map(|(document, author, key, off)| Op::Put { document, author, key, off }),
        1 => (0..4u8, 1..3u32, prop::option::of(0..3u8)).prop_map(|(scope, who, key)| Op::Freeze { scope, who, key }),
        2 => (0..6u32, 1..3u32, prop::option::of(0..3u8)).prop_map(|(on, who, key)| Op::Thaw { on, who, key }),
        4 => (0..3u8, 0..20u8, 0..4usize).prop_map(|(channel, seconds, limit)| Op::Lease { channel, seconds, limit }),
        12 => (any::<prop::sample::Index>(), 0..3u8, 0..6u8, 0..3u64)
            .prop_map(|(on, channel, what, behind)| Op::Settle { on, channel, what, behind: behind.saturating_sub(1) }),
        3 => (any::<prop::sample::Index>(), 1..4u64).prop_map(|(on, revision)| Op::Revive { on, revision }),
        1 => Just(Op::Save),
        1 => Just(Op::Import),
        1 => Just(Op::Reopen),
    ]
}

fn effect(n: u8) -> Arc<Verdict> {
    match n {
        0 => verdict(Effect::AutoApprove),
        1 => verdict(Effect::AutoReject),
        2 => verdict(Effect::RequireApproval(Requirement {
            escalations: vec![Escalation {
                rule: "".into(),
                after: Duration::from_secs(20),
                reviewers: Vec::new(),
                priority: Priority::High,
                notify: vec!["oncall".parse().unwrap()],
            }],
            ..Requirement::any(2).within(Some(Duration::from_secs(40)))
        })),
        3 => verdict(Effect::RequireApproval(Requirement {
            remember_rejection: Some(Duration::from_secs(30)),
            ..Requirement::any(1)
        })),
        n => quorum(u32::from(n) - 3),
    }
}

/// The commands so far, and the two stores.
struct Pair<S> {
    model: MemoryStore,
    other: S,
    clock: i64,
    asked: Vec<ApprovalId>,
    frozen: u32,
    saved: (Vec<History>, Vec<PolicyVersion>, Vec<Lane>),
}

impl<S: Subject> Pair<S> {
    async fn run(&mut self, op: Op) -> Result<(), TestCaseError> {
        let (model, other) = (&self.model, &**self.other.store());
        match op {
            Op::Submit { key, caller, variant, effect: policy } => {
                let n = self.asked.len() as u64;
                let new = Submission { verdict: effect(policy), pending_limit: 4, ..submission(self.clock, n) };
                let new = with(new, |request| {
                    request.request_id = format!("r{key}");
                    request.caller = actor(ActorKind::Agent, &format!("agent-{caller}"));
                    request.tool_name = format!("tool-{}", variant & 1);
                    request.agent.name = format!("bot-{}", variant >> 1 & 1);
                    request.agent.run_id = if variant < 6 { "run".into() } else { String::new() };
                    request.labels.insert("v".into(), (variant >> 2).to_string());
                    request.schema = [None, Some("{}".into()), Some("true".into())][usize::from(variant % 3)].clone();
                });
                self.asked.push(new.id);
                let answer = |done: Submitted| (done.approval, done.created);
                prop_assert_eq!(other.submit(new.clone()).await.map(answer), model.submit(new).await.map(answer));
            }
            Op::Act { on, act, who, key } => {
                if self.asked.is_empty() {
                    return Ok(());
                }
                let (id, now) = (*on.get(&self.asked), at(self.clock));
                let found = model.get(id).await;
                let (caller, digest, seen) = found.as_ref().map_or_else(
                    |_| (agent(), submission(0, 1).request.digest, 1),
                    |approval| (approval.request.caller.clone(), approval.digest, approval.revision),
                );
                let edited = || arguments(&serde_json::json!({ "to": who }));
                let person = if who == 0 { caller.clone() } else { reviewer(who) };
                let mut command = match act {
                    Act::Approve => Command::Decide(decide(person, Choice::Approve, Seen::Digest(digest))),
                    Act::Reject => Command::Decide(decide(person, Choice::Reject, Seen::Revision(seen))),
                    Act::Edit(policy) => edit(who + 1, seen, edited(), effect(policy + 2)),
                    Act::Stale => Command::Decide(decide(person, Choice::Approve, Seen::Revision(seen + 1))),
                    Act::Cancel => cancel(),
                    Act::Expire => Command::Tick,
                    Act::Claim(n) => claim(n, digest),
                    Act::Report(n) => report(n),
                    Act::Revoke => revoke(caller.clone()),
                };
                if let Command::Cancel { actor, .. }
                | Command::Claim(Claiming { actor, .. })
                | Command::Report(Reporting { actor, .. }) = &mut command
                {
                    *actor = if who == 3 { reviewer(3) } else { caller };
                }
                if let Some(key) = key {
                    command = keyed(command, &format!("k{key}"));
                }
                let answer = |done: Transitioned| (done.approval, done.revision);
                let expected = model.transition(id, command.clone(), now).await.map(answer);
                prop_assert_eq!(other.transition(id, command, now).await.map(answer), expected);
            }
            Op::Prune { before, limit } => {
                let (before, now) = (at(self.clock - before), at(self.clock));
                prop_assert_eq!(other.prune(before, now, limit).await, model.prune(before, now, limit).await);
            }
            Op::Put { document, author, key, off } => {
                let newest = model.policies(None, 1).await.unwrap().pop().map_or(0, |newest| newest.version);
                let new = NewPolicy {
                    author: reviewer(author),
                    request_id: key.map(|key| format!("k{key}")),
                    expected: off.map(|off| newest.saturating_add_signed(off)),
                    ..policy(self.clock, &document.to_string().repeat(7_000))
                };
                prop_assert_eq!(other.put_policy(new.clone()).await, model.put_policy(new).await);
            }
            Op::Freeze { scope, who, key } => {
                self.frozen += 1;
                let scope = match scope {
                    0 => FreezeScope::All,
                    1 => FreezeScope::Caller("test/agent-1".into()),
                    2 => FreezeScope::Agent("bot-0".into()),
                    _ => tool("tool-*1"),
                };
                let new = NewFreeze {
                    reason: "r".into(),
                    actor: operator(who),
                    request_id: key.map(|key| format!("k{key}")),
                    now: at(self.clock),
                    ..new_freeze(self.frozen, scope)
                };
                prop_assert_eq!(other.freeze(new.clone()).await, model.freeze(new).await);
            }
            Op::Thaw { on, who, key } => {
                let id = freeze_id(self.frozen.saturating_sub(on));
                let new = NewThaw {
                    id,
                    actor: operator(who),
                    request_id: key.map(|key| format!("k{key}")),
                    now: at(self.clock),
                };
                prop_assert_eq!(other.thaw(new.clone()).await, model.thaw(new).await);
            }
            Op::Lease { channel, seconds, limit } => {
                let (channel, lease) = (outbox::numbered(channel), Duration::from_secs(seconds.into()));
                let now = at(self.clock);
                let expected = model.lease(&channel, now, lease, limit).await;
                prop_assert_eq!(other.lease(&channel, now, lease, limit).await, expected);
            }
            Op::Settle { on, channel, what, behind } => {
                if self.asked.is_empty() {
                    return Ok(());
                }
                let (id, channel) = (*on.get(&self.asked), outbox::numbered(channel));
                let head =
                    model.lane(&channel, id).await.unwrap().and_then(|lane| Some(lane.waiting.front()?.revision));
                let (revision, error) = (head.unwrap_or(1) + behind, format!("error {what}"));
                let (now, later) = (at(self.clock), at(self.clock + 7));
                let settlement = match what {
                    0 => Settlement::Sent { from: head.unwrap_or(1), up_to: revision, state: None },
                    1 => Settlement::Sent { from: revision, up_to: revision, state: Some(ChannelState("ts".into())) },
                    2 => Settlement::Postponed { revision, until: now },
                    4 => Settlement::Begun { state: ChannelState("begun".into()) },
                    3 => Settlement::Failed { revision, retry_at: later, error },
                    _ => Settlement::Dead { revision, error },
                };
                let settled = vec![(channel, id, settlement)];
                prop_assert_eq!(other.settle(settled.clone()).await, model.settle(settled).await);
            }
            Op::Revive { on, revision } => {
                let dead = model.lanes(LaneQuery { dead: true, limit: 99, ..LaneQuery::default() }).await.unwrap();
                if dead.is_empty() {
                    return Ok(());
                }
                let (lane, now) = (on.get(&dead), at(self.clock));
                let id = DeliveryId { approval: lane.approval, revision, channel: lane.channel.clone() };
                prop_assert_eq!(other.revive(id.clone(), now).await, model.revive(id, now).await);
            }
            Op::Save => {
                let (histories, versions) = (model.export(None, 5).await, model.export_policies(0, 5).await);
                self.saved = (histories.unwrap(), versions.unwrap(), model.export_lanes(None, 9).await.unwrap());
            }
            Op::Import => {
                let (histories, versions, lanes) = self.saved.clone();
                prop_assert_eq!(other.import_policies(versions.clone()).await, model.import_policies(versions).await);
                prop_assert_eq!(other.import(histories.clone()).await, model.import(histories).await);
                prop_assert_eq!(other.import_lanes(lanes.clone()).await, model.import_lanes(lanes).await);
            }
            Op::Reopen => {
                self.other.reopen().await;
                // A restart may end leases, so all of them end.
                for channel in (0..3).map(outbox::numbered) {
                    for store in [&self.model as &dyn Store, &**self.other.store()] {
                        store.lease(&channel, LAST_TIME, Duration::ZERO, 0).await.unwrap();
                    }
                }
            }
        }
        Ok(())
    }

    async fn compare(&self) -> Result<(), TestCaseError> {
        let (model, other) = (&self.model, &**self.other.store());
        prop_assert_eq!(everything(other).await, everything(model).await);
        prop_assert_eq!(other.freezes().await, model.freezes().await);
        prop_assert_eq!(other.export_lanes(None, 999).await, model.export_lanes(None, 999).await);
        prop_assert_eq!(other.backlog(), model.backlog());
        for dead in [false, true] {
            let query = LaneQuery { dead, limit: 5, ..LaneQuery::default() };
            prop_assert_eq!(other.lanes(query.clone()).await, model.lanes(query).await);
        }
        prop_assert_eq!(policies::policies(other).await, policies::policies(model).await);
        let calls = (other.export_unchanged_policies(None, 99).await, model.export_unchanged_policies(None, 99).await);
        prop_assert_eq!(calls.0, calls.1);
        let (fed, expected) = (changes::newest(other).await, changes::newest(model).await);
        prop_assert!(fed == expected, "the feeds end with {:?} and {:?}", fed, expected);
        let now = at(self.clock);
        prop_assert_eq!(other.due(now, 2).await, model.due(now, 2).await);
        for filter in filters(self.clock) {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let mut after = None;
                loop {
                    let query = Query { filter: filter.clone(), order, after, limit: 3 };
                    let (page, expected) = (other.list(query.clone()).await.unwrap(), model.list(query).await.unwrap());
                    prop_assert_eq!((&page.approvals, page.next), (&expected.approvals, expected.next));
                    if page.next.is_none() {
                        break;
                    }
                    after = page.next;
                }
            }
        }
        Ok(())
    }
}

fn filters(clock: i64) -> Vec<Filter> {
    let tool = |n: u8| Filter { tool_name: Some(format!("tool-{n}")), ..Filter::default() };
    vec![
        Filter::pending(),
        Filter { statuses: vec![Status::TimedOut, Status::Pending, Status::Approved], ..tool(1) },
        Filter { agent_name: Some("bot-0".into()), ..tool(0) },
        Filter { caller: Some("test/agent-1".into()), ..Filter::pending() },
        Filter { labels: [("v".to_owned(), "1".to_owned())].into(), ..tool(1) },
        Filter { created_from: Some(at(20)), created_before: Some(at(clock)), ..Filter::default() },
        Filter { created_before: Some(at(60)), caller: Some("test/agent-2".into()), ..Filter::default() },
    ]
}

/// Seconds; sometimes enough that forgotten request_ids expire.
fn passing() -> impl Strategy<Value = i64> {
    prop_oneof![40 => -1..12i64, 1 => Just(5 * 86_400)]
}

/// Checks that random commands give the same answers and the same content as on the model.
///
/// # Panics
/// When they do not.
pub fn it_does_as_the_model<S: Subject>() {
    let config =
        ProptestConfig { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&prop::collection::vec((op(), passing()), 1..60), |ops| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (model, other) = (MemoryStore::with_routes(outbox::routes()), S::create(outbox::routes()).await);
            let mut pair = Pair { model, other, clock: 0, asked: Vec::new(), frozen: 0, saved: Default::default() };
            for (number, (op, seconds)) in ops.into_iter().enumerate() {
                pair.clock += seconds;
                pair.run(op).await?;
                if number % 8 == 0 {
                    pair.compare().await?;
                }
            }
            pair.other.reopen().await;
            pair.compare().await
        })
    });
    if let Err(difference) = outcome {
        panic!("{difference}");
    }
}
