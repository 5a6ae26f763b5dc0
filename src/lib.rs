//! Signoff, the approvals server for AI agents.

pub mod domain;
pub mod proto;
pub mod store;
