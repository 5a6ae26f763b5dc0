//! Signoff, the approvals server for AI agents.

pub mod proto;
pub mod telemetry;
