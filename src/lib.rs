//! Signoff, the approvals server for AI agents.

pub mod config;
pub mod proto;
