use super::{
    ApprovalId, Assurance, Claim, Decision, Digest, ExecutionResult, Frozen, MinAssurance, Outcome, Revision,
    Revocation, Status, Time,
};

/// Why a command was refused. The command itself recorded nothing.
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
    /// The arguments changed since the reviewer saw them.
    #[error("the arguments were edited since the reviewer saw them; read revision {revision} again, digest {digest}")]
    Stale {
        /// The approval's revision.
        revision: Revision,
        /// The approval's digest.
        digest: Digest,
    },
    /// This reviewer has already voted on these arguments.
    #[error("this reviewer has already voted on these arguments")]
    AlreadyVoted,
    /// The policy does not ask this reviewer.
    #[error("the policy does not ask this reviewer")]
    NotEligible,
    /// The vote would decide alone, and its credentials can name any voter.
    #[error("this caller's votes alone cannot approve; another reviewer must vote, or the caller needs decide_alone")]
    NeedsOthers,
    /// The voter was authenticated more weakly than the policy asks of approving votes.
    #[error(
        "the policy does not accept approvals with assurance {}, because its min_assurance is {}; the reviewer must \
         approve at the desk or with their own credentials, or reject", .assurance.name(), .needed.name()
    )]
    AssuranceTooLow {
        /// How the voter was authenticated.
        assurance: Assurance,
        /// The weakest authentication that the policy accepts.
        needed: MinAssurance,
    },
    /// A comment is missing.
    #[error("the policy requires a comment with every vote on this approval")]
    CommentRequired,
    /// Only the current arguments can be approved.
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
        /// The maximum.
        limit: u32,
    },
    /// Too many votes.
    #[error("too many votes: an approval can have at most {limit} on the same arguments")]
    TooManyVotes {
        /// The maximum.
        limit: u32,
    },
    /// The call is not approved.
    #[error("the call is {}; only an approved call can be claimed or revoked", .0.name())]
    NotApproved(Status),
    /// The digest is not the approved one.
    #[error("the digest is not the approved one, {approved}; run the approved arguments, or request approval again")]
    DigestMismatch {
        /// The approved digest.
        approved: Digest,
    },
    /// The claim window has closed.
    #[error("the claim window closed at {closed_at}")]
    ClaimWindowClosed {
        /// When it closed.
        closed_at: Time,
    },
    /// Claimed by another call, or by this one, and its claim window has closed or its outcome is reported.
    #[error("already claimed by {} at {}{}", .0.actor, .0.at, reported(.0))]
    AlreadyClaimed(Box<Claim>),
    /// The approval was revoked before it was claimed.
    #[error("the approval was revoked by {} at {}", .0.actor, .0.at)]
    Revoked(Box<Revocation>),
    /// An operator has frozen such calls.
    #[error("{} has frozen such calls; nothing was claimed; retry after the thaw", .0.actor)]
    Frozen(Box<Frozen>),
    /// This caller has no such claim.
    #[error("this approval has no such claim by this caller")]
    NotClaimed,
    /// The outcome is already reported.
    #[error("the outcome was already reported at {}", .0.at)]
    AlreadyReported(Box<Outcome>),
    /// The caller used the idempotency key for a different call.
    #[error("request_id was used before {}; use a new request_id for a new call", for_what(*field))]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The approval of the earlier call.
        approval: ApprovalId,
        /// The first field that differs, if both calls are requests.
        field: Option<RepeatedField>,
    },
    /// The request of this idempotency key was deleted. Its outcome is unknown.
    #[error("the approval of this request_id was deleted after `retain`; request approval again with a new request_id")]
    RequestForgotten {
        /// The key.
        request_id: String,
        /// When the key can be used again.
        until: Time,
    },
    /// The caller has too many pending approvals.
    #[error("too many pending approvals: at most {limit} are allowed per caller")]
    TooManyPending {
        /// The maximum.
        limit: u32,
    },
}

/// A field that a repetition must repeat. The caller is the same, because the request is found by caller and
/// `request_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatedField {
    /// The tool.
    ToolName,
    /// The requested arguments.
    Arguments,
    /// The person on whose behalf, as named by the caller or its credentials.
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

/// The earlier use of a `request_id`, as the middle of a sentence.
const fn for_what(field: Option<RepeatedField>) -> &'static str {
    match field {
        Some(RepeatedField::ToolName) => "with another tool_name",
        Some(RepeatedField::Arguments) => "with other arguments",
        Some(RepeatedField::OnBehalfOf) => "with another on_behalf_of, which the caller's token may set",
        None => "for a different call",
    }
}

/// The known outcome of a claimed call, as the end of a sentence.
fn reported(claim: &Claim) -> String {
    claim.outcome.as_ref().map_or_else(String::new, |Outcome { result, at, .. }| {
        let result = match result {
            ExecutionResult::Succeeded => "succeeded",
            ExecutionResult::Failed => "failed",
        };
        format!("; reported at {at}: it {result}")
    })
}
