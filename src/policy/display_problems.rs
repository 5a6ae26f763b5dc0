//! Problems in what a policy says about showing approvals.

use std::collections::HashMap;

use super::{Document, argument_path::ArgumentPath, problems::Problems};

/// Maximum number of paths in a summary.
pub const SUMMARY_MAX: usize = 16;

/// Maximum number of paths to redact, in the policy and in each rule.
pub const REDACT_MAX: usize = 64;

/// Maximum number of common reasons to reject, in the policy and in each rule.
pub const REJECT_REASONS_MAX: usize = 16;

/// Longest common reason to reject, in characters.
pub const REJECT_REASON_MAX: usize = 128;

/// A valid path, and its place in the policy.
struct Placed<'a> {
    place: String,
    text: &'a str,
    path: ArgumentPath,
}

impl Problems {
    /// Checks the fields that say how approvals are shown.
    pub(super) fn display(&mut self, document: &Document) {
        let policy_summary = self.paths("summary", &document.summary, SUMMARY_MAX);
        let policy_redact = self.paths("redact", &document.redact, REDACT_MAX);
        self.reject_reasons("reject_reasons", &document.reject_reasons);
        for shown in &policy_summary {
            self.shows_redacted(shown, &policy_redact);
        }
        for (index, rule) in document.rules.iter().enumerate() {
            let path = |field: &str| format!("rules[{index}].{field}");
            let summary = self.paths(&path("summary"), &rule.summary, SUMMARY_MAX);
            let redact = self.paths(&path("redact"), &rule.redact, REDACT_MAX);
            self.reject_reasons(&path("reject_reasons"), &rule.reject_reasons);
            for shown in &summary {
                self.shows_redacted(shown, redact.iter().chain(&policy_redact));
            }
            if rule.summary.is_empty() {
                for hidden in &redact {
                    self.hides_shown(hidden, &policy_summary);
                }
            }
        }
    }

    /// The valid ones of the paths.
    fn paths<'a>(&mut self, place: &str, texts: &'a [String], max: usize) -> Vec<Placed<'a>> {
        if texts.len() > max {
            self.add(place, format!("has {} paths; at most {max} are allowed", texts.len()));
            return Vec::new();
        }
        let (mut seen, mut paths) = (HashMap::new(), Vec::with_capacity(texts.len()));
        for (index, text) in texts.iter().enumerate() {
            let at = format!("{place}[{index}]");
            match text.parse::<ArgumentPath>() {
                Err(error) => self.add(at, format!("the path {} {error}", shown(text))),
                Ok(path) => match seen.insert(path.clone(), index) {
                    Some(first) => self.add(at, format!("{} is a duplicate of {place}[{first}]", shown(text))),
                    None => paths.push(Placed { place: at, text, path }),
                },
            }
        }
        paths
    }

    fn shows_redacted<'a>(&mut self, shown: &Placed<'_>, redact: impl IntoIterator<Item = &'a Placed<'a>>) {
        if let Some(hidden) = redact.into_iter().find(|hidden| hidden.path.covers(&shown.path)) {
            let (text, Placed { place, text: by, .. }) = (shown.text, hidden);
            let message = format!("{text} is redacted by {place}, {by}; a summary cannot show redacted arguments");
            self.add(&*shown.place, message);
        }
    }

    fn hides_shown(&mut self, hidden: &Placed<'_>, policy_summary: &[Placed<'_>]) {
        if let Some(shown) = policy_summary.iter().find(|shown| hidden.path.covers(&shown.path)) {
            let Placed { place, text: of, .. } = shown;
            let message =
                format!("redacts {of}, which the policy's {place} shows; set a summary for this rule without it");
            self.add(&*hidden.place, message);
        }
    }

    fn reject_reasons(&mut self, place: &str, reasons: &[String]) {
        if reasons.len() > REJECT_REASONS_MAX {
            let message = format!("has {} reasons; at most {REJECT_REASONS_MAX} are allowed", reasons.len());
            self.add(place, message);
            return;
        }
        let mut seen = HashMap::new();
        for (index, reason) in reasons.iter().enumerate() {
            let at = format!("{place}[{index}]");
            let length = reason.chars().count();
            if reason.trim().is_empty() {
                self.add(at, format!("is empty; a reason has 1 to {REJECT_REASON_MAX} characters"));
            } else if length > REJECT_REASON_MAX {
                self.add(at, format!("has {length} characters; at most {REJECT_REASON_MAX} are allowed"));
            } else if let Some(c) = reason.chars().find(|c| c.is_control()) {
                self.add(at, format!("contains U+{:04X}; control characters are not allowed", u32::from(c)));
            } else if let Some(first) = seen.insert(reason, index) {
                self.add(at, format!("{reason:?} is a duplicate of {place}[{first}]"));
            }
        }
    }
}

/// A path in a message, shortened.
fn shown(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests;
