//! Every name and code on disk. None may change without a migration, or be reused. If you add one, add it here.

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    super::{
        commit_log::{Checkpoint, GroupRecord, Standing},
        records::{Head, encode},
    },
    *,
};
use crate::domain::{
    Actor, ActorKind, Assurance, Block, BlockId, ChannelState, Choice, ClaimId, Claiming, DecidesFor, Decision,
    Delivery, Digest, Edit, Effect, Ended, Escalation, ExecutionResult, Freeze, FreezeId, FreezeScope, Frozen, Grant,
    KeyPurpose, Lane, MinAssurance, NotificationKind, NotifiedChannels, Panel, Permission, Priority, Provenance,
    REMEMBERED_REJECTION_RULE, RememberedRejection, Reporting, Requirement, Reviewer, Revoked, Revoking, Role,
    RuleOutcome, RuleTrace, Session, SignIn, SigningKey, SubjectName, Surface, Thawed, ToolGlob, Unblocked, Verdict,
    Vote, request,
    samples::{from_desk, keyed},
    session_samples::session,
    step,
    token_samples::token,
};
use crate::store::UnchangedPolicy;

/// A stored value as JSON, with bytes in hexadecimal.
struct Shown(Value);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Show)
    }
}

struct Show;

impl<'de> Visitor<'de> for Show {
    type Value = Shown;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Shown, E> {
        Ok(Shown(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shown, E> {
        Ok(Shown(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shown, E> {
        Ok(Shown(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shown, E> {
        Ok(Shown(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Shown, E> {
        Ok(Shown(value.into()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Shown, E> {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Shown(format!("bytes {hex}").into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Shown, A::Error> {
        let mut all = Vec::new();
        while let Some(Shown(value)) = values.next_element()? {
            all.push(value);
        }
        Ok(Shown(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shown, A::Error> {
        let mut all = serde_json::Map::new();
        while let Some((Shown(key), Shown(value))) = entries.next_entry()? {
            all.insert(key.as_str().map_or_else(|| key.to_string(), str::to_owned), value);
        }
        Ok(Shown(all.into()))
    }
}

fn name(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn every_name_of_a_kind_is_pinned() {
    assert_eq!(
        Status::ALL.map(name),
        ["pending", "approved", "rejected", "timed_out", "cancelled", "auto_approved", "auto_rejected"]
    );
    assert_eq!([MinAssurance::Chat, MinAssurance::Credentials].map(name), ["chat", "credentials"]);
    let kinds = [ActorKind::Agent, ActorKind::Person, ActorKind::Service, ActorKind::Policy, ActorKind::Server];
    assert_eq!(kinds.map(name), ["agent", "person", "service", "policy", "server"]);
    assert_eq!([Choice::Approve, Choice::Reject].map(name), ["approve", "reject"]);
    assert_eq!([ExecutionResult::Succeeded, ExecutionResult::Failed].map(name), ["succeeded", "failed"]);
    assert_eq!([Priority::Normal, Priority::High, Priority::Urgent].map(name), ["normal", "high", "urgent"]);
    let outcomes = [RuleOutcome::Matched, RuleOutcome::NotMatched, RuleOutcome::Failed];
    assert_eq!(outcomes.map(name), ["matched", "not_matched", "failed"]);
    let effects = [Effect::AutoApprove, Effect::AutoReject].map(name);
    assert_eq!(effects, ["auto_approve", "auto_reject"]);
    let roles = [Role::Agent, Role::Reviewer, Role::Auditor, Role::Operator];
    assert_eq!(roles.map(name), ["agent", "reviewer", "auditor", "operator"]);
    let reviewers = [Reviewer::Group("g".into()), Reviewer::User("test/u".into())];
    assert_eq!(reviewers.map(name), ["group:g", "user:test/u"]);
    let scopes = [
        FreezeScope::All,
        FreezeScope::Caller("c".into()),
        FreezeScope::Tool(ToolGlob::new("t").unwrap()),
        FreezeScope::Agent("a".into()),
    ];
    let pinned = [json!("all"), json!({"caller": "c"}), json!({"tool": "t"}), json!({"agent": "a"})];
    assert_eq!(scopes.map(name), pinned);
    let surfaces = [Surface::Grpc, Surface::Desk, Surface::Slack, Surface::Link];
    assert_eq!(surfaces.map(name), ["grpc", "desk", "slack", "link"]);
    let assurances = [Assurance::Session, Assurance::Chat, Assurance::Link, Assurance::Token];
    assert_eq!(assurances.map(name), ["session", "chat", "link", "token"]);
    assert_eq!(KeyPurpose::ALL.map(name), ["links"]);
    let permissions = [Permission::AskForOthers, Permission::DecideForOthers, Permission::DecideAlone];
    assert_eq!(permissions.map(name), ["ask_for_others", "decide_for_others", "decide_alone"]);
    assert_eq!(permissions.map(name), permissions.map(Permission::name));
    let kinds = ["requested", "voted", "edited", "escalated", "decided", "timed_out", "cancelled", "revoked"].map(name);
    assert_eq!(NotificationKind::ALL.map(name), kinds);
    assert_eq!(NotificationKind::ALL.map(|kind| name(kind.name())), kinds);
}

/// A verdict with every field.
fn full_verdict() -> Arc<Verdict> {
    let reviewers = vec![Reviewer::Group("g".into())];
    let requirement = Requirement {
        panels: vec![Panel { rule: "p".into(), reviewers: Vec::new(), quorum: 2 }],
        escalations: vec![Escalation {
            rule: "p".into(),
            after: Duration::from_secs(10),
            reviewers,
            priority: Priority::High,
            notify: vec!["oncall".parse().unwrap()],
        }],
        timeout: Some(Duration::from_secs(200)),
        remember_rejection: Some(Duration::from_secs(60)),
        min_assurance: MinAssurance::Chat,
        ..Requirement::any(2)
    };
    let trace = RuleTrace { rule: "p".into(), outcome: RuleOutcome::Matched, detail: "d".into() };
    let (effect, notify) = (Effect::RequireApproval(requirement), vec!["finance-slack".parse().unwrap()]);
    Arc::new(Verdict { trace: vec![trace], trace_omitted: 1, effect, notify, ..Verdict::clone(&quorum(2)) })
}

/// A verdict of a freeze.
fn frozen_verdict() -> Arc<Verdict> {
    let id = FreezeId::new(uuid::Uuid::from_u128(6));
    let frozen = Some(Frozen { id, actor: reviewer(1), reason: "r".into(), at: at(7) });
    Arc::new(Verdict { frozen, ..Verdict::clone(&crate::domain::samples::verdict(Effect::AutoReject)) })
}

/// The events of an approval with every kind of event.
fn full_history() -> (crate::domain::Approval, Vec<Event>) {
    let (mut asked, first) = a_request("r");
    asked.on_behalf_of = Some(reviewer(9));
    asked.schema = Some("{}".into());
    let (mut approval, first) = request(id(0, 1), Arc::new(asked), first, full_verdict(), at(0)).unwrap();
    let mut events = vec![first];
    let notify = vec!["legal".parse().unwrap()];
    let verdict = Arc::new(Verdict { notify, ..Verdict::clone(&full_verdict()) });
    let edited = Edit { arguments: arguments(&json!({"to": "bob"})), verdict };
    let voting = |n, seen, edit| {
        let via = (n == 2).then(|| actor(ActorKind::Service, "bridge"));
        let deciding = decide(reviewer(n), Choice::Approve, Seen::Revision(seen));
        keyed(Command::Decide(Deciding { via, edit, ..deciding }), "k")
    };
    let mut act = |command: Command, seconds| {
        let step = step(&approval, &command, at(seconds));
        step.outcome.unwrap();
        approval = step.approval;
        events.extend(step.events);
        (approval.revision, approval.digest)
    };
    act(voting(1, 1, None), 1);
    let (seen, _) = act(voting(2, 2, Some(edited)), 2);
    act(Command::Tick, 12);
    let (_, digest) = act(voting(3, seen, None), 13);
    let claim_id = ClaimId::new(uuid::Uuid::from_u128(5));
    act(Command::Claim(Claiming { actor: agent(), request_id: None, claim_id, digest }), 14);
    let result = ExecutionResult::Failed;
    act(Command::Report(Reporting { actor: agent(), request_id: None, claim_id, result, message: "m".into() }), 15);
    (approval, events)
}

/// The verdict of a remembered rejection.
fn remembered_verdict() -> Verdict {
    let panels = vec![Panel { rule: "p".into(), reviewers: vec![Reviewer::Group("g".into())], quorum: 2 }];
    let remembered = RememberedRejection { approval_id: id(0, 1), decided_by: reviewer(1), panels };
    let rule = REMEMBERED_REJECTION_RULE.to_owned();
    let verdict = crate::domain::samples::verdict(Effect::AutoReject);
    Verdict { rule, remembered_rejection: Some(Box::new(remembered)), ..Verdict::clone(&verdict) }
}

/// Two votes from the desk: the events, and the decided approval.
fn decided_at_the_desk() -> (crate::domain::Approval, Vec<Event>) {
    let (asked, first) = a_request("r");
    let (mut approval, first) = request(id(0, 1), Arc::new(asked), first, quorum(2), at(0)).unwrap();
    let mut events = vec![first];
    for n in 1..=2 {
        let vote = Command::Decide(decide(reviewer(n), Choice::Approve, Seen::Revision(1)));
        let step = step(&approval, &from_desk(vote), at(1));
        step.outcome.unwrap();
        approval = step.approval;
        events.extend(step.events);
    }
    (approval, events)
}

/// The events of a revoked call, which replace the claim and the events after it.
fn revoked() -> (crate::domain::Approval, Event) {
    let (_, mut events) = full_history();
    events.truncate(6);
    let approved = crate::domain::Approval::replay(id(0, 1), &events).unwrap();
    let revoking = Revoking {
        actor: reviewer(3),
        groups: Some(Default::default()),
        operator: false,
        request_id: Some("k2".into()),
        reason: "r".into(),
        provenance: None,
    };
    let mut step = step(&approved, &Command::Revoke(revoking), at(14));
    step.outcome.unwrap();
    (step.approval, step.events.remove(0))
}

/// A vote by a bridge, whose credentials may name voters.
fn vote_among_others(events: &[Event]) -> Event {
    Event { needs_others: true, ..events[1].clone() }
}

/// Records other than those of approvals, with every field.
struct FullRecords {
    lane: Lane,
    token: Token,
    freeze: Freeze,
    session: Session,
    block: Block,
    signing_key: records::StoredKey,
    policy: records::PolicyRecord,
    group: GroupRecord,
    checkpoint: Checkpoint,
}

impl FullRecords {
    fn new(approval: ApprovalId) -> Self {
        let decides_for = DecidesFor { issuers: ["i".to_owned()].into(), groups: ["g".to_owned()].into() };
        let grant = Grant {
            groups: ["g".to_owned()].into(),
            on_behalf_of: Some(reviewer(1)),
            permissions: [Permission::DecideForOthers].into(),
            decides_for,
            comment: "c".into(),
            ..token(1).grant
        };
        let token = Token {
            grant,
            request_id: Some("r".into()),
            expires_at: Some(at(9)),
            last_used_at: Some(at(5)),
            revoked: Some(Revoked { actor: reviewer(1), at: at(6) }),
            ..token(1)
        };
        let freeze = Freeze {
            id: FreezeId::new(uuid::Uuid::from_u128(6)),
            scope: FreezeScope::Tool(ToolGlob::new("x*").unwrap()),
            reason: "r".into(),
            actor: reviewer(1),
            at: at(7),
            request_id: Some("k".into()),
            thawed: Some(Thawed { actor: reviewer(2), at: at(8), request_id: Some("t".into()) }),
        };
        let session = Session {
            groups: ["g".to_owned()].into(),
            on_behalf_of: Some(reviewer(1)),
            permissions: [Permission::DecideForOthers].into(),
            ended: Some(Ended { actor: reviewer(1), at: at(6), request_id: Some("e".into()) }),
            ..session(1)
        };
        let block = Block {
            id: BlockId::new(uuid::Uuid::from_u128(8)),
            subject: SubjectName { issuer: "i".into(), subject: "s".into() },
            reason: "r".into(),
            actor: reviewer(1),
            at: at(7),
            request_id: Some("k".into()),
            unblocked: Some(Unblocked { actor: reviewer(2), at: at(8), request_id: Some("u".into()) }),
        };
        let delivery = |revision, attempts, error: &str| Delivery {
            revision,
            kind: NotificationKind::Requested,
            created_at: at(0),
            not_before: at(2),
            attempts,
            error: error.into(),
            retried_at: (attempts == 1).then(|| at(3)),
        };
        let lane = Lane {
            waiting: [delivery(1, 0, ""), delivery(3, 1, "e")].into(),
            dead: vec![delivery(2, 2, "d")],
            state: Some(ChannelState("s".into())),
            ..Lane::new("a".parse().unwrap(), approval)
        };
        let policy = records::PolicyRecord {
            head: PolicyHead { version: 2, author: reviewer(1), comment: "c".into(), at: at(0) },
            request_id: Some("r".into()),
            expected: Some(1),
        };
        let digest = Digest::from_bytes([1; 32]);
        let group = GroupRecord {
            counter: 1,
            newest_us: Some(2),
            changed: vec![(approval, 3)],
            pruned: vec![approval],
            policies: vec![2],
            tokens: vec![(token.id, digest)],
            forgotten: vec![token.id],
            freezes: vec![(freeze.id, digest)],
            forgotten_freezes: vec![freeze.id],
            sessions: vec![(session.id, digest)],
            forgotten_sessions: vec![session.id],
            blocks: vec![(block.id, digest)],
            forgotten_blocks: vec![block.id],
            signing_keys: vec![(KeyPurpose::Links, digest)],
        };
        let (tokens, freezes) = ([(token.id, digest)].into(), [(freeze.id, digest)].into());
        let (sessions, blocks) = ([(session.id, digest)].into(), [(block.id, digest)].into());
        let signing_keys = [(KeyPurpose::Links, digest)].into();
        let standing = Standing { policies: 2, tokens, freezes, sessions, blocks, signing_keys };
        Self {
            lane,
            token,
            freeze,
            session,
            block,
            signing_key: records::StoredKey { purpose: KeyPurpose::Links, key: SigningKey::new([7; 32]) },
            policy,
            group,
            checkpoint: Checkpoint { counter: 1, hash: digest, standing },
        }
    }
}

fn payload(record: &impl serde::Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(record).unwrap()
}

#[test]
fn every_field_of_every_record_is_pinned() {
    let (approval, events) = full_history();
    let (encoded, _) = encode(&approval, &events, Digest::ZERO).unwrap();
    let read = |key: Vec<u8>| {
        let (_, value) = encoded.iter().find(|(found, _)| *found == key).unwrap();
        frame::open(&key, value).unwrap().to_vec()
    };
    let value = |payload: &[u8]| rmp_serde::from_slice::<Shown>(payload).unwrap().0;
    let stored: Vec<_> =
        events.iter().map(|event| value(&read(keys::event(approval.id, event.revision))[32..])).collect();
    let head = value(&read(keys::head(approval.id)));
    rmp_serde::from_slice::<Head>(&read(keys::head(approval.id))).unwrap();
    let kinds: Vec<_> =
        stored.iter().map(|event| event["kind"].as_object().unwrap().keys().next().unwrap().clone()).collect();
    let expected = ["requested", "voted", "edited", "voted", "escalated", "decided", "claimed", "reported"];
    assert_eq!(kinds, expected);

    let FullRecords { lane, token, freeze, session, block, signing_key, policy, group, checkpoint } =
        FullRecords::new(approval.id);
    let sign_ins = [SignIn::DevToken, SignIn::Oidc].map(|sign_in| value(&payload(&sign_in)));
    let revoked_head = {
        let (approval, event) = revoked();
        let (encoded, _) = encode(&approval, &[event], Digest::ZERO).unwrap();
        let key = keys::head(approval.id);
        let (_, head) = encoded.iter().find(|(found, _)| *found == key).unwrap();
        value(frame::open(&key, head).unwrap())
    };
    let (at_the_desk, voted) = decided_at_the_desk();
    let found = json!({
        "events": stored,
        "vote_from_the_desk": value(&payload(&voted[1])),
        "decision_from_the_desk": value(&payload(&voted[2])),
        "stored_vote_from_the_desk": value(&payload(&at_the_desk.votes[0])),
        "stored_decision_from_the_desk": value(&payload(&at_the_desk.decision)),
        "revoked": value(&payload(&revoked().1)),
        "head_of_revoked": revoked_head,
        "vote_among_others": value(&payload(&vote_among_others(&events))),
        "remembered_verdict": value(&payload(&remembered_verdict())),
        "head": head,
        "freeze": value(&payload(&freeze)),
        "session": value(&payload(&session)),
        "sign_ins": sign_ins,
        "block": value(&payload(&block)),
        "signing_key": value(&payload(&signing_key)),
        "frozen_verdict": value(&payload(&*frozen_verdict())),
        "lane": value(&payload(&lane)),
        "token": value(&payload(&token)),
        "policy": value(&payload(&policy)),
        "group": value(&payload(&group)),
        "checkpoint": value(&payload(&checkpoint)),
    });
    let pinned: Value = serde_json::from_str(include_str!("pinned.json")).unwrap();
    assert!(found == pinned, "{}", serde_json::to_string_pretty(&found).unwrap());
}

/// Rejections are found by this hash, which contains names.
#[test]
fn the_hash_of_a_call_in_a_run_is_pinned() {
    let call = a_request("r").0.call_in_run().unwrap().to_string();
    assert_eq!(&call[7..15], "0642d76c");
}

#[test]
fn the_codes_of_request_ids_are_pinned() {
    let key = keys::request_id(&agent(), "r");
    for (named, pinned) in [
        (records::Named::Approval(id(0, 1)), [&[1], &id(0, 1).uuid().as_bytes()[..]].concat()),
        (records::Named::Forgotten(at(0)), [&[2], &at(0).timestamp_micros().to_be_bytes()[..]].concat()),
    ] {
        let value = records::encode_request_id(&key, named);
        assert_eq!(frame::open(&key, &value), Ok(&pinned[..]));
        assert_eq!(records::decode_request_id(&key, &value), Ok(named));
    }
}

/// The values under an author's key: for a version, and for a call that made none.
#[test]
fn the_values_under_policy_request_ids_are_pinned() {
    let comment = Digest::from_bytes([1; 32]);
    let call = UnchangedPolicy { version: 2, author: agent(), request_id: "r".into(), expected: Some(2), comment };
    let (key, value) = records::encode_unchanged_policy(&call).unwrap();
    assert_eq!(key, keys::policy_request_id(&agent(), "r"));
    let stored = frame::open(&key, &value).unwrap();
    let pinned = json!({
        "version": 2,
        "author": {"kind": "agent", "issuer": "test", "subject": "agent"},
        "request_id": "r",
        "expected": 2,
        "comment": format!("bytes {}", "01".repeat(32)),
    });
    assert_eq!(rmp_serde::from_slice::<Shown>(stored).unwrap().0, pinned);
    assert!(is_read_as::<UnchangedPolicy>(stored) && !is_read_as::<UnchangedPolicy>(&with_odd_field(stored)));
    let named = records::NamedPolicy::Unchanged(call);
    assert_eq!(records::decode_policy_request_id(&key, &value), Ok(named));
    let other = keys::policy_request_id(&agent(), "s");
    let moved = frame::seal(&other, stored);
    assert!(records::decode_policy_request_id(&other, &moved).is_err(), "under another key");
    let version = frame::seal(&key, &7_u64.to_be_bytes());
    assert_eq!(records::decode_policy_request_id(&key, &version), Ok(records::NamedPolicy::Version(7)));
}

/// Receipts are compared by this hash, which contains names.
#[test]
fn fingerprints_of_calls_are_pinned() {
    let digest = Digest::from_bytes([1; 32]);
    let claim_id = ClaimId::new(uuid::Uuid::from_u128(5));
    let (result, message) = (ExecutionResult::Failed, "m".to_owned());
    let calls = [
        Command::Decide(decide(reviewer(1), Choice::Approve, Seen::Revision(1))),
        Command::Decide(decide(reviewer(1), Choice::Reject, Seen::Digest(digest))),
        Command::Cancel { actor: agent(), request_id: None, reason: "r".into() },
        Command::Claim(Claiming { actor: agent(), request_id: None, claim_id, digest }),
        Command::Report(Reporting { actor: agent(), request_id: None, claim_id, result, message }),
        Command::Revoke(Revoking {
            actor: agent(),
            groups: None,
            operator: false,
            request_id: None,
            reason: "r".into(),
            provenance: None,
        }),
    ];
    let prints = calls.map(|call| keyed(call, "k").receipt().unwrap().fingerprint.to_string()[7..15].to_owned());
    assert_eq!(prints, ["69fcd06b", "61e695ee", "88041a0d", "e903a2e5", "72993c96", "db753820"]);
}

/// A later version may add a restriction to a record. The watermark's and the frame's codes are pinned beside
/// them, those of keys in `keys/tests.rs`.
#[test]
fn unknown_kinds_and_fields_of_events_are_rejected() {
    for event in full_history().1.into_iter().chain([revoked().1]).chain(decided_at_the_desk().1) {
        let stored = serde_json::to_value(&event).unwrap();
        assert_eq!(serde_json::from_value::<Event>(stored.clone()).unwrap(), event);
        let (mut field, mut kind) = (stored.clone(), stored.clone());
        field["odd"] = 1.into();
        kind["kind"] = json!({"odd": {}});
        let mut inner = stored;
        inner["kind"].as_object_mut().unwrap().values_mut().for_each(|fields| fields["odd"] = 1.into());
        for changed in [field, kind, inner] {
            serde_json::from_value::<Event>(changed).unwrap_err();
        }
    }
}

/// The schema version did not change with provenance. So a build of this version reads every earlier record, which has
/// none. An earlier build of the same version, which does not know the field, rejects a record that has it, as any
/// unknown field: it answers for the other approvals, and grants nothing on this one. No released build is one.
#[test]
fn records_from_before_provenance_are_read_and_written_as_they_were() {
    let (approval, events) = decided_at_the_desk();
    let bare = |stored: &mut Value| drop(stored.as_object_mut().unwrap().remove("provenance"));
    for event in &events[1..] {
        let mut old = serde_json::to_value(event).unwrap();
        bare(&mut old);
        let read: Event = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(read, Event { provenance: None, ..event.clone() });
        assert_eq!(serde_json::to_value(&read).unwrap(), old, "and keeps its place in the chain of hashes");
    }
    let (mut vote, mut decision) = (name(&approval.votes[0]), name(approval.decision.as_ref().unwrap()));
    bare(&mut vote);
    bare(&mut decision);
    assert_eq!(serde_json::from_value::<Vote>(vote).unwrap().provenance, None);
    assert_eq!(serde_json::from_value::<Decision>(decision).unwrap().provenance, None);

    /// An event, as a build without provenance knows it.
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only decoded")]
    struct OldEvent {
        revision: u64,
        at: u64,
        actor: Actor,
        kind: serde::de::IgnoredAny,
    }
    let error = rmp_serde::from_slice::<OldEvent>(&payload(&events[1])).unwrap_err().to_string();
    assert!(error.contains("unknown field `provenance`"), "{error}");
}

/// A record with one more field. In MessagePack, the first byte of a map of up to 15 fields holds their number; two
/// bytes after it hold a larger one.
fn with_odd_field(record: &[u8]) -> Vec<u8> {
    let (count, fields) = match record {
        [map @ 0x80..=0x8f, fields @ ..] => (u16::from(map & 0x0f), fields),
        [0xde, high, low, fields @ ..] => (u16::from_be_bytes([*high, *low]), fields),
        _ => panic!("not a small map"),
    };
    let [high, low] = (count + 1).to_be_bytes();
    [&[0xde, high, low], fields, b"\xa3odd\x01"].concat()
}

/// Whether bytes can be decoded as a record of some kind.
type IsRead = fn(&[u8]) -> bool;

fn is_read_as<T: DeserializeOwned>(payload: &[u8]) -> bool {
    rmp_serde::from_slice::<T>(payload).is_ok()
}

#[test]
fn unknown_fields_of_every_record_are_rejected() {
    let (approval, events) = full_history();
    let (encoded, _) = encode(&approval, &events, Digest::ZERO).unwrap();
    let key = keys::head(approval.id);
    let (_, head) = encoded.iter().find(|(found, _)| *found == key).unwrap();
    let head = frame::open(&key, head).unwrap().to_vec();
    let FullRecords { lane, token, freeze, session, block, signing_key, policy, group, checkpoint } =
        FullRecords::new(approval.id);
    let remembered = remembered_verdict();
    let rejection = remembered.remembered_rejection.as_deref().unwrap();
    let (at_the_desk, _) = decided_at_the_desk();
    let kinds: [(&str, Vec<u8>, IsRead); 24] = [
        ("lane", payload(&lane), is_read_as::<Lane>),
        ("delivery", payload(&lane.dead[0]), is_read_as::<Delivery>),
        ("earlier channels", payload(&approval.earlier_channels), is_read_as::<NotifiedChannels>),
        ("provenance", payload(&at_the_desk.votes[0].provenance), is_read_as::<Provenance>),
        ("vote", payload(&at_the_desk.votes[0]), is_read_as::<Vote>),
        ("decision", payload(&at_the_desk.decision), is_read_as::<Decision>),
        ("verdict", payload(&remembered), is_read_as::<Verdict>),
        ("remembered rejection", payload(rejection), is_read_as::<RememberedRejection>),
        ("head", head, is_read_as::<Head>),
        ("event", payload(&vote_among_others(&events)), is_read_as::<Event>),
        ("token", payload(&token), is_read_as::<Token>),
        ("freeze", payload(&freeze), is_read_as::<Freeze>),
        ("session", payload(&session), is_read_as::<Session>),
        ("end of a session", payload(&session.ended), is_read_as::<Ended>),
        ("block", payload(&block), is_read_as::<Block>),
        ("subject of a block", payload(&block.subject), is_read_as::<SubjectName>),
        ("signing key", payload(&signing_key), is_read_as::<records::StoredKey>),
        ("end of a block", payload(&block.unblocked), is_read_as::<Unblocked>),
        ("frozen", payload(&frozen_verdict().frozen), is_read_as::<Frozen>),
        ("policy", payload(&policy), is_read_as::<records::PolicyRecord>),
        ("policy head", payload(&policy.head), is_read_as::<PolicyHead>),
        ("group", payload(&group), is_read_as::<GroupRecord>),
        ("checkpoint", payload(&checkpoint), is_read_as::<Checkpoint>),
        ("standing", payload(&checkpoint.standing), is_read_as::<Standing>),
    ];
    for (kind, payload, is_read) in kinds {
        assert!(is_read(&payload), "{kind}");
        assert!(!is_read(&with_odd_field(&payload)), "{kind}");
    }
}
