//! Proto ⇄ domain: decodes messages with every violation at once, encodes what is known, and decides nothing.
//!
//! Used by whatever reads or writes the API's messages: the gRPC services, policy files, the commands.

pub mod decode;
pub(crate) mod double;
pub mod encode;
pub mod enums;
pub(crate) mod field_path;
pub mod page_token;
pub mod structs;
mod violations;
