//! Violations: everything that is wrong with a message, collected while it is decoded.

/// Maximum number of kept violations. Further ones are counted.
const KEPT: usize = 50;

/// A violation in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub description: String,
}

/// The violations of a request, at most 51. The last one can be a count of those that are omitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has {} violations", .0.len())]
pub struct Violations(pub Vec<Violation>);

/// Collects violations.
#[derive(Debug, Default)]
pub(super) struct Checker {
    kept: Vec<Violation>,
    more: usize,
    /// Path of the current message within the request, with a final dot. Empty for the request itself.
    around: String,
}

impl Checker {
    pub(super) fn refuse(&mut self, field: &str, description: impl Into<String>) {
        if self.kept.len() < KEPT {
            self.kept.push(Violation { field: format!("{}{field}", self.around), description: description.into() });
        } else {
            self.more += 1;
        }
    }

    /// Number of violations so far.
    pub(super) const fn count(&self) -> usize {
        self.kept.len() + self.more
    }

    /// Runs `check` on the message in `field`. Paths inside are relative to it.
    pub(super) fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.around.len();
        self.around.extend([field, "."]);
        let checked = check(self);
        self.around.truncate(length);
        checked
    }

    /// Returns what `build` makes of the valid fields. `build` is only called without violations, and may return `None`
    /// only for fields that have one.
    pub(super) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Violations> {
        if self.kept.is_empty()
            && let Some(built) = build()
        {
            return Ok(built);
        }
        Err(Violations(self.into_violations()))
    }

    /// All violations.
    pub(super) fn into_violations(mut self) -> Vec<Violation> {
        if self.more > 0 {
            self.kept.push(Violation { field: String::new(), description: format!("… and {} more", self.more) });
        }
        self.kept
    }
}
