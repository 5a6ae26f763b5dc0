use std::collections::HashMap;

use globset::{GlobSet, GlobSetBuilder};

use crate::domain::compile_glob;

/// Whether a glob is a plain name.
pub(super) fn is_literal(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

/// Whether matching a glob needs more than comparing the beginning or end of a name.
pub(super) fn is_costly(glob: &str) -> bool {
    let rest = glob.strip_suffix('*').or_else(|| glob.strip_prefix('*')).unwrap_or(glob);
    !is_literal(rest)
}

/// An index of globs with values: finds the values of a name without trying all globs.
#[derive(Debug, Default)]
pub(super) struct GlobIndex {
    exact: HashMap<Box<str>, Vec<u32>>,
    globs: GlobSet,
    /// The value of each glob in `globs`.
    meanings: Vec<u32>,
}

impl GlobIndex {
    /// Builds an index of [checked](check_glob) globs and their values, in ascending order of value.
    pub(super) fn new<'a>(globs: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Self, String> {
        let (mut exact, mut meanings) = (HashMap::<Box<str>, Vec<u32>>::new(), Vec::new());
        let mut builder = GlobSetBuilder::new();
        for (glob, meaning) in globs {
            if is_literal(glob) {
                let known = exact.entry(glob.into()).or_default();
                if known.last() != Some(&meaning) {
                    known.push(meaning);
                }
            } else {
                builder.add(compile_glob(glob).map_err(|error| error.to_string())?);
                meanings.push(meaning);
            }
        }
        let globs = builder.build().map_err(|error| format!("the globs are too complex in total: {error}"))?;
        Ok(Self { exact, globs, meanings })
    }

    /// The values of all globs that match a name, in ascending order.
    pub(super) fn find(&self, name: &str) -> Vec<u32> {
        let exact = self.exact.get(name).map_or(&[][..], Vec::as_slice);
        if self.meanings.is_empty() {
            return exact.to_vec();
        }
        let matched = self.globs.matches(name);
        let mut found: Vec<u32> =
            exact.iter().copied().chain(matched.into_iter().map(|glob| self.meanings[glob])).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a plain name is in the index, and not only a glob that matches it.
    pub(super) fn spells_out(&self, name: &str) -> bool {
        self.exact.contains_key(name)
    }

    /// Whether any glob matches a name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.exact.contains_key(name) || (!self.meanings.is_empty() && self.globs.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check_glob;

    #[test]
    fn names_are_found_by_all_their_globs() {
        let globs =
            [("pay", 0), ("sql.*", 1), ("*", 2), ("sql.drop", 2), ("fs/{read,list}", 3), ("p?y", 4), ("[x-z]*", 5)];
        let index = GlobIndex::new(globs).unwrap();
        for (name, meanings) in [
            ("pay", &[0, 2, 4][..]),
            ("sql.drop", &[1, 2]),
            ("sql.a/b", &[1, 2]),
            ("fs/read", &[2, 3]),
            ("fs/write", &[2]),
            ("zip", &[2, 5]),
            ("Pay", &[2]),
        ] {
            assert_eq!(index.find(name), meanings, "{name}");
        }
        let exact = GlobIndex::new([("a", 7), ("a", 9)]).unwrap();
        assert_eq!((exact.find("a"), exact.find("b")), (vec![7, 9], vec![]));
        assert!(exact.contains("a") && !exact.contains("b"));
        assert!(index.spells_out("pay") && index.contains("fs/read") && !index.spells_out("fs/read"));
        assert!(!GlobIndex::default().contains("a"));
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for glob in ["", "a[", "{a", "a{b,{c}", "[z-a]", "a\\"] {
            assert!(check_glob(glob).is_err(), "{glob}");
        }
        for glob in ["*", "a", "a.*", "{a,b}", "[!a]?", "a\\*"] {
            assert!(check_glob(glob).is_ok(), "{glob}");
        }
    }
}
