//! Compiles the protos without protoc.

/// Copies of the repository's protos, made by `cargo xtask gen`: the same in a checkout and in a package.
const DIRECTORY: &str = "proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={DIRECTORY}");
    let files = ["access_service.proto", "approval_service.proto", "policy_service.proto", "error.proto"]
        .map(|file| format!("signoff/v1/{file}"));
    let descriptors = protox::compile(files, [DIRECTORY])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
