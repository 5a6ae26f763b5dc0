//! `cargo xtask tracked`: no large file is tracked, as every clone would carry it for good.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::step::{Step, root};
use crate::tools;

/// Most bytes of a tracked file: 1 MiB.
const BYTES_MAX: u64 = 1 << 20;

/// Fails with every tracked file that is too large.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let [first, ..] = args {
        return Err(Failure::Usage(format!("`tracked` takes no arguments, not `{first}`")));
    }
    tools::ensure(tools::GIT)?;
    let names = Step::new(&[], "git ls-files -z").output()?;
    let problems = too_large(root(), names.split_terminator('\0'))?;
    if problems.is_empty() { Ok(()) } else { Err(Failure::Problems("tracked files are too large", problems)) }
}

/// Names every file under `root` that is too large. One that is deleted but still tracked is not there to be measured.
fn too_large<'a>(root: &Path, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for name in names {
        match fs::symlink_metadata(root.join(name)) {
            Ok(found) if found.len() > BYTES_MAX => {
                problems.push(format!("{name}: {} bytes. Allowed: {BYTES_MAX}. Remove it from git.", found.len()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::File(name.into(), error)),
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_named_and_one_at_the_limit_is_not() {
        let root = std::env::temp_dir().join(format!("xtask-tracked-{}", std::process::id()));
        fs::create_dir_all(&root).expect("a directory");
        for (name, bytes) in [("at.bin", BYTES_MAX), ("over.bin", BYTES_MAX + 1)] {
            fs::File::create(root.join(name)).and_then(|file| file.set_len(bytes)).expect("a file");
        }
        let problems = too_large(&root, ["at.bin", "over.bin", "deleted.bin"].into_iter()).expect("measures");
        assert_eq!(problems, ["over.bin: 1048577 bytes. Allowed: 1048576. Remove it from git."]);
        fs::remove_dir_all(root).expect("removes");
    }
}
