//! The wire: turns bytes into commands and results into bytes, and decides nothing.

mod access_service;
mod auth;
mod bearer;
pub mod deadline;
pub mod decode;
pub mod encode;
pub mod error;
pub mod page_token;
mod policy_service;
mod service;
mod streams;
pub mod structs;

pub use access_service::AccessApi;
pub use auth::{Admission, Admitted, Guarded};
pub use policy_service::PolicyApi;
pub use service::ApprovalApi;
pub use streams::ConnectionInfo;
