use super::{
    ApprovalId, Claim, Decision, Digest, ExecutionResult, Frozen, Outcome, Revision, Revocation, Status, Time,
};

/// Why a command was refused. Nothing was recorded for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another decision was first.
    #[error("already decided: {} by {}", .0.status.name(), .0.actor)]
    AlreadyDecided(Box<Decision>),
    /// The requester cannot decide its own request.
    #[error("the requester cannot decide its own request")]
    SelfDecision,
    /// Only the requester may do this.
    #[error("only the requester may do this")]
    NotRequester,
    /// The arguments changed since the reviewer looked.
    #[error("the arguments were edited since the reviewer saw them; read revision {revision} again, digest {digest}")]
    Stale {
        /// The approval's revision.
        revision: Revision,
        /// The approval's digest.
        digest: Digest,
    },
    /// This reviewer has voted on these arguments.
    #[error("this reviewer has already voted on these arguments")]
    AlreadyVoted,
    /// Others are asked.
    #[error("the policy does not ask this reviewer")]
    NotEligible,
    /// It would be decided by credentials alone that let their holder name voters.
    #[error("this caller's votes alone cannot approve; another reviewer must vote, or the caller needs decide_alone")]
    NeedsOthers,
    /// A vote without a comment.
    #[error("the policy requires a comment with every vote on this approval")]
    CommentRequired,
    /// The arguments must be approved as they are, or rejected.
    #[error("the policy does not allow edits of this approval; approve or reject it unchanged")]
    EditsNotAllowed,
    /// The policy rejects the edited arguments.
    #[error("the policy forbids the edited arguments (rule {rule}): {message}")]
    EditForbidden {
        /// The rule that forbids them.
        rule: String,
        /// Its message.
        message: String,
    },
    /// Too many edits.
    #[error("too many edits: an approval can be edited at most {limit} times")]
    TooManyEdits {
        /// How many are allowed.
        limit: u32,
    },
    /// Too many votes.
    #[error("too many votes: an approval can have at most {limit} on the same arguments")]
    TooManyVotes {
        /// How many are allowed.
        limit: u32,
    },
    /// Only an approved call can be claimed.
    #[error("the call is {}; only an approved call can be claimed or revoked", .0.name())]
    NotApproved(Status),
    /// Not what was approved.
    #[error("the digest is not the approved one, {approved}; run the approved arguments, or request approval again")]
    DigestMismatch {
        /// What was approved.
        approved: Digest,
    },
    /// Too late to claim.
    #[error("the claim window closed at {closed_at}")]
    ClaimWindowClosed {
        /// When it closed.
        closed_at: Time,
    },
    /// Claimed before: by another call, or by this one, whose claim window has closed or whose outcome is on record.
    #[error("already claimed by {} at {}{}", .0.actor, .0.at, reported(.0))]
    AlreadyClaimed(Box<Claim>),
    /// Stopped before it was claimed.
    #[error("the approval was revoked by {} at {}", .0.actor, .0.at)]
    Revoked(Box<Revocation>),
    /// An operator has frozen such calls.
    #[error("{} has frozen such calls; nothing was claimed; retry after the thaw", .0.actor)]
    Frozen(Box<Frozen>),
    /// No such claim by this caller.
    #[error("this approval has no such claim by this caller")]
    NotClaimed,
    /// Reported before.
    #[error("the outcome was already reported at {}", .0.at)]
    AlreadyReported(Box<Outcome>),
    /// The idempotency key belongs to another call of the same caller.
    #[error("request_id was used before {}; use a new request_id for a new call", for_what(*field))]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The approval that it was used on.
        approval: ApprovalId,
        /// The first thing that differs, where both calls are requests.
        field: Option<RepeatedField>,
    },
    /// The request that this idempotency key belongs to was forgotten. What became of it is not known any more.
    #[error("the approval of this request_id was deleted after `retain`; request approval again with a new request_id")]
    RequestForgotten {
        /// The key.
        request_id: String,
        /// From this moment on it is as if the key had never been used.
        until: Time,
    },
    /// The caller waits for too many approvals.
    #[error("too many pending approvals: at most {limit} are allowed per caller")]
    TooManyPending {
        /// How many are allowed.
        limit: u32,
    },
}

/// What a repetition must say again. Its caller is the same because it is found by caller and `request_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatedField {
    /// The tool.
    ToolName,
    /// The arguments, as asked.
    Arguments,
    /// The person on whose behalf, whom the caller names or its credentials do.
    OnBehalfOf,
}

impl RepeatedField {
    /// The field's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToolName => "tool_name",
            Self::Arguments => "arguments",
            Self::OnBehalfOf => "on_behalf_of",
        }
    }
}

/// What a `request_id` was used for before, as the middle of a sentence.
const fn for_what(field: Option<RepeatedField>) -> &'static str {
    match field {
        Some(RepeatedField::ToolName) => "with another tool_name",
        Some(RepeatedField::Arguments) => "with other arguments",
        Some(RepeatedField::OnBehalfOf) => "with another on_behalf_of, which the caller's token may set",
        None => "for a different call",
    }
}

/// What is known of a claimed call's outcome, as the end of a sentence.
fn reported(claim: &Claim) -> String {
    claim.outcome.as_ref().map_or_else(String::new, |Outcome { result, at, .. }| {
        let result = match result {
            ExecutionResult::Succeeded => "succeeded",
            ExecutionResult::Failed => "failed",
        };
        format!("; reported at {at}: it {result}")
    })
}
