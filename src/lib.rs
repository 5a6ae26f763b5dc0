//! Signoff, the approvals server for AI agents.

pub mod cli;
pub mod proto;
