//! Copies of files that a package must hold and that are kept elsewhere. Symbolic links would be shorter, but a
//! checkout on Windows makes text files of them.

use std::fs;
use std::path::Path;

use super::Output;
use super::stubs::collect;
use crate::failure::Failure;

/// The protos, which the Rust client's package compiles.
const PROTOS: (&str, &str) = ("proto", "clients/rust/proto");

/// The licence, in every package whose own tools do not fetch it.
const LICENSE: (&str, [&str; 3]) =
    ("LICENSE", ["clients/go/LICENSE", "clients/python/LICENSE", "clients/rust/LICENSE"]);

/// The copies, as their originals are now.
pub(super) fn outputs(root: &Path) -> Result<Vec<Output>, Failure> {
    let mut outputs = Vec::new();
    let (from, to) = PROTOS;
    collect(&root.join(from), Path::new(to), &mut outputs)?;
    let (from, copies) = LICENSE;
    let contents = fs::read_to_string(root.join(from)).map_err(|error| Failure::File(from.into(), error))?;
    outputs.extend(copies.map(|path| Output { path: path.into(), contents: contents.clone() }));
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::root;

    #[test]
    fn every_copy_is_like_its_original() {
        super::super::settle(root(), outputs(root()).expect("reads"), true).expect("`cargo xtask gen` was run");
    }
}
