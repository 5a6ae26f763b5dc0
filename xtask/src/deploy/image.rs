//! The container image: built as `deploy/Dockerfile` does, without Docker, and started.

use std::env;

use crate::failure::Failure;
use crate::step::{Step, root};

const TAG: &str = "localhost/signoff:checked";

/// Builds the image and starts it. Compiling the server takes minutes.
pub(super) fn check() -> Result<(), Failure> {
    Step::new(&[], "bash deploy/release/build").run()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let binary = target.join("dist/signoff").display().to_string();
    Step::new(&[], "bash deploy/image/build").args(&[binary, TAG.to_owned()]).run()?;
    Step::new(&[], "bash deploy/image/test").args(&[TAG.to_owned()]).run()
}
