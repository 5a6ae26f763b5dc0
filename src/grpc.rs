//! The gRPC services. They admit calls, convert messages with [`wire`](crate::wire), and call the use-cases. They make
//! no decisions.

mod access_service;
mod admin_service;
mod approval_service;
mod auth;
mod bearer;
mod caller_key;
pub mod codec;
mod connection_info;
pub mod deadline;
mod entry;
pub mod error;
mod in_flight;
mod limits;
mod policy_service;
mod request_body;
mod stream_limits;
mod unauthenticated_calls;

pub use access_service::AccessApi;
pub use admin_service::AdminApi;
pub use approval_service::ApprovalApi;
pub use auth::{Admission, Admitted, Guarded};
pub use connection_info::ConnectionInfo;
pub use entry::{Entered, Entry, no_such_service};
pub use in_flight::{Outgoing, Scope, metered};
pub use limits::CallLimits;
pub use policy_service::PolicyApi;
pub use stream_limits::{StreamPermit, Streams};
pub use unauthenticated_calls::{
    Bounded, Held, UnauthenticatedCall, UnauthenticatedCalls, UnauthenticatedPermit, health_call, reflection_call,
};
