//! Compiled patterns, shared by their source.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use super::pattern::Pattern;

/// Maximum memory of all patterns of a policy, in bytes. Also bounds the time to compile them, at most 0.3 µs per byte.
/// The cache has the same size, so it holds the patterns of the largest policy.
pub(in crate::policy) const PATTERNS_MAX: usize = 24 << 20;

static SHARED: LazyLock<Mutex<Cache>> = LazyLock::new(|| Mutex::new(Cache::new(PATTERNS_MAX)));

/// Returns a compiled pattern. A new version of a policy has mostly the same patterns, and its rules often share one.
/// Compiling each only once saves nearly all the time that compiling a policy takes.
///
/// # Errors
/// The pattern is invalid, or too complex.
pub(super) fn compiled(source: &str) -> Result<Arc<Pattern>, String> {
    let lock = || SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().get(source) {
        return Ok(known);
    }
    let new = Arc::new(Pattern::compile(source)?); // not under the lock: compiling can be slow
    lock().insert(source, &new);
    Ok(new)
}

/// Patterns by source, with bounded memory.
struct Cache {
    known: HashMap<Box<str>, Entry>,
    bytes: usize,
    bytes_max: usize,
    /// Counts uses, to find the least recently used patterns.
    clock: u64,
}

struct Entry {
    pattern: Arc<Pattern>,
    used: u64,
}

impl Cache {
    fn new(bytes_max: usize) -> Self {
        Self { known: HashMap::new(), bytes: 0, bytes_max, clock: 0 }
    }

    fn get(&mut self, source: &str) -> Option<Arc<Pattern>> {
        self.clock += 1;
        let entry = self.known.get_mut(source)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.pattern))
    }

    /// Adds a pattern. If the cache is full, removes the least recently used patterns up to a quarter of its size, so
    /// that it rarely sorts them.
    fn insert(&mut self, source: &str, pattern: &Arc<Pattern>) {
        self.clock += 1;
        let entry = Entry { pattern: Arc::clone(pattern), used: self.clock };
        self.bytes += pattern.bytes();
        if let Some(before) = self.known.insert(source.into(), entry) {
            self.bytes -= before.pattern.bytes(); // two threads compiled it
        }
        if self.bytes > self.bytes_max {
            let mut oldest: Vec<_> = self.known.iter().map(|(source, entry)| (entry.used, source.clone())).collect();
            oldest.sort_unstable();
            for (_, source) in oldest {
                if self.bytes <= self.bytes_max / 4 * 3 {
                    break;
                }
                self.bytes -= self.known.remove(&source).map_or(0, |entry| entry.pattern.bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_patterns_are_one() {
        let (one, other) = (compiled("^equal [a-z]+$").unwrap(), compiled("^equal [a-z]+$").unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        assert!(!Arc::ptr_eq(&one, &compiled("^equal [a-y]+$").unwrap()));
        assert!(compiled("(").is_err() && compiled("(").is_err(), "what is refused is refused again");
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let pattern = |n: usize| (format!("^{n}$"), Arc::new(Pattern::compile(&format!("^{n}$")).unwrap()));
        let size = pattern(0).1.bytes();
        let mut cache = Cache::new(8 * size);
        for n in 0..8 {
            let (source, pattern) = pattern(n);
            cache.insert(&source, &pattern);
            cache.insert(&source, &pattern); // again changes nothing
        }
        assert_eq!((cache.known.len(), cache.bytes), (8, 8 * size));
        assert!(cache.get("^0$").is_some());
        let (source, ninth) = pattern(8);
        cache.insert(&source, &ninth);
        assert_eq!((cache.known.len(), cache.bytes), (6, 6 * size));
        let kept: Vec<_> = (0..9).filter(|n| cache.get(&format!("^{n}$")).is_some()).collect();
        assert_eq!(kept, [0, 4, 5, 6, 7, 8]);
        assert_eq!(ninth.is_match("8"), Ok(true));
    }
}
