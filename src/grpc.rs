//! The wire: turns bytes into commands and results into bytes, and decides nothing.

mod auth;
mod deadline;
mod decode;
mod encode;
mod error;
mod service;
mod streams;
mod structs;

pub use auth::Authenticate;
pub use service::ApprovalApi;
pub use streams::ConnectionInfo;
