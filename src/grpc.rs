//! gRPC: translates between the wire and the use-cases. No decisions.

pub mod deadline;
pub mod decode;
pub mod encode;
pub mod error;
pub mod page_token;
pub mod structs;
