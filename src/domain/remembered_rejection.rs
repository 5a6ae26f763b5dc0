//! Rejections that answer the same call again.
//!
//! A model that was told no tries once more, and the reviewer is asked the same question four times. So a policy can
//! say for how long a person's rejection counts (`remember_rejection`). It answers **the same call in the same run**:
//! with the same caller, `run_id`, tool and digest as asked. A call without a `run_id` always asks, as nothing tells
//! its run from another. What decides, and why:
//!
//! - **Only a reviewer's rejection is remembered**, and never one that was itself remembered: else a model that keeps
//!   trying would prolong the memory, and nobody would be asked again.
//! - **The window is that of the verdict under which the reviewer rejected**, and is recorded with the approval. A
//!   policy that is set afterwards neither lengthens nor shortens it: as with pending approvals, what was recorded
//!   holds. Of a call that was edited and then rejected, that is the verdict on the edited arguments, and what is
//!   remembered is the call as it was asked: an agent that asks for it again did not get it the first time.
//! - **The strictest wins**, as between rules. A call that the present policy rejects is rejected by the policy, with
//!   its rule and message. One that it would approve is still rejected: labels and the agent's name are the caller's
//!   own words, and other ones must not turn a no into a yes. A caller that wants another answer starts another run, or
//!   waits.
//! - **A freeze comes first**: it rejects every request in its scope, and says that the call may be asked for after it.
//! - **Server time counts**, from the decision on, and the window ends exactly when it is over.

use serde_json::json;

use super::{
    Approval, Digest, Effect, Panel, RememberedRejection, Request, RuleOutcome, RuleTrace, Status, Time, Verdict,
    name::composed, time,
};

/// The rule that is recorded where a remembered rejection decides. No policy has a rule with such a name.
pub const REMEMBERED_REJECTION_RULE: &str = "_remembered_rejection";

impl Request {
    /// What a call and its repetitions in the same run have in common; `None` outside a run.
    #[must_use]
    pub fn call_in_run(&self) -> Option<Digest> {
        let Self { caller, agent, tool_name, digest, .. } = self;
        (!agent.run_id.is_empty()).then(|| {
            let caller = [composed(&caller.issuer), composed(&caller.subject)];
            Digest::of_bytes(json!([caller, agent.run_id, tool_name, digest]).to_string().as_bytes())
        })
    }
}

impl Approval {
    /// The call that its rejection answers, and until when; `None` unless a reviewer rejected it, in a run, under a
    /// policy that remembers.
    #[must_use]
    pub fn remembered(&self) -> Option<(Digest, Time)> {
        let decision = self.decision.as_ref().filter(|_| self.status == Status::Rejected)?;
        let window = self.requirement().remember_rejection?;
        Some((self.request.call_in_run()?, time::after(decision.at, window)))
    }

    /// For implementations of stores: what becomes of a call at a time by this approval's rejection, where `verdict` is
    /// what the policy says of it. `None` when the rejection does not answer it, or the policy rejects it by itself.
    #[must_use]
    pub fn remembered_for(&self, request: &Request, verdict: &Verdict, now: Time) -> Option<Verdict> {
        let (call, until) = self.remembered()?;
        if now >= until || request.call_in_run() != Some(call) || verdict.effect == Effect::AutoReject {
            return None;
        }
        let decision = self.decision.as_ref()?;
        let panels = self
            .requirement()
            .panels
            .iter()
            .map(|panel| Panel { reviewers: self.reviewers_of(panel).into_iter().cloned().collect(), ..panel.clone() });
        let (approval_id, decided_by) = (self.id, decision.actor.clone());
        let remembered = RememberedRejection { approval_id, decided_by, panels: panels.collect() };
        let mut trace = verdict.trace.clone();
        trace.push(RuleTrace {
            rule: REMEMBERED_REJECTION_RULE.into(),
            outcome: RuleOutcome::Matched,
            detail: "auto_reject".into(),
        });
        Some(Verdict {
            effect: Effect::AutoReject,
            rule: REMEMBERED_REJECTION_RULE.to_owned(),
            message: decision.comment.clone(),
            trace,
            remembered_rejection: Some(Box::new(remembered)),
            ..verdict.clone()
        })
    }
}

impl Verdict {
    /// Whether a verdict on a request can be: what a rejection decides is a rejection, of a call in a run.
    pub(super) fn may_be_on(&self, request: &Request) -> bool {
        let rejects = self.effect == Effect::AutoReject && self.rule == REMEMBERED_REJECTION_RULE;
        self.remembered_rejection.is_none() || (rejects && self.frozen.is_none() && !request.agent.run_id.is_empty())
    }
}

#[cfg(test)]
mod tests;
