//! `cargo xtask gen`: the committed files, or parts of files, that are made from something else.

mod block;
mod copies;
mod layers_map;
mod policy_schemas;
mod stubs;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use crate::clients::CLIENTS;
use crate::failure::Failure;
use crate::step::root;
use crate::tools;

/// Makes one or more files from their source, given the root of the repository.
type Generator = fn(&Path) -> Result<Vec<Output>, Failure>;

/// Everything that is generated and committed: what it is, and what makes it.
const GENERATORS: &[(&str, Generator)] = &[
    ("copies for packages", copies::outputs),
    ("map of the layers", layers_map::outputs),
    ("tables of the documentation", tables::outputs),
    ("schemas of policy files", policy_schemas::outputs),
    ("stubs of the clients", stubs::outputs),
];

/// A file as it should be.
#[derive(Debug)]
struct Output {
    /// Relative to the root of the repository.
    path: PathBuf,
    contents: String,
}

/// Writes every generated file that is not up to date; with `--check`, writes none and fails if there is any.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        other => return Err(Failure::Usage(format!("`gen` takes only `--check`, not `{}`", other.join(" ")))),
    };
    let clients = CLIENTS.iter().filter(|client| client.commits_stubs);
    tools::ensure(clients.flat_map(|client| client.tools).chain(tools::BUF))?;
    let mut outputs = Vec::new();
    for (name, generate) in GENERATORS {
        println!("gen: {name}");
        outputs.extend(generate(root())?);
    }
    settle(root(), outputs, check)
}

/// Compares `outputs` with what is under `root`, and writes the ones that differ or, to `check`, names them.
fn settle(root: &Path, outputs: Vec<Output>, check: bool) -> Result<(), Failure> {
    let differing: Vec<Output> = outputs
        .into_iter()
        .filter(|output| fs::read(root.join(&output.path)).ok().as_deref() != Some(output.contents.as_bytes()))
        .collect();
    if check {
        let paths: Vec<PathBuf> = differing.into_iter().map(|output| output.path).collect();
        return if paths.is_empty() { Ok(()) } else { Err(Failure::OutOfDate(paths)) };
    }
    for output in differing {
        let path = root.join(&output.path);
        let failed = |error| Failure::File(output.path.clone(), error);
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        fs::write(&path, &output.contents).map_err(failed)?;
        println!("gen: wrote {}", output.path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> Vec<Output> {
        let output = |path: &str, contents: &str| Output { path: path.into(), contents: contents.into() };
        vec![output("same.txt", "same\n"), output("old.txt", "new\n"), output("deep/missing.txt", "new\n")]
    }

    #[test]
    fn check_names_what_differs_and_writes_nothing_then_writing_makes_it_pass() {
        let root = std::env::temp_dir().join(format!("xtask-settle-{}", std::process::id()));
        fs::create_dir_all(&root).expect("a directory");
        fs::write(root.join("same.txt"), "same\n").expect("a file");
        fs::write(root.join("old.txt"), "old\n").expect("a file");

        let failure = settle(&root, outputs(), true).expect_err("two differ");
        let Failure::OutOfDate(paths) = failure else { panic!("{failure}") };
        assert_eq!(paths, [Path::new("old.txt"), Path::new("deep/missing.txt")]);
        assert_eq!(fs::read_to_string(root.join("old.txt")).expect("a file"), "old\n");

        settle(&root, outputs(), false).expect("writes");
        settle(&root, outputs(), true).expect("nothing differs any more");
        assert_eq!(fs::read_to_string(root.join("deep/missing.txt")).expect("a file"), "new\n");
        fs::remove_dir_all(root).expect("removes");
    }
}
