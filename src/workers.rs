//! Reconcilers: look at the store, do what is due, sleep until the next moment or a nudge. They take no input, so that
//! a restart is simply the first pass.
//!
//! A notification channel will be one: it pages through [`ChangeFeed`](crate::store::ChangeFeed) with a durable cursor,
//! reads each approval that changed, and sends. `Server::start` starts the workers.

mod expirer;
mod policy_file;
mod pruner;
mod settled_files;
mod tls_files;
mod token_uses;

pub use expirer::expire;
pub use policy_file::{PolicyFile, follow_policy_file, read_policy_file, settled_policy_file};
pub use pruner::prune;
pub use settled_files::{SettledFiles, WatchedFiles};
pub use tls_files::{follow_tls_files, settled_tls_files};
pub use token_uses::keep_token_uses;

use std::time::Duration;

/// How long a worker rests after an error that may pass.
const RETRY_DELAY: Duration = Duration::from_secs(1);
