//! The use-cases: the only place where domain, policy, store and clock meet.

mod error;
mod requests;

pub use error::Error;
pub use requests::{Cancellation, NewClaim, NewDecision, NewReport, NewRequest};
