use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Actor, ApprovalId, Frozen, Panel, Requirement, Status, time};

/// What the policy says of one call, and why. Kept with the approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Version of the policy.
    pub policy_version: String,
    /// What it demands.
    pub effect: Effect,
    /// The rule that decided.
    pub rule: String,
    /// That rule's message to the caller; may be empty.
    pub message: String,
    /// The rules that were looked at.
    pub trace: Vec<RuleTrace>,
    /// How many more were looked at than `trace` holds; none of these applied, unless all in it did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trace_omitted: u32,
    /// The freeze that rejected the call, whatever the policy says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// How long after the decision an approved call can be claimed.
    #[serde(with = "time::micros", rename = "claim_window_us")]
    pub claim_window: Duration,
    /// The person's rejection of the same call that decided, in the place of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_rejection: Option<Box<RememberedRejection>>,
}

/// The rejection that a verdict repeats. The reviewer's comment is the verdict's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedRejection {
    /// The approval that was rejected.
    pub approval_id: ApprovalId,
    /// Who rejected it.
    pub decided_by: Actor,
    /// Those who were asked when it was rejected. They see what their rejection decides.
    pub panels: Vec<Panel>,
}

/// What the policy demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Effect {
    /// Approved at once.
    AutoApprove,
    /// People must decide.
    RequireApproval(Requirement),
    /// Rejected at once.
    AutoReject,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTrace {
    /// The rule's name.
    pub rule: Arc<str>,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Why; for [`RuleOutcome::Failed`] the error.
    pub detail: Cow<'static, str>,
}

/// Whether a rule applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It applied.
    Matched,
    /// It did not.
    NotMatched,
    /// It could not be evaluated.
    Failed,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Effect {
    /// The status that a request has once the policy has spoken.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::AutoApprove => Status::AutoApproved,
            Self::RequireApproval(_) => Status::Pending,
            Self::AutoReject => Status::AutoRejected,
        }
    }

    /// What people must do; one approving vote where the policy asks for none.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        static ANYONE: LazyLock<Requirement> = LazyLock::new(|| Requirement::any(1));
        match self {
            Self::RequireApproval(requirement) => requirement,
            Self::AutoApprove | Self::AutoReject => &ANYONE,
        }
    }
}
