//! Compiles the protos without protoc.

/// Copies of the repository's protos, made by `cargo xtask gen`: the same in a checkout and in a package.
const DIRECTORY: &str = "proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={DIRECTORY}");
    let services =
        ["access", "admin", "approval", "policy"].map(|service| format!("signoff/v1/{service}_service.proto"));
    let files = services.into_iter().chain(["signoff/v1/error.proto".to_owned()]);
    let descriptors = protox::compile(files, [DIRECTORY])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
