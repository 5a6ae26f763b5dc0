use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{
    Choice, Command, Deciding, Edit, Effect, Escalation, EventKind, Lane, Priority, Requirement, Revoking, Seen,
    Settlement, Step, Verdict, request, samples::*, step,
};

fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

fn channels(names: &[&str]) -> Vec<ChannelName> {
    names.iter().map(|name| channel(name)).collect()
}

/// A verdict that names these channels.
fn naming(effect: Effect, names: &[&str]) -> Arc<Verdict> {
    Arc::new(Verdict { notify: channels(names), ..Verdict::clone(&verdict(effect)) })
}

fn asking(names: &[&str], escalations: &[(u64, &[&str])]) -> Arc<Verdict> {
    let escalation = |(seconds, names): &(u64, &[&str])| Escalation {
        rule: "".into(),
        after: Duration::from_secs(*seconds),
        reviewers: Vec::new(),
        priority: Priority::High,
        notify: channels(names),
    };
    let escalations = escalations.iter().map(escalation).collect();
    naming(Effect::RequireApproval(Requirement { escalations, ..Requirement::any(2) }), names)
}

/// Routes with these channels, which want everything. The first one is the default.
fn routes(names: &[&str]) -> Routes {
    let everything = || Subscription { kinds: NotificationKind::ALL.into(), after: Duration::ZERO };
    Routes {
        channels: names.iter().map(|name| (channel(name), everything())).collect(),
        default: names.iter().take(1).map(|name| channel(name)).collect(),
    }
}

#[test]
fn failed_attempts_make_a_lane_no_younger() {
    let mut routes = routes(&["a"]);
    routes.channels.get_mut(&channel("a")).unwrap().after = Duration::from_secs(60);
    let mut lane = Lane::new(channel("a"), id(0, 1));
    assert_eq!(routes.since(&lane), None);
    for (revision, kind, not_before) in [(1, NotificationKind::Requested, 60), (2, NotificationKind::Voted, 5)] {
        let (created_at, not_before) = (at(not_before % 60), at(not_before));
        lane.push(Delivery::new(revision, kind, created_at, not_before));
    }
    assert_eq!(routes.since(&lane), Some(at(60)));
    let failed = |revision| Settlement::Failed { revision, retry_at: at(900), error: String::new() };
    lane.settle(failed(1));
    assert_eq!(routes.since(&lane), Some(at(60)));
    lane.settle(Settlement::Sent { from: 1, up_to: 1, state: None });
    lane.settle(failed(2));
    assert_eq!(routes.since(&lane), Some(at(5)), "only requests are delayed");
}

/// The deliveries of a request and of the events after it, as `revision kind channel`.
struct Told {
    routes: Routes,
    approval: Approval,
    told: Vec<String>,
}

impl Told {
    fn of(routes: Routes, verdict: Arc<Verdict>) -> Self {
        let (asked, arguments) = a_request("r1");
        let (approval, event) = request(id(0, 1), Arc::new(asked), arguments, verdict, at(0)).unwrap();
        let mut told = Self { routes, approval, told: Vec::new() };
        told.tell(&event);
        told
    }

    fn then(mut self, command: &Command, seconds: i64) -> Self {
        let Step { approval, events, outcome } = step(&self.approval, command, at(seconds));
        assert!(outcome.is_ok(), "{outcome:?}");
        for event in events {
            self.approval.apply(&event);
            self.tell(&event);
        }
        assert_eq!(self.approval, approval);
        self
    }

    fn tell(&mut self, event: &Event) {
        let deliveries = self.routes.deliveries(&self.approval, event);
        let line = |(name, delivery): (ChannelName, Delivery)| {
            format!("{} {} {name}", delivery.revision, delivery.kind.name())
        };
        self.told.extend(deliveries.into_iter().map(line));
    }
}

fn vote(n: usize, choice: Choice, seen: u64) -> Command {
    Command::Decide(decide(reviewer(n), choice, Seen::Revision(seen)))
}

fn edit_to(text: &str, verdict: Arc<Verdict>, seen: u64) -> Command {
    let edit = Some(Edit { arguments: arguments(&json!({"to": text})), verdict });
    Command::Decide(Deciding { edit, ..decide(reviewer(1), Choice::Approve, Seen::Revision(seen)) })
}

#[test]
fn the_policys_channels_are_told_or_else_the_default() {
    let named = Told::of(routes(&["all", "pay", "ops"]), asking(&["ops", "pay", "gone"], &[]));
    assert_eq!(named.told, ["1 requested ops", "1 requested pay"], "and none that the server does not have");
    let ended = named.then(&vote(1, Choice::Approve, 1), 1).then(&vote(2, Choice::Reject, 1), 2);
    assert_eq!(ended.told[2..], ["2 voted ops", "2 voted pay", "3 decided ops", "3 decided pay"]);

    let default = Told::of(routes(&["all", "pay"]), asking(&[], &[])).then(&Command::Tick, 300);
    assert_eq!(default.told, ["1 requested all", "2 timed_out all"]);
    let unknown = Told::of(routes(&["all"]), asking(&["gone"], &[]));
    assert!(unknown.told.is_empty(), "a default does not replace a channel that the policy names");
}

#[test]
fn calls_that_the_policy_decides_tell_only_the_channels_that_it_names() {
    let revoke = Command::Revoke(Revoking {
        actor: agent(),
        groups: None,
        operator: false,
        request_id: None,
        reason: String::new(),
        provenance: None,
    });
    for effect in [Effect::AutoApprove, Effect::AutoReject] {
        let told = |names| Told::of(routes(&["all", "audit"]), naming(effect.clone(), names)).told;
        assert_eq!(told(&["audit"]), ["1 decided audit"]);
        assert!(told(&[]).is_empty(), "not even the default");
    }
    let revoked = Told::of(routes(&["audit"]), naming(Effect::AutoApprove, &["audit"])).then(&revoke, 1);
    assert_eq!(revoked.told, ["1 decided audit", "2 revoked audit"]);
}

#[test]
fn an_escalation_adds_channels_from_its_event_on() {
    let steps: &[(u64, &[&str])] = &[(60, &["oncall"]), (120, &["boss", "pay"])];
    let told = Told::of(routes(&["all", "pay", "oncall", "boss"]), asking(&["pay"], steps))
        .then(&Command::Tick, 60)
        .then(&vote(1, Choice::Approve, 1), 61)
        .then(&Command::Tick, 120)
        .then(&Command::Tick, 300);
    assert_eq!(
        told.told,
        [
            "1 requested pay",
            "2 escalated oncall",
            "2 escalated pay",
            "3 voted oncall",
            "3 voted pay",
            "4 escalated boss",
            "4 escalated oncall",
            "4 escalated pay",
            "5 timed_out boss",
            "5 timed_out oncall",
            "5 timed_out pay",
        ]
    );
}

#[test]
fn after_an_edit_the_old_channels_and_the_new_ones_are_told() {
    let names = ["all", "pay", "oncall", "legal"];
    let told = Told::of(routes(&names), asking(&["pay"], &[(60, &["oncall"])]))
        .then(&Command::Tick, 60)
        .then(&edit_to("bob", asking(&["legal"], &[]), 2), 61)
        .then(&Command::Tick, 300);
    let channels = ["legal", "oncall", "pay"];
    let all = |what: &str| channels.map(|channel| format!("{what} {channel}"));
    assert_eq!(told.told[3..], [all("3 edited"), all("4 voted"), all("5 timed_out")].concat());

    // The default is one of the old ones, and of the new ones.
    let told =
        |first: &[&str], second| Told::of(routes(&names), asking(first, &[])).then(&edit_to("bob", second, 1), 1);
    assert_eq!(told(&[], asking(&["legal"], &[])).told[1..3], ["2 edited all", "2 edited legal"]);
    assert_eq!(told(&["pay"], asking(&[], &[])).told[1..3], ["2 edited all", "2 edited pay"]);
    // A verdict that approves adds no default.
    let approved = told(&["pay"], naming(Effect::AutoApprove, &[])).told;
    assert_eq!(approved[1..], ["2 edited pay", "3 decided pay"]);
    let twice = told(&["pay"], asking(&["legal"], &[])).then(&edit_to("eve", asking(&["oncall"], &[]), 3), 2);
    let last = twice.told.iter().filter(|line| line.starts_with("4 ")).count();
    assert_eq!(last, 3, "{:?}", twice.told);
    assert_eq!(twice.approval.channels().named.into_iter().collect::<Vec<_>>(), channels.map(channel));
}

#[test]
fn only_a_request_is_delayed() {
    let mut routes = routes(&["mail"]);
    routes.channels.get_mut(&channel("mail")).unwrap().after = Duration::from_secs(120);
    let (asked, arguments) = a_request("r1");
    let steps: &[(u64, &[&str])] = &[(60, &["mail"])];
    let (approval, event) = request(id(0, 1), Arc::new(asked), arguments, asking(&["mail"], steps), at(0)).unwrap();
    let due = |approval: &Approval, event: &Event| routes.deliveries(approval, event)[0].1.not_before;
    assert_eq!(due(&approval, &event), at(120));
    let voted = step(&approval, &vote(1, Choice::Approve, 1), at(5));
    assert_eq!(due(&voted.approval, &voted.events[0]), at(5));

    // A vote waits behind the request, an escalation does not.
    let mut lane = Lane::new(channel("mail"), approval.id);
    lane.push(routes.deliveries(&approval, &event).remove(0).1);
    lane.push(routes.deliveries(&voted.approval, &voted.events[0]).remove(0).1);
    assert_eq!(lane.due(), Some(at(120)));
    let escalated = step(&voted.approval, &Command::Tick, at(60));
    lane.push(routes.deliveries(&escalated.approval, &escalated.events[0]).remove(0).1);
    assert_eq!(lane.due(), Some(at(60)));
    let due: Vec<_> = lane.waiting.iter().map(|delivery| delivery.not_before).collect();
    assert_eq!(due, [at(60), at(5), at(60)]);
}

#[test]
fn an_escalation_does_not_hasten_a_retry() {
    let delivery =
        |revision, kind, seconds, attempts| Delivery { attempts, ..Delivery::new(revision, kind, at(0), at(seconds)) };
    let mut lane = Lane::new(channel("mail"), id(0, 1));
    lane.push(delivery(1, NotificationKind::Requested, 500, 3));
    lane.push(delivery(2, NotificationKind::Escalated, 60, 0));
    assert_eq!(lane.due(), Some(at(500)));
}

#[test]
fn channels_get_the_kinds_that_they_subscribe_to() {
    let mut routes = routes(&["pager"]);
    routes.channels.get_mut(&channel("pager")).unwrap().kinds =
        [NotificationKind::Escalated, NotificationKind::Decided].into();
    let steps: &[(u64, &[&str])] = &[(60, &[])];
    let told = Told::of(routes, asking(&["pager"], steps))
        .then(&vote(1, Choice::Approve, 1), 1)
        .then(&Command::Tick, 60)
        .then(&vote(2, Choice::Approve, 1), 61);
    assert_eq!(told.told, ["3 escalated pager", "4 decided pager"]);
}

/// Verdicts with various channels, also automatic ones.
fn any_verdict(n: u8) -> Arc<Verdict> {
    match n {
        0 => naming(Effect::AutoApprove, &["audit"]),
        1 => naming(Effect::AutoReject, &[]),
        2 => asking(&[], &[(20, &["oncall"])]),
        3 => asking(&["pay", "gone"], &[(10, &["pay"]), (40, &["oncall", "audit"])]),
        _ => asking(&["audit"], &[]),
    }
}

fn any_routes() -> impl Strategy<Value = Routes> {
    let kinds = proptest::collection::btree_set(proptest::sample::select(&NotificationKind::ALL[..]), 0..8);
    let subscription = (kinds, 0..90_u64).prop_map(|(kinds, seconds)| {
        let after = Duration::from_secs(seconds);
        Subscription { kinds, after }
    });
    let name = proptest::sample::select(&["all", "audit", "oncall", "pay"][..]).prop_map(channel);
    let channels = proptest::collection::btree_map(name, subscription, 0..5);
    let default = proptest::collection::btree_set(
        proptest::sample::select(&["all", "audit", "gone"][..]).prop_map(channel),
        0..3,
    );
    (channels, default).prop_map(|(channels, default)| Routes { channels, default })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Deliveries of a channel are in order of revision, at most one for each, of the kinds that it subscribes to. None
    /// is due before its event. Who was told of an approval is told the rest.
    #[test]
    fn lanes_are_in_order(
        routes in any_routes(),
        first in 0..5_u8,
        moves in proptest::collection::vec((0..4_usize, any::<bool>(), proptest::option::of(0..5_u8), 0..30_i64), 0..12),
    ) {
        let (asked, arguments_of) = a_request("r1");
        let (mut approval, event) =
            request(id(0, 1), Arc::new(asked), arguments_of, any_verdict(first), at(0)).unwrap();
        let (mut events, mut clock) = (vec![(approval.clone(), event)], 0);
        for (n, (who, approves, edited, seconds)) in moves.into_iter().enumerate() {
            clock += seconds;
            let choice = if approves { Choice::Approve } else { Choice::Reject };
            let command = match (who, edited) {
                (0, _) => Command::Tick,
                (_, Some(verdict)) => edit_to(&n.to_string(), any_verdict(verdict), approval.revision),
                _ => vote(who, choice, approval.revision),
            };
            for event in step(&approval, &command, at(clock)).events {
                approval.apply(&event);
                events.push((approval.clone(), event));
            }
        }
        let mut lanes = BTreeMap::<ChannelName, Vec<Delivery>>::new();
        let mut told = BTreeSet::new();
        for (after, event) in &events {
            let channels: BTreeSet<_> = routes.channels_of(after).into_iter().cloned().collect();
            prop_assert!(told.is_subset(&channels), "{:?} after {:?}", channels, told);
            for (name, delivery) in routes.deliveries(after, event) {
                prop_assert!(channels.contains(&name));
                prop_assert!(routes.channels[&name].kinds.contains(&delivery.kind));
                prop_assert_eq!((delivery.revision, delivery.created_at), (event.revision, event.at));
                prop_assert!(delivery.not_before >= event.at);
                lanes.entry(name).or_default().push(delivery);
            }
            let silent = matches!(event.kind, EventKind::Claimed { .. } | EventKind::Reported { .. });
            prop_assert_eq!(NotificationKind::of(&event.kind).is_none(), silent);
            told = channels;
        }
        for lane in lanes.values() {
            prop_assert!(lane.is_sorted_by(|one, next| one.revision < next.revision), "{:?}", lane);
        }
    }
}
