//! The services: admits calls, has [`wire`](crate::wire) translate, asks the use-cases, and decides nothing.

mod access_service;
mod auth;
mod bearer;
mod caller_key;
pub mod codec;
mod connection_info;
pub mod deadline;
mod entry;
pub mod error;
mod flight;
mod limits;
mod policy_service;
mod request_body;
mod service;
mod side_calls;
mod stream_limits;

pub use access_service::AccessApi;
pub use auth::{Admission, Admitted, Guarded};
pub use connection_info::ConnectionInfo;
pub use entry::{Entered, Entry, no_such_service};
pub use flight::{Outgoing, Scope, metered};
pub use limits::CallLimits;
pub use policy_service::PolicyApi;
pub use service::ApprovalApi;
pub use side_calls::{Bounded, Held, SideCall, SideCalls, SidePermit, health_call, reflection_call};
