//! What is wrong with a message: collected while it is read, all of it and not only the first.

/// Most violations that are kept; further ones are counted.
const KEPT: usize = 50;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub description: String,
}

/// Everything that is wrong with a request, at most 51: the last one then tells how many more there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has {} violations", .0.len())]
pub struct Violations(pub Vec<Violation>);

/// Collects violations.
#[derive(Debug, Default)]
pub(super) struct Checker {
    kept: Vec<Violation>,
    more: usize,
    /// Path of the message that is looked at, within the request; with a dot at its end, if it is not the request.
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

    /// How many were refused.
    pub(super) const fn count(&self) -> usize {
        self.kept.len() + self.more
    }

    /// Has `check` look at the message in `field`, whose fields it names without that.
    pub(super) fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.around.len();
        self.around.extend([field, "."]);
        let checked = check(self);
        self.around.truncate(length);
        checked
    }

    /// What `build` makes of the checked fields. It is not asked when anything was refused, and may only return `None`
    /// for a field that was.
    pub(super) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Violations> {
        if self.kept.is_empty()
            && let Some(built) = build()
        {
            return Ok(built);
        }
        Err(Violations(self.into_violations()))
    }

    /// Everything that was refused.
    pub(super) fn into_violations(mut self) -> Vec<Violation> {
        if self.more > 0 {
            self.kept.push(Violation { field: String::new(), description: format!("… and {} more", self.more) });
        }
        self.kept
    }
}
