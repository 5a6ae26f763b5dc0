//! The largest responses: what clients with the default limit of 4 MiB can read.

use prost::Message as _;

use super::*;
use crate::{
    domain::{
        ActorKind, Arguments, Digest, FREEZES_MAX, Freeze, FreezeId, FreezeScope, MAX_EDITS, MAX_VOTES,
        limits::{
            ARGUMENTS_BYTES_MAX, CALLER_MAX, FREEZE_REASON_BYTES_MAX, LABEL_KEY_MAX, LABEL_VALUE_MAX, LABELS_MAX,
            OPENED_CHARS_MAX, OPENED_MAX, PERSON_MAX, SCHEMA_BYTES_MAX, TEXT_BYTES_MAX,
        },
        samples,
    },
    policy::{NOTIFY_MAX, PANELS_MAX, TRACE_MAX},
};

/// The default limit of gRPC clients.
const MESSAGE: usize = 4 << 20;

/// A character of four bytes, the maximum.
const WIDE: &str = "\u{1d538}";

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn somebody() -> Actor {
    let name = || WIDE.repeat(PERSON_MAX);
    Actor { kind: ActorKind::Person, issuer: name(), subject: name() }
}

#[test]
fn all_freezes_that_may_stand_fit_into_one_message() {
    let largest = |n: usize| Freeze {
        id: FreezeId::new(uuid::Uuid::from_u128(n as u128)),
        scope: FreezeScope::Caller(WIDE.repeat(CALLER_MAX)),
        reason: text(FREEZE_REASON_BYTES_MAX),
        actor: somebody(),
        at: at(0),
        request_id: None,
        thawed: None,
    };
    // No freeze is larger, whether created by an operator or imported.
    let one = largest(0);
    assert_eq!(one.fault(), None);
    let longer = |actor: fn(&mut Actor)| {
        let mut one = one.clone();
        actor(&mut one.actor);
        one
    };
    for larger in [
        Freeze { scope: FreezeScope::Caller(WIDE.repeat(CALLER_MAX) + "x"), ..one.clone() },
        Freeze { scope: FreezeScope::Agent(WIDE.repeat(CALLER_MAX) + "x"), ..one.clone() },
        Freeze { reason: text(FREEZE_REASON_BYTES_MAX + 1), ..one.clone() },
        longer(|actor| actor.issuer.push('x')),
        longer(|actor| actor.subject.push('x')),
    ] {
        assert!(larger.fault().is_some());
    }
    let freezes: Vec<_> = (0..FREEZES_MAX).map(|n| freeze(&largest(n))).collect();
    let size = v1::ListFreezesResponse { freezes: freezes.clone() }.encoded_len();
    assert!(size < MESSAGE, "{size} bytes");
    let status = v1::ServerStatus { freezes, ..v1::ServerStatus::default() };
    let size = v1::GetStatusResponse { status: Some(status) }.encoded_len();
    assert!(size < MESSAGE - (64 << 10), "{size} bytes, and the rest of the status");
}

/// JSON of this many bytes that is largest on the wire: numbers with one digit.
fn numbers(name: &str, bytes: usize) -> String {
    let frame = name.len() + r#"{"":[0]}"#.len();
    format!(r#"{{"{name}":[0{}]}}"#, ",0".repeat((bytes - frame) / 2))
}

#[test]
fn the_largest_approval_with_its_events_is_as_large_as_the_proto_says() {
    let rule = |n: usize| Arc::from(format!("{n:0>64}"));
    let object = serde_json::from_str(&numbers("n", ARGUMENTS_BYTES_MAX)).unwrap();
    let arguments = Arguments::new(object).unwrap();
    let digest = Digest::of("send_email", &arguments);
    assert!((ARGUMENTS_BYTES_MAX - 2..=ARGUMENTS_BYTES_MAX).contains(&arguments.as_json().len()));
    // A policy has at most a MiB: the reviewers of these rules use half of it.
    let reviewers =
        |n: usize| (0..64).map(|m| format!("user:{n:0>120}/{}{m:0>3}", text(120)).parse().unwrap()).collect();
    let panels = (0..PANELS_MAX).map(|n| Panel { rule: rule(n), reviewers: reviewers(n), quorum: 32 }).collect();
    let failed = |n| RuleTrace { rule: rule(n), outcome: RuleOutcome::Failed, detail: text(256).into() };
    let asks = Effect::RequireApproval(Requirement { panels, ..Requirement::any(1) });
    let verdict = Verdict {
        effect: asks,
        rule: text(64),
        message: text(1_024),
        trace: (0..TRACE_MAX).map(failed).collect(),
        trace_omitted: u32::MAX,
        notify: (0..PANELS_MAX * NOTIFY_MAX).map(|n| format!("{n:0>32}").parse().unwrap()).collect(),
        ..Verdict::clone(&quorum(1))
    };
    let verdict = Arc::new(verdict);
    let provenance = || Some(Provenance { opened: vec![text(OPENED_CHARS_MAX); OPENED_MAX], ..samples::at_the_desk() });
    let vote = |n: u32| Vote {
        actor: Actor { subject: format!("{n:0>1024}"), ..somebody() },
        via: Some(somebody()),
        counted_for: (0..PANELS_MAX).map(rule).collect(),
        choice: Choice::Approve,
        comment: text(TEXT_BYTES_MAX),
        at: at(1),
        seen: u64::MAX,
        digest,
        provenance: provenance(),
    };
    let votes: Vec<_> = (0..MAX_VOTES).map(vote).collect();
    let (approval, _) = whole_life();
    let request = Request {
        caller: somebody(),
        on_behalf_of: Some(somebody()),
        reason: text(TEXT_BYTES_MAX),
        labels: (0..LABELS_MAX).map(|n| (format!("{n:0>LABEL_KEY_MAX$}"), WIDE.repeat(LABEL_VALUE_MAX))).collect(),
        schema: Some(numbers("enum", SCHEMA_BYTES_MAX).into()),
        ..Request::clone(&approval.request)
    };
    let decision = Decision {
        actor: somebody(),
        via: Some(somebody()),
        comment: text(TEXT_BYTES_MAX),
        provenance: provenance(),
        ..approval.decision.unwrap()
    };
    let (request, deadline) = (Arc::new(request), approval.deadline);
    let mut kinds = vec![EventKind::Requested {
        request: Arc::clone(&request),
        arguments: arguments.clone(),
        verdict: Arc::clone(&verdict),
        deadline,
    }];
    kinds.extend((0..MAX_EDITS).map(|_| EventKind::Edited {
        arguments: arguments.clone(),
        digest,
        verdict: Arc::clone(&verdict),
        seen: u64::MAX,
        deadline,
    }));
    kinds.extend(votes.iter().map(|vote| EventKind::Voted {
        choice: vote.choice,
        comment: vote.comment.clone(),
        seen: vote.seen,
        digest,
        counted_for: vote.counted_for.clone(),
    }));
    let decided = |status| EventKind::Decided {
        status,
        comment: text(TEXT_BYTES_MAX),
        seen: u64::MAX,
        digest,
        counted_for: (0..PANELS_MAX).map(rule).collect(),
    };
    kinds.extend([decided(Status::Approved), EventKind::Revoked { reason: text(TEXT_BYTES_MAX) }]);
    let revision = u64::MAX;
    let made = |kind| Event {
        revision,
        at: at(1),
        actor: somebody(),
        via: Some(somebody()),
        needs_others: true,
        provenance: provenance(),
        receipt: None,
        kind,
    };
    let revocation = Revocation { actor: somebody(), at: at(2), reason: text(TEXT_BYTES_MAX) };
    let largest = Approval {
        request,
        arguments,
        digest,
        verdict,
        votes,
        decision: Some(decision),
        revocation: Some(revocation),
        ..approval
    };
    let answer = v1::GetApprovalResponse {
        approval: Some(super::super::approval(&largest)),
        events: kinds.into_iter().map(|kind| event(&made(kind))).collect(),
    };
    let size = answer.encoded_len();
    assert!(size > MESSAGE, "{size} bytes: clients that read 4 MiB read it, and the proto need not say more");
    assert!(size < 2 * MESSAGE, "{size} bytes: the proto says 8 MiB");
    // It always fits without events.
    let size = v1::GetApprovalResponse { events: Vec::new(), ..answer }.encoded_len();
    assert!(size < MESSAGE / 2, "{size} bytes");
}
