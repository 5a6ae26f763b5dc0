use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Actor, ApprovalId, ChannelName, Frozen, Panel, Requirement, Status, time};

/// The policy's verdict on a call, and why. Recorded with the approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Version of the policy, or empty for a policy under test.
    pub policy_version: String,
    /// The effect.
    pub effect: Effect,
    /// The rule that decided.
    pub rule: String,
    /// The rule's message to the caller. May be empty.
    pub message: String,
    /// The evaluated rules.
    pub trace: Vec<RuleTrace>,
    /// Number of evaluated rules that are not in `trace`. None of them matched, unless all rules in `trace` did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trace_omitted: u32,
    /// The freeze that rejected the call, regardless of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// How long after the decision an approved call can be claimed.
    #[serde(with = "time::micros", rename = "claim_window_us")]
    pub claim_window: Duration,
    /// The earlier rejection by a reviewer that rejected the call, regardless of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_rejection: Option<Box<RememberedRejection>>,
    /// The channels that the policy names for the call, in order. Empty: the configured default, if reviewers must
    /// decide; otherwise none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<ChannelName>,
}

impl Verdict {
    /// Whether the configured default is notified about such calls. Calls that the policy decides do not notify it:
    /// they may be frequent.
    pub(super) fn tells_default(&self) -> bool {
        matches!(self.effect, Effect::RequireApproval(_)) && self.notify.is_empty()
    }
}

/// An earlier rejection that applies to this call. The reviewer's comment is the verdict's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedRejection {
    /// The approval that was rejected.
    pub approval_id: ApprovalId,
    /// Who rejected it.
    pub decided_by: Actor,
    /// The reviewers who were asked then. They can see the approvals that their rejection decides.
    pub panels: Vec<Panel>,
}

/// The effect of a policy on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Effect {
    /// Approved immediately.
    AutoApprove,
    /// Reviewers must decide.
    RequireApproval(Requirement),
    /// Rejected immediately.
    AutoReject,
}

/// The outcome of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTrace {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Its outcome.
    pub outcome: RuleOutcome,
    /// Why. For [`RuleOutcome::Failed`], the error.
    pub detail: Cow<'static, str>,
}

/// The outcome of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It matched.
    Matched,
    /// It did not match.
    NotMatched,
    /// Its evaluation failed.
    Failed,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Effect {
    /// The initial status of a request.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::AutoApprove => Status::AutoApproved,
            Self::RequireApproval(_) => Status::Pending,
            Self::AutoReject => Status::AutoRejected,
        }
    }

    /// The required votes. One approving vote if the policy requires none.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        static ANYONE: LazyLock<Requirement> = LazyLock::new(|| Requirement::any(1));
        match self {
            Self::RequireApproval(requirement) => requirement,
            Self::AutoApprove | Self::AutoReject => &ANYONE,
        }
    }
}
