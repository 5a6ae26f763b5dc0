//! Code generated from `proto/`, and its descriptors.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// Package `signoff.v1`: messages and clients from the Rust client crate, and the generated server traits.
#[allow(missing_docs, unreachable_pub)]
pub mod v1 {
    pub use signoff_client::v1::*;

    tonic::include_proto!("signoff.v1");
}

/// Encoded `google.protobuf.FileDescriptorSet` of everything in `proto/`, imports included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/signoff.bin"));

/// The parsed descriptors, with the comments of the protos.
pub(crate) static DESCRIPTORS: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("compiled in"));
