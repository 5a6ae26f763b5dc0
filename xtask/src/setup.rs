//! `cargo xtask setup`: every tool that a check or a test needs. The other commands do the same for what they need.

use crate::clients::CLIENTS;
use crate::failure::Failure;
use crate::tools::{self, Tool};

/// Installs the tools that are missing.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let [first, ..] = args {
        return Err(Failure::Usage(format!("`setup` takes no arguments, not `{first}`")));
    }
    let found = tools::ensure(tools())?;
    println!("setup: all tools work: {}", found.join(", "));
    Ok(())
}

/// The tools of all commands.
pub(crate) fn tools() -> impl Iterator<Item = &'static Tool> {
    let own = [
        tools::GIT,
        tools::RUST,
        tools::BUF,
        tools::CARGO_DENY,
        tools::CXX,
        tools::CHROMIUM,
        tools::SMTP,
        tools::POSTGRESQL,
    ];
    // The Node.js of the server's and the desk's tests is that of a client too.
    own.into_iter().chain([tools::DEPLOY]).chain(CLIENTS.iter().map(|client| client.tools)).flatten()
}
