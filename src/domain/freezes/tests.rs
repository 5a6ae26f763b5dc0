use super::*;
use crate::domain::{
    ActorKind, Agent,
    freeze_samples::*,
    samples::{a_request, actor, at, quorum},
};

fn asked(change: impl FnOnce(&mut Request)) -> Request {
    let mut request = a_request("r").0;
    change(&mut request);
    request
}

fn frozen(news: impl IntoIterator<Item = NewFreeze>) -> Freezes {
    let mut freezes = Freezes::default();
    news.into_iter().for_each(|new| drop(freezes.freeze(new).unwrap()));
    freezes
}

#[test]
fn a_scope_covers_its_calls_and_no_others() {
    let caller = |name: &str| FreezeScope::Caller(name.into());
    let agent = |name: &str| FreezeScope::Agent(name.into());
    let request = asked(|_| {}); // test/agent calls send_email as bot, for planner
    for (scope, covered) in [
        (FreezeScope::All, true),
        (caller("test/agent"), true),
        (caller("test/Agent"), false),
        (caller("test/agen"), false),
        (caller("test/agent2"), false),
        (caller("agent"), false),
        (tool("send_email"), true),
        (tool("send_*"), true),
        (tool("*"), true),
        (tool("{sms,send_email}"), true),
        (tool("send"), false),
        (tool("Send_*"), false),
        (agent("bot"), true),
        (agent("planner"), true),
        (agent("bo"), false),
        (agent("agent"), false),
    ] {
        assert_eq!(scope.covers(&request), covered, "{scope}");
    }
    // As in a policy, `*` matches every character of a name.
    assert!(tool("db*").covers(&asked(|request| request.tool_name = "db/x.drop:all".into())));
    // A call without an agent name matches no agent.
    let nameless = asked(|request| request.agent = Agent::default());
    assert!(!agent("bot").covers(&nameless) && FreezeScope::All.covers(&nameless));
    // Names are compared in Unicode NFC.
    let (composed, decomposed) = ("Jos\u{e9}", "Jose\u{301}");
    for (one, other) in [(composed, decomposed), (decomposed, composed)] {
        let request = asked(|request| {
            request.caller = actor(ActorKind::Agent, one);
            request.agent.chain = vec![one.into()];
        });
        assert!(caller(&format!("test/{other}")).covers(&request) && agent(other).covers(&request));
    }
}

#[test]
fn a_verdict_of_a_freeze_rejects_and_names_the_freezer() {
    let freezes = frozen([new_freeze(1, tool("sms")), new_freeze(2, tool("send_*")), new_freeze(3, FreezeScope::All)]);
    let policy = quorum(2);
    let verdict = freezes.judge(&asked(|_| {}), &policy).unwrap();
    let expected = Frozen { id: freeze_id(2), actor: operator(1), reason: "incident 2".into(), at: at(2) };
    assert_eq!((verdict.effect, verdict.rule.as_str()), (Effect::AutoReject, "_freeze"));
    assert_eq!(verdict.frozen, Some(expected), "the oldest one that covers the call");
    assert!(verdict.message.contains("another request_id"));
    assert_eq!((verdict.policy_version, verdict.trace), (policy.policy_version.clone(), policy.trace.clone()));
    assert_eq!(frozen([new_freeze(1, tool("sms"))]).judge(&asked(|_| {}), &policy), None);
}

#[test]
fn what_was_thawed_stops_nothing() {
    let mut freezes = frozen([new_freeze(1, FreezeScope::All)]);
    let (thawed, changes) = freezes.thaw(new_thaw(1)).unwrap();
    assert_eq!(thawed.thawed, Some(Thawed { actor: operator(2), at: at(11), request_id: None }));
    assert_eq!(changes, FreezeChanges { changed: vec![Arc::clone(&thawed)], forgotten: vec![] });
    assert_eq!(freezes.covering(&asked(|_| {})), None);
    assert_eq!(freezes.iter().collect::<Vec<_>>(), [&thawed], "it is still on record");
    assert_eq!(freezes.thaw(new_thaw(1)), Err(FreezeError::NotFound(freeze_id(1))));
    assert_eq!(freezes.thaw(new_thaw(2)), Err(FreezeError::NotFound(freeze_id(2))));
}

#[test]
fn a_request_id_belongs_to_one_call() {
    let keyed = |n| NewFreeze { request_id: Some("k".into()), ..new_freeze(n, FreezeScope::All) };
    let mut freezes = frozen([keyed(1)]);
    // Each repetition comes with a new id.
    let again = |n| NewFreeze { reason: "incident 1".into(), ..keyed(n) };
    let (first, changes) = freezes.freeze(again(2)).unwrap();
    assert_eq!((first.id, first.at, changes), (freeze_id(1), at(1), FreezeChanges::default()));
    let reused = |id| FreezeError::RequestIdReused { request_id: "k".into(), id: freeze_id(id) };
    let narrower = NewFreeze { scope: tool("x"), ..again(2) };
    for other in [narrower, NewFreeze { reason: "another".into(), ..again(2) }] {
        assert_eq!(freezes.freeze(other), Err(reused(1)));
    }
    let by_freezer = NewThaw { actor: operator(1), request_id: Some("k".into()), ..new_thaw(1) };
    assert_eq!(freezes.thaw(by_freezer), Err(reused(1)), "a key of a freeze is none of a thaw");
    let other = NewFreeze { actor: operator(2), ..again(2) };
    assert_eq!(freezes.freeze(other).unwrap().0.id, freeze_id(2), "another operator has keys of its own");

    let thaw = |n| NewThaw { request_id: Some("t".into()), ..new_thaw(n) };
    let (thawed, _) = freezes.thaw(thaw(1)).unwrap();
    assert_eq!(freezes.thaw(NewThaw { now: at(99), ..thaw(1) }), Ok((thawed, FreezeChanges::default())));
    assert_eq!(freezes.thaw(thaw(2)), Err(FreezeError::RequestIdReused { request_id: "t".into(), id: freeze_id(1) }));
    // It is thawed: a repetition must not return it as frozen.
    assert_eq!(freezes.freeze(again(3)), Err(reused(1)));
    // Without keys there are no repetitions.
    assert_eq!(freezes.freeze(new_freeze(5, FreezeScope::All)).unwrap().0.id, freeze_id(5));
    assert_eq!(freezes.freeze(new_freeze(6, FreezeScope::All)).unwrap().0.id, freeze_id(6));
}

#[test]
fn there_is_a_most_of_them() {
    let most = u32::try_from(FREEZES_MAX).unwrap();
    let agent = || FreezeScope::Agent("a".into());
    let mut freezes = frozen((1..=most).map(|n| new_freeze(n, agent())));
    let too_many = FreezeError::TooMany { limit: FREEZES_MAX };
    assert_eq!(freezes.freeze(new_freeze(most + 1, agent())), Err(too_many.clone()));
    // A freeze of all calls is never refused because of the maximum.
    freezes.freeze(new_freeze(most + 1, FreezeScope::All)).unwrap();
    for scope in [FreezeScope::All, agent()] {
        assert_eq!(freezes.freeze(new_freeze(most + 2, scope)), Err(too_many.clone()));
    }
    for n in [1, 2] {
        freezes.thaw(new_thaw(n)).unwrap();
    }
    freezes.freeze(new_freeze(most + 2, agent())).unwrap();
}

#[test]
fn the_oldest_thawed_are_forgotten() {
    let kept = u32::try_from(THAWED_KEPT).unwrap();
    let mut freezes = frozen([new_freeze(1, FreezeScope::All)]);
    for n in 2..=kept + 1 {
        freezes.freeze(new_freeze(n, FreezeScope::All)).unwrap();
        assert_eq!(freezes.thaw(new_thaw(n)).unwrap().1.forgotten, []);
    }
    let (_, changes) = freezes.thaw(NewThaw { now: at(100_000), ..new_thaw(1) }).unwrap();
    assert_eq!(changes.forgotten, [freeze_id(2)], "the one that was thawed first");
    assert_eq!(freezes.iter().count(), THAWED_KEPT);
}

#[test]
fn time_does_not_run_backwards() {
    let mut freezes = frozen([new_freeze(9, FreezeScope::All)]);
    let earlier = NewFreeze { now: at(3), ..new_freeze(10, FreezeScope::All) };
    assert_eq!(freezes.freeze(earlier).unwrap().0.at, at(9));
    let thaw = NewThaw { now: at(3), ..new_thaw(9) };
    assert_eq!(freezes.thaw(thaw).unwrap().0.thawed.as_ref().unwrap().at, at(9));
}

#[test]
fn copies_only_add_to_what_is_kept() {
    let standing = frozen([new_freeze(1, FreezeScope::All), new_freeze(2, tool("x"))]);
    let mut thawed = standing.clone();
    thawed.thaw(new_thaw(1)).unwrap();
    let list = |freezes: &Freezes| freezes.iter().map(|freeze| Freeze::clone(freeze)).collect::<Vec<_>>();
    for (mut freezes, import) in [(standing.clone(), &thawed), (thawed.clone(), &standing), (thawed.clone(), &thawed)] {
        let changed = freezes != thawed;
        let (imported, changes) = freezes.import(list(import)).unwrap();
        assert_eq!((imported.new, changes.changed.len()), (0, usize::from(changed)));
        let ended = if changed { list(&thawed)[..1].to_vec() } else { Vec::new() };
        assert_eq!(imported.ended, ended);
        assert_eq!(freezes, thawed, "a thaw is not undone");
    }
    let mut empty = Freezes::default();
    assert_eq!(empty.import(list(&thawed)).unwrap().0, ImportedFreezes { new: 2, ended: Vec::new() });
    assert_eq!(empty, thawed);
    let other = Freeze { scope: tool("y"), ..list(&standing)[0].clone() };
    let fresh = Freeze { id: freeze_id(7), ..list(&standing)[0].clone() };
    assert_eq!(empty.import(vec![fresh, other]), Err(FreezeError::Conflict(freeze_id(1))));
    assert_eq!(empty, thawed, "all or none");
    let wrong = Freeze { request_id: Some(String::new()), ..list(&standing)[0].clone() };
    assert!(matches!(empty.import(vec![wrong]), Err(FreezeError::Bad(id, _)) if id == freeze_id(1)));
}

#[test]
fn reads_what_it_wrote_and_refuses_what_it_does_not_know() {
    let scopes = [
        (FreezeScope::All, serde_json::json!("all")),
        (FreezeScope::Caller("test/agent".into()), serde_json::json!({"caller": "test/agent"})),
        (tool("send_*"), serde_json::json!({"tool": "send_*"})),
        (FreezeScope::Agent("bot".into()), serde_json::json!({"agent": "bot"})),
    ];
    for (scope, json) in scopes {
        assert_eq!(serde_json::to_value(&scope).unwrap(), json);
        let mut freezes = frozen([new_freeze(1, scope)]);
        freezes.thaw(new_thaw(1)).unwrap();
        let freeze = Freeze::clone(freezes.iter().next().unwrap());
        let packed = rmp_serde::to_vec_named(&freeze).unwrap();
        assert_eq!(rmp_serde::from_slice::<Freeze>(&packed).unwrap(), freeze);
        let mut stored = serde_json::to_value(&freeze).unwrap();
        assert_eq!(serde_json::from_value::<Freeze>(stored.clone()).unwrap(), freeze);
        stored["until"] = 1.into();
        assert!(serde_json::from_value::<Freeze>(stored).is_err());
    }
    for odd in [serde_json::json!({"team": "x"}), serde_json::json!({"tool": "["}), serde_json::json!({"tool": ""})] {
        assert!(serde_json::from_value::<FreezeScope>(odd).is_err());
    }
}
