//! Compiles the protos without protoc.

use std::path::Path;

/// Where the protos may be: in a checkout of the repository its own, in a package the copies that `cargo xtask gen` makes.
const DIRECTORIES: [&str; 2] = ["../../proto", "proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let found = DIRECTORIES.into_iter().find(|directory| Path::new(directory).join("signoff/v1").is_dir());
    let directory = found.ok_or("neither a checkout nor a package: the protos are missing")?;
    println!("cargo:rerun-if-changed={directory}");
    let files = ["access_service.proto", "approval_service.proto", "policy_service.proto", "error.proto"]
        .map(|file| format!("signoff/v1/{file}"));
    let descriptors = protox::compile(files, [directory])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
