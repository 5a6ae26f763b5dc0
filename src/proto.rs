//! The wire: code generated from `proto/`, and its descriptors.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// Package `signoff.v1`.
#[allow(missing_docs, clippy::large_enum_variant, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("signoff.v1");
}

/// Encoded `google.protobuf.FileDescriptorSet` of everything in `proto/`, imports included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/signoff.bin"));

/// The same, linked, with the protos' comments.
pub(crate) static DESCRIPTORS: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("compiled in"));
