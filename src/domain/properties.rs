//! Tries to break the state machine with random commands at random times.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{samples::*, *};

/// Reviewers whose credentials can name any voter; the next one may decide alone.
const BRIDGES: std::ops::Range<usize> = 6..8;

/// A command, without the parts that depend on the running approval.
#[derive(Clone, Debug)]
enum Move {
    Decide { who: usize, via: Option<usize>, approve: bool, seen: SeenMove, edit: Option<(u8, u8)>, key: Option<u8> },
    Cancel { requester: bool, key: Option<u8> },
    Expire,
    Claim { requester: bool, right_digest: bool, key: Option<u8>, n: u64 },
    Report { right_claim: bool, requester: bool, key: Option<u8> },
    Revoke { who: usize, reviewer: bool, operator: bool, key: Option<u8> },
}

#[derive(Clone, Copy, Debug)]
enum SeenMove {
    Now,
    Digest,
    Revision(u64),
    OtherDigest,
}

fn key() -> impl Strategy<Value = Option<u8>> {
    proptest::option::of(0..4u8)
}

fn a_move() -> impl Strategy<Value = Move> {
    let seen = prop_oneof![
        4 => Just(SeenMove::Now),
        4 => Just(SeenMove::Digest),
        1 => (0..8u64).prop_map(SeenMove::Revision),
        1 => Just(SeenMove::OtherDigest),
    ];
    let edit = proptest::option::weighted(0.3, (0..4u8, 0..4u8));
    prop_oneof![
        6 => (0..8usize, proptest::option::of(6..9usize), any::<bool>(), seen, edit, key())
            .prop_map(|(who, via, approve, seen, edit, key)| Move::Decide { who, via, approve, seen, edit, key }),
        1 => (any::<bool>(), key()).prop_map(|(requester, key)| Move::Cancel { requester, key }),
        1 => Just(Move::Expire),
        3 => (any::<bool>(), any::<bool>(), key(), 0..4u64)
            .prop_map(|(requester, right_digest, key, n)| Move::Claim { requester, right_digest, key, n }),
        2 => (any::<bool>(), any::<bool>(), key())
            .prop_map(|(right_claim, requester, key)| Move::Report { right_claim, requester, key }),
        1 => (0..4usize, any::<bool>(), any::<bool>(), key())
            .prop_map(|(who, reviewer, operator, key)| Move::Revoke { who, reviewer, operator, key }),
    ]
}

fn effect(n: u8) -> Effect {
    match n {
        0 => Effect::AutoApprove,
        1 => Effect::AutoReject,
        n => {
            let seconds = std::time::Duration::from_secs;
            let escalation = |after, priority| Escalation {
                rule: "".into(),
                after,
                reviewers: Vec::new(),
                priority,
                notify: Vec::new(),
            };
            Effect::RequireApproval(Requirement {
                reject_threshold: u32::from(n) - 1,
                escalations: vec![escalation(seconds(30), Priority::High), escalation(seconds(90), Priority::Urgent)],
                min_assurance: if n == 2 { MinAssurance::Credentials } else { MinAssurance::Chat },
                ..Requirement::any(u32::from(n) - 1).within((n == 3).then_some(seconds(100)))
            })
        }
    }
}

fn command(approval: &Approval, a_move: &Move) -> Command {
    let caller = |requester| if requester { agent() } else { actor(ActorKind::Agent, "thief") };
    let request_id = |key: Option<u8>| key.map(|key| format!("key-{key}"));
    let other = Digest::of("other_tool", &approval.arguments);
    match a_move.clone() {
        Move::Decide { who, via, approve, seen, edit, key } => Command::Decide(Deciding {
            actor: if who == 0 { agent() } else { reviewer(who) },
            groups: std::collections::BTreeSet::new(),
            via: via.filter(|via| *via != who).map(reviewer),
            needs_others: BRIDGES.contains(&via.unwrap_or(who)),
            request_id: request_id(key),
            choice: if approve { Choice::Approve } else { Choice::Reject },
            seen: match seen {
                SeenMove::Now => Seen::Revision(approval.revision),
                SeenMove::Digest => Seen::Digest(approval.digest),
                SeenMove::Revision(revision) => Seen::Revision(revision),
                SeenMove::OtherDigest => Seen::Digest(other),
            },
            comment: String::new(),
            edit: edit.map(|(to, policy)| Edit {
                arguments: arguments(&json!({"to": to})),
                verdict: verdict(effect(policy)),
            }),
            provenance: Some(Provenance {
                surface: Surface::Grpc,
                assurance: if via.is_some_and(|via| via != who) { Assurance::Chat } else { Assurance::Token },
                opened: Vec::new(),
            }),
        }),
        Move::Cancel { requester, key } => {
            Command::Cancel { actor: caller(requester), request_id: request_id(key), reason: String::new() }
        }
        Move::Expire => Command::Tick,
        Move::Claim { requester, right_digest, key, n } => Command::Claim(Claiming {
            actor: caller(requester),
            request_id: request_id(key),
            claim_id: claim_id(n),
            digest: if right_digest { approval.digest } else { other },
        }),
        Move::Report { right_claim, requester, key } => Command::Report(Reporting {
            actor: caller(requester),
            request_id: request_id(key),
            claim_id: match &approval.claim {
                Some(claim) if right_claim => claim.id,
                _ => claim_id(99),
            },
            result: ExecutionResult::Succeeded,
            message: String::new(),
        }),
        Move::Revoke { who, reviewer: votes, operator, key } => Command::Revoke(Revoking {
            actor: if who == 0 { agent() } else { reviewer(who) },
            groups: votes.then(std::collections::BTreeSet::new),
            operator,
            request_id: request_id(key),
            reason: String::new(),
            provenance: None,
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn promises_hold(policy in 0..4u8, moves in prop::collection::vec((a_move(), -5..80i64), 1..25)) {
        let mut approval = opened(verdict(effect(policy)));
        let (request, arguments) = (Arc::clone(&approval.request), approval.arguments.clone());
        let mut events = vec![super::request(approval.id, request, arguments, Arc::clone(&approval.verdict), at(0)).unwrap().1];
        let mut clock = 0;
        for (a_move, seconds) in moves {
            clock += seconds;
            let now = at(clock);
            let command = command(&approval, &a_move);
            let before = approval;
            let step = step(&before, &command, now);
            events.extend(step.events.iter().cloned());
            approval = step.approval;

            // The approval is the fold of its events, and every event increases the revision by one.
            prop_assert_eq!(&Approval::replay(approval.id, &events), &Ok(approval.clone()));
            prop_assert_eq!(approval.revision, events.len() as u64);

            // Terminal statuses never change, and there is one decision.
            if before.status.is_terminal() {
                prop_assert_eq!(before.status, approval.status);
                prop_assert_eq!(&before.decision, &approval.decision);
                prop_assert_eq!(&before.arguments, &approval.arguments);
            }
            let decisions = events.iter().filter(|event| matches!(event.kind, EventKind::Decided { .. })).count();
            prop_assert_eq!(usize::from(approval.status.is_terminal()), decisions + usize::from(policy < 2));

            // No approval at or after the deadline, and overdue ones end at the next command (except repetitions).
            if approval.status == Status::Approved && !before.status.is_terminal() {
                prop_assert!(now < before.deadline);
            }
            if !before.status.is_terminal() && now >= before.deadline && (!step.events.is_empty() || step.outcome.is_err()) {
                let reused = matches!(step.outcome, Err(Refusal::RequestIdReused { .. }));
                prop_assert!(reused || approval.status == Status::TimedOut);
            }

            // The requester never decides. No reviewer votes twice. Votes never survive an edit.
            for vote in &approval.votes {
                prop_assert!(!vote.actor.is(&agent()));
                prop_assert_eq!(vote.digest, approval.digest);
            }
            let voters: std::collections::BTreeSet<_> = approval.votes.iter().map(|vote| &vote.actor).collect();
            prop_assert_eq!(voters.len(), approval.votes.len());
            let approvers: Vec<_> = approval.votes.iter().filter(|vote| vote.choice == Choice::Approve).collect();
            let voters: std::collections::BTreeSet<_> = approvers.iter().map(|vote| &vote.actor).collect();
            prop_assert_eq!(voters.len(), approvers.len());
            if approval.status == Status::Approved {
                prop_assert!(approval.approvals() >= approval.requirement().quorum());
            }
            // Credentials that can name any voter approve nothing alone.
            for bridge in BRIDGES.map(reviewer) {
                let (its, others): (Vec<&&Vote>, Vec<&&Vote>) =
                    approvers.iter().partition(|vote| vote.via.as_ref().unwrap_or(&vote.actor).is(&bridge));
                prop_assert!(its.len() <= 1);
                prop_assert!(approval.status != Status::Approved || its.is_empty() || !others.is_empty());
            }
            // Approvals are as well authenticated as the policy asks.
            for vote in &approvers {
                prop_assert!(approval.requirement().accepts(vote.provenance.as_ref()), "{vote:?}");
            }
            if approval.status == Status::Rejected {
                prop_assert!(approval.rejections() >= approval.requirement().reject_threshold);
            }

            // Due events happen at the next command, once.
            if !approval.status.is_terminal() && !step.events.is_empty() {
                prop_assert!(approval.due() > now.max(before.updated_at));
            }

            // Claims: once, by the requester, for the approved digest, in time.
            if let Some(claim) = &approval.claim {
                prop_assert!(approval.status.is_approved() && claim.actor.is(&agent()));
                prop_assert!(claim.at < approval.claimable_until().unwrap());
                if let Some(earlier) = &before.claim {
                    prop_assert_eq!(earlier.id, claim.id);
                } else if let Command::Claim(claiming) = &command {
                    prop_assert_eq!(claiming.digest, approval.decision.as_ref().unwrap().digest);
                }
            }

            // Revocations: only of approved and unclaimed calls, in time, once. No claim after a revocation, and none
            // before.
            prop_assert!(approval.claim.is_none() || approval.revocation.is_none());
            if let Some(revocation) = &approval.revocation {
                prop_assert!(approval.status.is_approved() && revocation.at < approval.claimable_until().unwrap());
                prop_assert!(before.revocation.as_ref().is_none_or(|earlier| earlier == revocation));
                let claimed = events.iter().any(|event| matches!(event.kind, EventKind::Claimed { .. }));
                prop_assert!(!claimed && !matches!((&command, &step.outcome), (Command::Claim(_), Ok(_))));
            } else {
                prop_assert!(before.revocation.is_none());
            }

            // A repeated command changes nothing, and returns the first result. For a claim, only while it could be
            // granted again and no outcome is reported.
            if let (Ok(revision), Some(_)) = (&step.outcome, command.receipt()) {
                for later in [0, 100, 10_000] {
                    let then = now.max(approval.updated_at) + std::time::Duration::from_secs(later);
                    let again = super::step(&approval, &command, then);
                    let over = matches!(command, Command::Claim(_))
                        && (approval.claimable_until().is_none_or(|closed_at| then >= closed_at)
                            || approval.claim.as_ref().is_some_and(|claim| claim.outcome.is_some()));
                    if over {
                        let claim = Box::new(approval.claim.clone().unwrap());
                        prop_assert_eq!(again.outcome, Err(Refusal::AlreadyClaimed(claim)));
                    } else {
                        prop_assert_eq!(again.outcome, Ok(*revision));
                    }
                    prop_assert!(again.events.is_empty());
                }
            }
            // Whenever a claim is granted, its window is open and its outcome unknown.
            if let (Command::Claim(_), Ok(_)) = (&command, &step.outcome) {
                prop_assert!(now.max(before.updated_at) < approval.claimable_until().unwrap());
                prop_assert!(approval.claim.as_ref().is_some_and(|claim| claim.outcome.is_none()));
            }
            // A refusal records nothing except due events: a passed deadline, or escalations.
            if step.outcome.is_err() {
                let due = |event: &Event| matches!(event.kind, EventKind::Decided { status: Status::TimedOut, .. } | EventKind::Escalated(_));
                let recorded_only_that = step.events.iter().all(due);
                prop_assert!(recorded_only_that);
            }
        }
    }
}
