//! The archive of a release: it has everything that a package needs, and one version.

use std::env;

use crate::failure::Failure;
use crate::step::{Step, root};

const DIRECTORY: &str = "target/deploy/release";

/// Files of which an archive without them would be incomplete.
const FILES: [&str; 9] = [
    "bin/signoff",
    "lib/systemd/system/signoff.service",
    "lib/sysusers.d/signoff.conf",
    "share/bash-completion/completions/signoff",
    "share/doc/signoff/LICENSE",
    "share/doc/signoff/signoff.toml",
    "share/fish/vendor_completions.d/signoff.fish",
    "share/man/man1/signoff-token-create.1",
    "share/zsh/site-functions/_signoff",
];

/// Packs the program that was built beside this one, and looks at what is in the archive.
pub(super) fn check() -> Result<(), Failure> {
    let here = env::current_exe().map_err(|error| Failure::File("xtask".into(), error))?;
    let binary = here.with_file_name("signoff").display().to_string();
    let args = [binary, "checked".to_owned(), root().join(DIRECTORY).display().to_string()];
    let archive = Step::new(&[], "bash deploy/release/archive").args(&args).output()?;
    let listed = Step::new(&[], "tar --list --gzip --file").args(&[archive.trim().to_owned()]).output()?;
    let missing = missing(&listed);
    if missing.is_empty() { Ok(()) } else { Err(Failure::Problems("the archive has no", missing)) }
}

/// The files that a list of `NAME/FILE` lines lacks.
fn missing(listed: &str) -> Vec<String> {
    let has = |file: &str| listed.lines().any(|line| line.split_once('/').is_some_and(|(_, path)| path == file));
    FILES.iter().filter(|file| !has(file)).map(|file| (*file).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let mut lines: Vec<_> = FILES.iter().map(|file| format!("signoff-1.2.3-linux/{file}")).collect();
        assert_eq!(missing(&lines.join("\n")), Vec::<String>::new());
        lines[0].push_str(".old");
        assert_eq!(missing(&lines.join("\n")), [FILES[0]]);
    }
}
