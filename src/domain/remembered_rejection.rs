//! Remembered rejections: a reviewer's rejection also rejects the same call later in the same run.
//!
//! A model whose call is rejected often tries again, and the reviewer gets the same question four times. So a policy
//! can remember a rejection for some time (`remember_rejection`). It applies to **the same call in the same run**: the
//! same caller, `run_id`, tool and requested digest. A call without a `run_id` always asks, because its run cannot be
//! identified. The decisions, and why:
//!
//! - **Only a reviewer's rejection is remembered**, never a remembered one. Otherwise a model that keeps trying would
//!   extend the time, and no reviewer would be asked again.
//! - **The time is that of the verdict under which the reviewer rejected**, recorded with the approval. A later policy
//!   does not change it, as with pending approvals. If the call was edited before the rejection, the verdict on the
//!   edited arguments counts, but the requested call is remembered: it is the one that the agent repeats.
//! - **The strictest wins**, as between rules. If the current policy rejects the call, it decides, with its rule and
//!   message. If it would approve the call, the remembered rejection still holds: the caller chooses labels and the
//!   agent's name, and must not turn a no into a yes by changing them. To ask again, the caller starts another run, or
//!   waits.
//! - **A freeze comes first**: it rejects every request in its scope, and says to request approval again after the
//!   thaw.
//! - **Server time counts**, from the decision on. At the end of the time the rejection no longer applies.

use serde_json::json;

use super::{
    Approval, Digest, Effect, Panel, RememberedRejection, Request, RuleOutcome, RuleTrace, Status, Time, Verdict,
    name::composed, time,
};

/// The rule of a verdict that a remembered rejection decided. Rules of policies cannot have this name.
pub const REMEMBERED_REJECTION_RULE: &str = "_remembered_rejection";

impl Request {
    /// A hash that identifies the call within its run; `None` without a run.
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
    /// The call to reject, and until when. `None` unless a reviewer rejected it, in a run, under a policy that
    /// remembers.
    #[must_use]
    pub fn remembered(&self) -> Option<(Digest, Time)> {
        let decision = self.decision.as_ref().filter(|_| self.status == Status::Rejected)?;
        let window = self.requirement().remember_rejection?;
        Some((self.request.call_in_run()?, time::after(decision.at, window)))
    }

    /// For stores: the verdict on a new call because of this rejection. `verdict` is the policy's. `None` if the
    /// rejection does not apply, or if the policy itself rejects the call.
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
            notify: Vec::new(),
            ..verdict.clone()
        })
    }
}

impl Verdict {
    /// Whether a verdict on a request is possible: a remembered rejection must reject, and needs a run.
    pub(super) fn may_be_on(&self, request: &Request) -> bool {
        let rejects = self.effect == Effect::AutoReject && self.rule == REMEMBERED_REJECTION_RULE;
        self.remembered_rejection.is_none() || (rejects && self.frozen.is_none() && !request.agent.run_id.is_empty())
    }
}

#[cfg(test)]
mod tests;
