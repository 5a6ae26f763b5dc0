//! `cargo xtask breaking`: the protos break nothing that the last release has.

use crate::failure::Failure;
use crate::step::Step;
use crate::tools;

/// Compares `proto/` with the last tag; without one, says so and succeeds.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let [first, ..] = args {
        return Err(Failure::Usage(format!("`breaking` takes no arguments, not `{first}`")));
    }
    tools::ensure(tools::GIT.iter().chain(tools::BUF))?;
    let tags = Step::new(&[], "git tag --list v* --merged HEAD --sort=-version:refname").output()?;
    let Some(tag) = last_release(&tags) else {
        println!("breaking: skipped, no release is tagged");
        return Ok(());
    };
    // In a worktree `.git` is only a file.
    let repository = Step::new(&[], "git rev-parse --path-format=absolute --git-common-dir").output()?;
    Step::new(&[], "buf breaking").args(&["--against".to_owned(), against(&repository, tag)]).run()
}

/// The newest of `tags`, which come newest first. A pre-release such as `v1.0.0-rc.1` promises nothing.
fn last_release(tags: &str) -> Option<&str> {
    tags.lines().find(|tag| !tag.contains('-'))
}

/// How buf names a tag of a repository on this machine.
fn against(repository: &str, tag: &str) -> String {
    format!("{}#format=git,tag={tag}", repository.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_tag_that_is_a_release_counts() {
        assert_eq!(last_release("v1.10.0-rc.1\nv1.9.0\nv1.8.0\n"), Some("v1.9.0"));
        assert_eq!(last_release("v1.0.0-rc.1\n"), None);
        assert_eq!(last_release(""), None);
    }

    #[test]
    fn buf_is_given_the_repository_and_the_tag() {
        assert_eq!(against("/work/signoff/.git\n", "v1.9.0"), "/work/signoff/.git#format=git,tag=v1.9.0");
    }
}
