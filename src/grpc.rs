//! The wire: turns bytes into commands and results into bytes, and decides nothing.

mod access_service;
mod auth;
mod bearer;
mod caller_key;
pub mod codec;
mod connection_info;
pub mod deadline;
pub mod decode;
pub mod encode;
mod entry;
pub mod error;
mod flight;
pub mod page_token;
mod policy_service;
mod request_body;
mod service;
mod side_calls;
mod stream_limits;
pub mod structs;

pub use access_service::AccessApi;
pub use auth::{Admission, Admitted, Guarded};
pub use connection_info::ConnectionInfo;
pub use entry::{Entered, Entry, no_such_service};
pub use flight::{Outgoing, Scope, metered};
pub use policy_service::PolicyApi;
pub use service::ApprovalApi;
pub use side_calls::{Bounded, Held, SideCall, SideCalls, SidePermit, health_call, reflection_call};
