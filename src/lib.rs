//! Signoff, the approvals server for AI agents.

pub mod approvals;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod proto;
pub mod store;
