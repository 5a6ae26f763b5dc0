//! The wire: code generated from `proto/`, and its descriptors.

/// Package `signoff.v1`.
#[allow(missing_docs, clippy::large_enum_variant, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("signoff.v1");
}

/// Encoded `google.protobuf.FileDescriptorSet` of everything in `proto/`, imports included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/signoff.bin"));
