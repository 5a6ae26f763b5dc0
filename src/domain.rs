//! What may happen to an approval. Pure: no I/O, no clock, no runtime, no wire or storage types.
//!
//! An [`Approval`] is the fold of its [`Event`]s. [`step`] is the only way to make new ones: it looks at the deadline
//! first, then at the [`Command`], and returns the events to record together with what the commander is to be told.

mod actor;
mod apply;
mod approval;
mod arguments;
mod command;
mod event;
mod history;
mod ids;
pub mod limits;
pub mod name;
mod permission;
mod refusal;
mod requests;
mod requirement;
mod role;
mod schema;
mod schemas;
mod status;
mod time;
mod token;
mod transition;
mod verdict;
mod voting;

#[cfg(test)]
mod properties;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples;

pub use actor::{Actor, ActorKind};
pub use approval::{Agent, Approval, Claim, Decision, Outcome, Recorded, Request, Revocation, Vote};
pub use arguments::{Arguments, ArgumentsError, Digest, DigestError, canonical_json};
pub use command::{Claiming, Command, Deciding, Edit, Receipt, Reporting, Revoking, Seen};
pub use event::{Choice, Event, EventKind, ExecutionResult};
pub use history::ReplayError;
pub use ids::{ApprovalId, ClaimId, Revision, TokenId};
pub use permission::{DecidesFor, OutsideScope, Permission};
pub use refusal::Refusal;
pub use requests::{Cancellation, NewClaim, NewDecision, NewReport, NewRequest, NewRevocation};
pub use requirement::{Escalation, Panel, Priority, REVIEWER_MAX, Requirement, Reviewer, ReviewerError};
pub use role::Role;
pub use schema::{Schema, SchemaError};
pub use schemas::Schemas;
pub use status::Status;
pub use time::{LAST_TIME, Time, after, before, to_micros, truncate};
pub(crate) use time::{moment, optional_moment};
#[cfg(any(test, feature = "testing"))]
pub(crate) use token::samples as token_samples;
pub use token::{Grant, NewToken, Revoked, SecretHash, Token, TokenState};
pub use transition::{MAX_EDITS, MAX_VOTES, Step, request, step};
pub use verdict::{Effect, RuleOutcome, RuleTrace, Verdict};
