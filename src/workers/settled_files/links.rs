use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

/// Maximum number of links to follow, as in Linux.
const LINKS_MAX: usize = 40;

/// All names that determine what a path leads to: each link on the way and the file itself, with their directories.
///
/// A Kubernetes `ConfigMap` is a link to a file below `..data`, which is itself a link to a directory that is replaced
/// as a whole.
pub(super) fn names(path: &Path) -> Vec<(PathBuf, OsString)> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let mut ahead: VecDeque<OsString> = parts(&path);
    let (mut at, mut names, mut links) = (PathBuf::from("/"), Vec::new(), 0);
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let here = at.join(&name);
        match std::fs::read_link(&here) {
            Ok(target) if links < LINKS_MAX => {
                links += 1;
                names.push((at.clone(), name));
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                for part in parts(&target).into_iter().rev() {
                    ahead.push_front(part);
                }
            }
            _ => {
                if ahead.is_empty() {
                    names.push((at.clone(), name));
                }
                at = here;
            }
        }
    }
    names
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn every_link_on_the_way_counts() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("mount/..v1")).unwrap();
        fs::write(root.join("mount/..v1/policy.yaml"), "").unwrap();
        symlink("..v1", root.join("mount/..data")).unwrap();
        symlink("..data/policy.yaml", root.join("mount/policy.yaml")).unwrap();
        symlink(root.join("mount"), root.join("etc")).unwrap();
        let found: Vec<_> = names(&root.join("etc/../etc/./policy.yaml"))
            .into_iter()
            .map(|(at, name)| at.strip_prefix(&root).unwrap().join(name))
            .collect();
        // The first `etc` is a link too, and `..` leads out of its target.
        let expected = ["etc", "etc", "mount/policy.yaml", "mount/..data", "mount/..v1/policy.yaml"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn links_in_a_circle_end() {
        let directory = tempfile::tempdir().unwrap();
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        assert!(names(&directory.path().join("a")).len() <= LINKS_MAX + 8);
        let missing = names(&directory.path().join("no/such/file"));
        assert_eq!(missing.last().unwrap().1, "file");
    }
}
