//! The checks of an answer: docs/clients.md has the list.
//!
//! A lying server, or a proxy that mixes answers up, must not make a tool run. So each answer is compared with the
//! request, with the earlier answers, and with itself.

use tonic::Status;
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    approved::{Approved, is_decided_for},
    handle::Handle,
    refusal::Kind,
    v1::{
        Actor, Approval, ApprovalStatus, ClaimExecutionResponse, Event, ExecutionResult, ReportExecutionResponse, event,
    },
};

/// The request, and the newest answer.
pub(crate) struct Answers {
    request_id: String,
    tool_name: String,
    /// Of the arguments as asked.
    digest: String,
    newest: Option<Newest>,
    /// For a resumed call: its approval's id, and whether an answer has shown the request.
    resumed: Option<Resumed>,
}

struct Resumed {
    approval_id: String,
    request_was_shown: bool,
}

struct Newest {
    id: String,
    caller: Option<Actor>,
    revision: u64,
    status: i32,
    digest: String,
}

impl Answers {
    /// No answer yet. `digest` is that of the arguments as asked.
    pub(crate) fn new(request_id: String, tool_name: String, digest: String) -> Self {
        Self { request_id, tool_name, digest, newest: None, resumed: None }
    }

    /// No answer yet, for a resumed call.
    pub(crate) fn resumed(handle: &Handle) -> Self {
        let Handle { approval_id, request_id, tool_name, digest } = handle.clone();
        let resumed = Resumed { approval_id, request_was_shown: false };
        Self { request_id, tool_name, digest, newest: None, resumed: Some(resumed) }
    }

    pub(crate) fn tool_name(&self) -> &str {
        &self.tool_name
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The handle of the call, once the server has named its approval.
    pub(crate) fn handle(&self) -> Option<Handle> {
        let newest = self.newest.as_ref()?;
        let (request_id, tool_name, digest) = (self.request_id.clone(), self.tool_name.clone(), self.digest.clone());
        Some(Handle { approval_id: newest.id.clone(), request_id, tool_name, digest })
    }

    /// Checks an update of the stream.
    pub(crate) fn update(&mut self, approval: &Approval, events: &[Event]) -> Result<(), Kind> {
        self.approval(approval)?;
        let other_arguments = self.records_other_arguments(events);
        let mut not_shown = false;
        if let Some(resumed) = &mut self.resumed {
            resumed.request_was_shown |= events.iter().any(is_request);
            not_shown = !resumed.request_was_shown;
        }
        first_of(&[
            (other_arguments, "the request was recorded with other arguments"),
            (not_shown, "the approval does not show the request"),
            (!lead_to(approval, events), "the events contradict the approval"),
        ])
    }

    /// Checks any approval against the request, the approval before it, and itself.
    pub(crate) fn approval(&mut self, approval: &Approval) -> Result<(), Kind> {
        let before = self.newest.as_ref();
        let differs =
            |different: fn(&Newest, &Approval) -> bool| before.is_some_and(|before| different(before, approval));
        let decided = approval.decision.as_ref().map(|decision| decision.status);
        first_of(&[
            (approval.id.is_empty(), "the approval has no id"),
            (
                differs(|before, now| before.id != now.id)
                    || self.resumed.as_ref().is_some_and(|resumed| resumed.approval_id != approval.id),
                "the approval's id changed",
            ),
            (approval.request_id != self.request_id, "the approval is for another request"),
            (approval.tool_name != self.tool_name, "the approval is for another tool"),
            (!approval.caller.as_ref().is_some_and(is_named), "the approval has no caller"),
            (
                differs(|before, now| !is_same(before.caller.as_ref(), now.caller.as_ref())),
                "the approval's caller changed",
            ),
            (approval.revision == 0, "the approval has no revision"),
            (differs(|before, now| now.revision < before.revision), "the approval's revision went back"),
            (
                differs(|before, now| {
                    now.revision == before.revision && (now.status != before.status || now.digest != before.digest)
                }),
                "the approval changed without a new revision",
            ),
            (is_terminal(approval.status) && decided.is_none(), "the approval has no decision"),
            (
                is_known(approval.status)
                    && decided.is_some_and(|status| status != approval.status || !is_terminal(status)),
                "the decision contradicts the status",
            ),
        ])?;
        self.newest = Some(Newest {
            id: approval.id.clone(),
            caller: approval.caller.clone(),
            revision: approval.revision,
            status: approval.status,
            digest: approval.digest.clone(),
        });
        Ok(())
    }

    /// Checks the answer to the claim of what was approved.
    pub(crate) fn claim(&mut self, answer: &ClaimExecutionResponse, approved: &Approved) -> Result<(), Kind> {
        first_of(&[
            (answer.claim_id.is_empty(), "the answer has no claim id"),
            (answer.approval.is_none(), NO_APPROVAL),
        ])?;
        let approval = answer.approval.clone().unwrap_or_default();
        let status = self.newest.as_ref().map(|before| before.status);
        self.approval(&approval)?;
        first_of(&[(status != Some(approval.status), "the approval's status changed")])?;
        if let Some(revocation) = approval.revocation {
            return Err(Kind::Revoked { reason: revocation.reason });
        }
        if !is_decided_for(&approval, &self.tool_name) || approval.digest != approved.digest {
            return Err(Kind::DigestMismatch);
        }
        let claim = approval.claim.clone().unwrap_or_default();
        first_of(&[
            (approval.claim.is_none(), "the approval has no claim"),
            (claim.id != answer.claim_id, "the claim has another id"),
            (!is_same(claim.claimed_by.as_ref(), approval.caller.as_ref()), "the claim is another caller's"),
            (claim.outcome.is_some(), "the claim has an outcome already"),
        ])
    }

    fn records_other_arguments(&self, events: &[Event]) -> bool {
        events.iter().any(|event| match &event.kind {
            Some(event::Kind::Requested(requested)) => requested.digest != self.digest,
            _ => false,
        })
    }
}

fn is_request(event: &Event) -> bool {
    matches!(event.kind, Some(event::Kind::Requested(_)))
}

pub(crate) const NO_APPROVAL: &str = "the answer has no approval";

/// Checks that an outcome was recorded for the claim that it was reported for.
pub(crate) fn check_report(
    answer: &ReportExecutionResponse,
    approval_id: &str,
    claim_id: &str,
    result: ExecutionResult,
) -> Result<(), Status> {
    let approval = answer.approval.as_ref();
    let claim = approval.filter(|approval| approval.id == approval_id).and_then(|approval| approval.claim.as_ref());
    let outcome = claim.filter(|claim| claim.id == claim_id).and_then(|claim| claim.outcome.as_ref());
    if outcome.is_some_and(|outcome| outcome.result == i32::from(result)) {
        Ok(())
    } else {
        Err(Status::internal("the answer to the report is about another claim or outcome"))
    }
}

/// The first problem of a table, so that all clients check in the same order.
fn first_of(problems: &[(bool, &str)]) -> Result<(), Kind> {
    match problems.iter().find(|(is_there, _)| *is_there) {
        Some((_, problem)) => Err(Kind::invalid_answer(problem)),
        None => Ok(()),
    }
}

/// Whether the events go up to the approval's revision, one by one, and to its status.
fn lead_to(approval: &Approval, events: &[Event]) -> bool {
    let pending = i32::from(ApprovalStatus::Pending);
    // A request that waits has another status than the approval only if a decision follows.
    let decided = events.iter().any(|event| matches!(event.kind, Some(event::Kind::Decided(_))));
    events.iter().rev().zip(0..).all(|(event, back)| {
        let status = match &event.kind {
            Some(event::Kind::Requested(requested)) if !decided || requested.status != pending => requested.status,
            Some(event::Kind::Decided(decision)) => decision.status,
            _ => approval.status,
        };
        approval.revision.checked_sub(back) == Some(event.revision) && status == approval.status
    })
}

fn is_named(actor: &Actor) -> bool {
    !actor.issuer.is_empty() && !actor.subject.is_empty()
}

/// The same caller, as the server tells callers apart.
fn is_same(one: Option<&Actor>, other: Option<&Actor>) -> bool {
    one.zip(other).is_some_and(|(one, other)| {
        is_same_name(&one.issuer, &other.issuer) && is_same_name(&one.subject, &other.subject)
    })
}

/// Names are the same when their composed forms (NFC) are: the server keeps old ones as they were recorded.
fn is_same_name(one: &str, other: &str) -> bool {
    one.nfc().eq(other.nfc())
}

fn is_known(status: i32) -> bool {
    !matches!(ApprovalStatus::try_from(status), Err(_) | Ok(ApprovalStatus::Unspecified))
}

fn is_terminal(status: i32) -> bool {
    is_known(status) && status != i32::from(ApprovalStatus::Pending)
}
