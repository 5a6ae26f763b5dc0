//! Forms that can be shown again: with what the person entered, and what was wrong with it.

use axum::http::StatusCode;

use super::{csrf, error::Failed, submitted::Submitted, viewer::Viewer};
use crate::wire::decode::{Violation, Violations};

/// The field that says which step of a form was submitted.
pub(super) const STEP: &str = "step";

/// The field with the idempotency key of a form: submitting it twice does one thing.
pub(super) const KEY: &str = "key";

/// A form with its content.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The token of the session's forms.
    pub(super) csrf: String,
    /// A new idempotency key.
    pub(super) key: String,
    fields: Vec<(String, String)>,
    problems: Vec<Problem>,
}

/// What is wrong with a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The field; empty if it is the form as a whole.
    pub(super) field: String,
    /// What is wrong, and what is allowed.
    pub(super) text: String,
}

/// What a submitted form asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Check the input, and show what would happen.
    Check,
    /// Show the form again, to change the input.
    Edit,
    /// Do it.
    Do,
}

impl Step {
    /// The step of a form. Without one, nothing is done.
    pub(super) fn of(submitted: &Submitted) -> Self {
        match submitted.field(STEP) {
            "do" => Self::Do,
            "edit" => Self::Edit,
            _ => Self::Check,
        }
    }
}

impl Form {
    /// A form with default values.
    pub(super) fn new(viewer: &Viewer, defaults: &[(&str, &str)]) -> Self {
        let fields = defaults.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (csrf, key) = (viewer.csrf.to_string(), uuid::Uuid::new_v4().to_string());
        Self { csrf, key, fields, problems: Vec::new() }
    }

    /// A form as it was submitted.
    pub(super) fn of(submitted: &Submitted) -> Self {
        let own = |name: &str| ![csrf::FIELD, STEP, KEY].contains(&name);
        let fields = submitted.fields().iter().filter(|(name, _)| own(name)).cloned().collect();
        Self { fields, ..Self::new(&submitted.viewer, &[]) }
    }

    /// The value of a field; empty if it is missing.
    pub(super) fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// Whether a field has this value: of several check boxes with one name, each has its own.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.fields.iter().any(|(field, found)| field == name && found == value)
    }

    /// The fields, to carry them on to the next step.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Sets a field.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// Everything that is wrong.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is wrong with a field.
    pub(super) fn problem(&self, name: &str) -> Option<&str> {
        self.problems.iter().find(|problem| problem.field == name).map(|problem| problem.text.as_str())
    }

    /// Adds a problem.
    pub(super) fn refuse(&mut self, field: &str, text: impl Into<String>) {
        self.problems.push(Problem { field: field.to_owned(), text: text.into() });
    }

    /// Adds the violations of a decoded message. `place` maps the path of a message's field to the form's field and
    /// its label.
    pub(super) fn refuse_all(&mut self, violations: Violations, place: impl Fn(&str) -> (&'static str, &'static str)) {
        for Violation { field, description } in violations.0 {
            match place(&field) {
                ("", _) => self.refuse("", format!("{field}: {description}")),
                (name, label) => self.refuse(name, format!("{label}: {description}")),
            }
        }
    }

    /// Adds what a use-case reported, and returns the status of the page that shows the form again.
    ///
    /// # Errors
    /// When the person has to sign in, or the server failed: the form cannot help.
    pub(super) fn failed(&mut self, error: impl Into<Failed>) -> Result<StatusCode, Failed> {
        match error.into() {
            Failed::Page { status, message, problems, .. } if status.is_client_error() => {
                self.refuse("", message);
                problems.into_iter().for_each(|problem| self.refuse("", problem));
                Ok(status)
            }
            failed => Err(failed),
        }
    }
}

/// The lines of a text field, without blanks around them, and without empty ones.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
