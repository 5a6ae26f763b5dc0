//! The wire: turns bytes into commands and results into bytes, and decides nothing.

mod auth;
mod service;
mod streams;

pub use auth::Authenticate;
pub use service::ApprovalApi;
pub use streams::ConnectionInfo;
