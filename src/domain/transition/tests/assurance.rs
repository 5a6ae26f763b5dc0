//! Votes that are authenticated more weakly than the policy asks.

use std::sync::Arc;

use serde_json::json;

use crate::domain::{samples::*, transition::sample_commands::run, *};

fn accepting(min_assurance: MinAssurance) -> Arc<Verdict> {
    verdict(Effect::RequireApproval(Requirement { min_assurance, ..Requirement::any(2) }))
}

fn voting(n: usize, choice: Choice, assurance: Assurance) -> Deciding {
    let provenance = Some(Provenance { surface: Surface::Grpc, assurance, opened: Vec::new() });
    Deciding { provenance, ..decide(reviewer(n), choice, Seen::Digest(a_request("r").0.digest)) }
}

fn outcome(approval: &Approval, deciding: Deciding) -> Result<Status, Refusal> {
    let step = step(approval, &Command::Decide(deciding), at(1));
    step.outcome.map(|_| step.approval.status)
}

const fn too_low(assurance: Assurance, needed: MinAssurance) -> Result<Status, Refusal> {
    Err(Refusal::AssuranceTooLow { assurance, needed })
}

#[test]
fn an_approval_needs_the_least_assurance_and_a_rejection_none() {
    use Assurance::{Chat, Link, Session, Token};
    for (least, accepted) in
        [(MinAssurance::Credentials, &[Session, Token][..]), (MinAssurance::Chat, &[Session, Token, Chat][..])]
    {
        let approval = opened(accepting(least));
        for assurance in [Session, Token, Chat, Link] {
            let approved = outcome(&approval, voting(1, Choice::Approve, assurance));
            let expected = if accepted.contains(&assurance) { Ok(Status::Pending) } else { too_low(assurance, least) };
            assert_eq!(approved, expected, "{least:?} {assurance:?}");
            assert_eq!(outcome(&approval, voting(1, Choice::Reject, assurance)), Ok(Status::Rejected));
        }
    }
    assert_eq!(outcome(&opened(quorum(2)), voting(1, Choice::Approve, Chat)), too_low(Chat, MinAssurance::Credentials));
}

/// The policy's rules for the present arguments and for the new ones apply to an edit.
#[test]
fn an_edit_needs_the_assurance_of_both_verdicts() {
    let edit = |verdict, assurance| {
        let edit = Some(Edit { arguments: arguments(&json!({"to": "bob"})), verdict });
        Deciding { edit, ..voting(1, Choice::Approve, assurance) }
    };
    let (chat, strict) = (|| accepting(MinAssurance::Chat), || accepting(MinAssurance::Credentials));
    let refused = too_low(Assurance::Chat, MinAssurance::Credentials);
    assert_eq!(outcome(&opened(chat()), edit(chat(), Assurance::Chat)), Ok(Status::Pending));
    assert_eq!(outcome(&opened(chat()), edit(strict(), Assurance::Chat)), refused);
    assert_eq!(outcome(&opened(strict()), edit(chat(), Assurance::Chat)), refused);
    assert_eq!(outcome(&opened(strict()), edit(strict(), Assurance::Token)), Ok(Status::Pending));
    // What the policy approves by itself, it approves without people: they need credentials to change it to that.
    assert_eq!(outcome(&opened(chat()), edit(verdict(Effect::AutoApprove), Assurance::Chat)), refused);
}

/// Bridges voted before rules had a minimum: their approvals must stay readable.
#[test]
fn a_history_can_have_votes_of_less_assurance() {
    let edit = Edit { arguments: arguments(&json!({"to": "bob"})), verdict: quorum(9) };
    for command in [
        voting(1, Choice::Approve, Assurance::Chat),
        voting(1, Choice::Reject, Assurance::Chat),
        Deciding { edit: Some(edit), ..voting(1, Choice::Approve, Assurance::Chat) },
    ] {
        let first = opened(quorum(2));
        let free = Deciding { provenance: None, ..command.clone() };
        let mut events: Vec<_> = first.first_event().into_iter().collect();
        for event in step(&first, &Command::Decide(free), at(1)).events {
            events.push(Event { provenance: command.provenance.clone(), ..event });
        }
        let replayed = Approval::replay(first.id, &events);
        assert!(replayed.is_ok(), "{command:?}: {replayed:?}");
    }
    let voted = run(opened(quorum(2)), [(Command::Decide(voting(1, Choice::Approve, Assurance::Token)), 1)]);
    assert_eq!(voted.votes.len(), 1);
}
