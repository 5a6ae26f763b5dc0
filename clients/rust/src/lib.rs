#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - [`Options`] and [`Client`]: the connection, and plain access to every call of the API in [`v1`].
//! - [`Call`], [`Client::run`] and [`Client::requires_approval`]: the gate around a function; [`Refusal`] is the reason
//! that it did not run.
//! - [`Client::ask`], [`Wait`], [`Client::claim`] and [`Permit`]: the gate's steps one by one.
//! - [`Handle`], [`Wait::handle`] and [`Client::resume`]: a call that another process runs.
//! - [`is_passing`] and [`Backoff`]: whether a failed call may be retried, and when; [`reason`] and [`code_name`]:
//!   why it failed.

#![expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]

mod answers;
mod approved;
mod arguments;
mod asking;
mod bearer;
mod call;
mod client;
mod code_name;
mod digest;
mod execution;
mod finished;
mod gate;
mod gated;
mod handle;
mod options;
mod passing;
mod refusal;
mod resume;
#[cfg(feature = "schemars")]
mod schema;
mod tls_problem;
mod unreachable;
mod wait;

pub use arguments::decode;
pub use bearer::Bearer;
pub use call::{Call, CallOption};
pub use client::{Client, Transport};
pub use code_name::code_name;
pub use digest::digest;
pub use gate::{GateError, Permit, Run, refusal_as_text};
pub use gated::Gated;
pub use handle::Handle;
pub use options::{ConnectError, DEFAULT_ADDRESS, Options};
pub use passing::{Backoff, is_passing, reason};
pub use refusal::{EarlierClaim, Kind, Refusal};
#[doc(hidden)]
pub use tls_problem::tls_problem;
pub use wait::{Step, Wait};
// Their types are in this crate's own.
pub use {prost_types, serde_json, tonic};

/// The API, generated from `proto/signoff/v1/`.
#[allow(missing_docs, clippy::large_enum_variant, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("signoff.v1");
}
