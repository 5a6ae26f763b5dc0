//! What was approved, compared with what was asked for.

use prost_types::Struct;

use crate::{
    digest::digest,
    refusal::Kind,
    v1::{Approval, ApprovalStatus},
};

/// What is approved: whether a reviewer edited it, and its digest, which is that of the approval.
pub(crate) struct Approved {
    pub(crate) approval_id: String,
    pub(crate) arguments: Struct,
    pub(crate) edited: bool,
    pub(crate) digest: String,
}

/// The arguments as they were asked for; of a call that is resumed, their digest is known.
pub(crate) enum Asked {
    Arguments(Struct),
    Digest(String),
}

impl Approved {
    /// Compares what was asked for with what was approved. Digests are calculated here, not believed.
    pub(crate) fn new(tool_name: &str, asked: Asked, approval: Approval) -> Result<Self, Kind> {
        let edited = match &asked {
            Asked::Arguments(arguments) => digest(tool_name, arguments) != approval.digest,
            Asked::Digest(digest) => *digest != approval.digest,
        };
        // The policy approves what was asked for; only people edit.
        let by_policy = approval.status() == ApprovalStatus::AutoApproved;
        if !is_decided_for(&approval, tool_name) || (edited && by_policy) {
            return Err(Kind::DigestMismatch);
        }
        let arguments = match asked {
            Asked::Arguments(arguments) if !edited => arguments,
            // They have the approval's digest: that was calculated.
            _ => approval.arguments.unwrap_or_default(),
        };
        Ok(Self { approval_id: approval.id, arguments, edited, digest: approval.digest })
    }
}

/// Whether the decision is about the approval's digest, and that is the one of its arguments, calculated here.
pub(crate) fn is_decided_for(approval: &Approval, tool_name: &str) -> bool {
    let arguments = approval.arguments.clone().unwrap_or_default();
    digest(tool_name, &arguments) == approval.digest
        && approval.decision.as_ref().is_some_and(|decision| decision.digest == approval.digest)
}
