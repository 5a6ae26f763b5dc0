//! The rules of an approval. Pure: no I/O, no clock, no runtime, no wire or storage types.
//!
//! An [`Approval`] is the fold of its [`Event`]s. [`step`] is the only function that makes new ones: it checks the
//! deadline first, then the [`Command`], and returns the events to record and the answer for the caller.

mod actor;
mod apply;
mod approval;
mod arguments;
mod block;
mod blocks;
mod channel_name;
mod channel_summary;
mod command;
mod event;
mod freeze;
mod freezes;
mod history;
mod ids;
mod lane;
pub mod limits;
pub mod name;
mod notification;
mod notified_channels;
mod permission;
mod provenance;
mod public_url;
mod refusal;
mod remembered_rejection;
mod repetition;
mod requests;
mod requirement;
mod role;
mod routes;
mod schema;
mod schemas;
mod server_status;
mod session;
mod signing_key;
mod status;
mod time;
mod token;
mod told;
mod tool_glob;
mod transition;
mod verdict;
mod voting;

#[cfg(test)]
mod properties;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples;

pub use actor::{Actor, ActorKind};
pub(crate) use approval::may_notify;
pub use approval::{Agent, Approval, Claim, Decision, Outcome, Recorded, Request, Revocation, Vote};
pub use arguments::{Arguments, ArgumentsError, Digest, DigestError, canonical_json, is_inexact};
#[cfg(any(test, feature = "testing"))]
pub(crate) use block::samples as block_samples;
pub use block::{Block, BlockError, NewBlock, NewUnblock, SubjectName, Unblocked};
pub use blocks::{BLOCKS_MAX, BlockChanges, Blocks, ImportedBlocks};
pub use channel_name::{CHANNEL_NAME_MAX, ChannelName, ChannelNameError};
pub use channel_summary::{ChannelSummary, ListedDelivery};
pub use command::{Claiming, Command, Deciding, Edit, Receipt, Reporting, Revoking, Seen};
pub use event::{Choice, Event, EventKind, ExecutionResult};
#[cfg(any(test, feature = "testing"))]
pub(crate) use freeze::samples as freeze_samples;
pub use freeze::{Freeze, FreezeError, FreezeScope, Frozen, NewFreeze, NewThaw, Thawed};
pub use freezes::{FREEZE_RULE, FREEZES_MAX, FreezeChanges, Freezes, ImportedFreezes};
pub use history::ReplayError;
pub use ids::{ApprovalId, BlockId, ClaimId, FreezeId, Revision, SessionId, TokenId};
pub use lane::{CHANNEL_STATE_MAX, ChannelState, DELIVERY_ERROR_MAX, Delivery, LANE_DELIVERIES_MAX, Lane, Settlement};
pub use notification::{DeliveryId, DeliveryIdError, NotificationKind};
pub use notified_channels::NotifiedChannels;
pub use permission::{DecidesFor, OutsideScope, Permission};
pub use provenance::{Assurance, MinAssurance, OpenedError, Provenance, Surface, bounded_opened, check_opened};
pub use public_url::{PublicUrl, PublicUrlError, host_value};
pub use refusal::{Refusal, RepeatedField};
pub use remembered_rejection::REMEMBERED_REJECTION_RULE;
pub use repetition::Repetition;
pub use requests::{Cancellation, NewClaim, NewDecision, NewReport, NewRequest, NewRevocation};
pub use requirement::{Escalation, Panel, Priority, REVIEWER_MAX, Requirement, Reviewer, ReviewerError};
pub use role::Role;
pub use routes::{Routes, Subscription};
pub use schema::{Schema, SchemaError};
pub use schemas::{KnownSchema, Schemas};
pub use server_status::ServerStatus;
#[cfg(any(test, feature = "testing"))]
pub(crate) use session::samples as session_samples;
pub use session::{Ended, SESSION_MAX, Session, SessionScope, SessionState, SignIn};
pub use signing_key::{KeyPurpose, SigningKey};
pub use status::Status;
pub use time::{LAST_TIME, Time, after, before, duration_text, to_micros, truncate};
pub(crate) use time::{moment, optional_moment};
#[cfg(any(test, feature = "testing"))]
pub(crate) use token::samples as token_samples;
pub use token::{Grant, NewToken, Revoked, SecretHash, Token, TokenState};
pub use tool_glob::{GLOB_MAX, ToolGlob, check_glob, compile_glob};
pub use transition::{MAX_EDITS, MAX_VOTES, Step, request, step, step_unless_frozen};
pub use verdict::{Effect, RememberedRejection, RuleOutcome, RuleTrace, Verdict};
