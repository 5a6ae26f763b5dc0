//! Compiles `proto/` without protoc, and keeps the descriptors for server reflection and `--json` output.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let services =
        ["access", "admin", "approval", "policy"].map(|service| format!("signoff/v1/{service}_service.proto"));
    let files = services.into_iter().chain(["signoff/v1/error.proto".to_owned()]);
    let descriptors = protox::compile(files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("signoff.bin"), descriptors.encode_to_vec())?;
    // Messages and clients come from the Rust client crate.
    tonic_prost_build::configure()
        .build_client(false)
        .codec_path("crate::grpc::codec::Protobuf")
        .extern_path(".signoff.v1", "::signoff_client::v1")
        .compile_fds(descriptors)?;
    Ok(())
}
