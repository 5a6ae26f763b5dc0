//! Signoff, the approvals server for AI agents: an agent asks before it runs a sensitive tool; policy or a person
//! decides; the agent runs the tool only with a yes, once, with exactly the arguments that were approved.
//!
//! Read [`domain`] first: what may happen to an approval, pure and whole. Then, from the wire inwards:
//!
//! - [`server`] puts everything together and serves it on one port; [`grpc`] answers calls, and decides nothing.
//! - [`wire`] translates between the API's messages and the domain, for calls, files and commands alike.
//! - [`approvals`], [`policies`], [`tokens`] and [`admin`] have the use-cases, side by side: the only places where
//!   [`domain`], [`policy`], [`store`], [`identity`] and [`clock`] meet.
//! - [`store`] keeps approvals durably; [`policy`] judges calls; [`identity`] says who is calling.
//! - [`policy_file`] reads and writes policies as people keep them: YAML, with every mistake at its place.
//! - [`tls`] holds what new connections get of certificates that are replaced while it runs.
//! - [`workers`] do what is due: time-outs, forgetting what is old, and taking what files hold.
//! - [`connections`] counts who is connected, and bounds what strangers can hold.
//! - [`config`] and [`telemetry`] are for operators, and so is [`cli`], the `signoff` command.
//! - [`blocking_pool`] does work that takes long, where callers take turns.
//! - [`proto`] is the generated code of the API, whose documentation is `proto/signoff/v1/`.
//!
//! ARCHITECTURE.md follows a request, a decision and a timeout through them.

pub mod admin;
pub mod approvals;
pub mod blocking_pool;
mod bounded_file;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod domain;
pub mod grpc;
pub mod identity;
mod ids;
pub mod policies;
pub mod policy;
pub mod policy_file;
mod private_files;
pub mod proto;
pub mod server;
mod spelling;
pub mod store;
pub mod telemetry;
#[cfg(test)]
mod test_support;
pub mod tls;
pub mod tokens;
mod unicode;
pub mod wire;
pub mod workers;
