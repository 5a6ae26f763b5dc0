//! Converts between proto messages and the domain. Decoding reports every violation. No decisions are made here.
//!
//! Used by everything that reads or writes the API's messages: the gRPC services, policy files, the commands.

pub mod decode;
pub(crate) mod double;
pub mod encode;
pub mod enums;
pub(crate) mod field_path;
pub mod page_token;
pub mod structs;
mod violations;
