//! Reconcilers. Each reads the store, does what is due, and sleeps until the next time or a change. They take no input,
//! and keep no state that matters: a restart is simply the first pass, and a lost wake-up only delays a pass.
//!
//! `Server::start` starts them. The workers of notifications are the same kind of thing, in `notify/dispatcher`.

mod expirer;
mod policy_file;
mod pruner;
mod sessions;
mod settled_files;
mod tls_files;
mod token_uses;

pub use expirer::expire;
pub use policy_file::{PolicyFile, follow_policy_file, read_policy_file, settled_policy_file};
pub use pruner::prune;
pub use sessions::tidy_sessions;
pub use settled_files::{SettledFiles, WatchedFiles};
pub use tls_files::{follow_tls_files, settled_tls_files};
pub use token_uses::keep_token_uses;

use std::time::Duration;

/// Delay before a retry after an error that may be temporary.
const RETRY_DELAY: Duration = Duration::from_secs(1);
