//! Signoff, the approvals server for AI agents. An agent asks before it runs a sensitive tool. The policy or a person
//! decides. The agent runs the tool only after an approval, once, with exactly the approved arguments.
//!
//! Read [`domain`] first: it is pure, and holds all rules of an approval. Then, from the wire inwards:
//!
//! - [`server`] assembles everything and serves it on one port; [`grpc`] answers calls, [`desk`] has the pages for
//!   people. Neither makes decisions.
//! - [`wire`] converts between the API's messages and the domain, for calls, files and commands alike.
//! - [`approvals`], [`policies`], [`tokens`], [`sessions`], [`links`] and [`admin`] hold the use-cases: the only places where
//!   [`domain`], [`policy`], [`store`], [`identity`] and [`clock`] meet.
//! - [`control`] keeps tokens, sessions, blocks and the policy in memory equal to the store's, which other servers change.
//! - [`store`] keeps approvals durably; [`policy`] evaluates calls; [`identity`] says who is calling.
//! - [`export_file`] is the file of exports and backups.
//! - [`policy_file`] reads and writes policies as YAML, and reports every mistake with line and column.
//! - [`tls`] reloads certificates while the server runs, and provides the current one to new connections.
//! - [`notify`] sends messages about approvals: webhooks, e-mail, chat.
//! - [`workers`] run in the background: they time out approvals, delete old ones, and reload changed files.
//! - [`connections`] counts connections, and limits what unauthenticated ones can use.
//! - [`config`] and [`telemetry`] are for operators, and so is [`cli`], the `signoff` command.
//! - [`blocking_pool`] runs slow work, and shares its threads fairly between callers.
//! - [`proto`] is the generated code of the API. `proto/signoff/v1/` documents the API.
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
pub mod control;
pub mod desk;
pub mod domain;
pub mod export_file;
pub mod grpc;
pub mod identity;
mod ids;
pub mod links;
pub mod notify;
pub mod policies;
pub mod policy;
pub mod policy_file;
mod private_files;
pub mod proto;
pub mod server;
pub mod sessions;
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
