//! JSON Schemas of arguments. Callers provide them, so they are not trusted.
//!
//! The validator follows references when it compiles and when it validates, so a small schema can overflow the stack or
//! run for an hour. `measure` therefore walks the schema as a graph first, and rejects such schemas: the library sees
//! only schemas that are finite, shallow and small with all references expanded.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

mod measure;

use measure::{MAX_LEVELS, MAX_NODES, MAX_PATTERNS, Measure};

/// Maximum number of reported violations.
const MAX_VIOLATIONS: usize = 20;

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 128 * 1024;
/// Maximum of (values in the expanded schema × values in the arguments). Bounds the time of a check.
const MAX_COMPARISONS: u64 = 20_000_000;
/// Like `MAX_COMPARISONS`, for a list of all violations: the library collects all of them before it returns the first.
const MAX_LISTED: u64 = 100_000;
/// Maximum of (patterns in the expanded schema × bytes of text in the arguments). Bounds the time of a check.
const MAX_MATCHING: u64 = 2_000_000;
/// Like `MAX_COMPARISONS` and `MAX_MATCHING`, for checks that are faster than a switch to another thread: far below a
/// millisecond.
const QUICK_COMPARISONS: u64 = 20_000;
const QUICK_MATCHING: u64 = 4_000;
/// Longest excerpt of an instance in a message, in characters.
const EXCERPT: usize = 100;
/// Longest message of a violation, in characters.
const MESSAGE: usize = 300;

/// The drafts by their `$schema`, written without an empty fragment and with `http`.
const DRAFTS: [(&str, Draft); 5] = [
    ("http://json-schema.org/draft-04/schema", Draft::Draft4),
    ("http://json-schema.org/draft-06/schema", Draft::Draft6),
    ("http://json-schema.org/draft-07/schema", Draft::Draft7),
    ("http://json-schema.org/draft/2019-09/schema", Draft::Draft201909),
    ("http://json-schema.org/draft/2020-12/schema", Draft::Draft202012),
];

/// A compiled JSON Schema. It never loads anything: every reference is local.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    measure: Measure,
}

/// Why a schema was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Neither an object nor a boolean.
    #[error("a schema must be an object or a boolean")]
    NotASchema,
    /// An unknown `$schema`.
    #[error("`$schema` {0} is not supported; use draft-04, draft-06, draft-07, 2019-09 or 2020-12, or omit it")]
    Draft(String),
    /// A keyword that could change where references lead.
    #[error("`{keyword}` at {at} is not supported; use `$ref`: `#/…` to refer to parts of this schema")]
    Keyword {
        /// The keyword.
        keyword: &'static str,
        /// JSON pointer of the schema that contains it.
        at: String,
    },
    /// A reference that is not local.
    #[error("`$ref` {target} at {at} is not local; it must be `#` or `#/…`, without percent-encoding")]
    NotLocal {
        /// The reference.
        target: String,
        /// JSON pointer of the schema that contains it.
        at: String,
    },
    /// A reference to a missing part.
    #[error("`$ref` {target} at {at} does not exist in this schema")]
    Dangling {
        /// The reference.
        target: String,
        /// JSON pointer of the schema that contains it.
        at: String,
    },
    /// A schema that refers to itself.
    #[error("the schema at {at} refers to itself; recursive schemas are not supported")]
    Recursive {
        /// JSON pointer of a schema in the cycle.
        at: String,
    },
    /// Nested too deeply.
    #[error("the schema is nested too deeply; at most {MAX_LEVELS} levels are allowed, including references")]
    TooDeep,
    /// Too large with its references expanded.
    #[error(
        "the schema is too large; at most {MAX_NODES} subschemas are allowed; \
         each counts once per reference to it, and three times inside `unevaluated…`"
    )]
    TooLarge,
    /// Has too many patterns.
    #[error("the schema has too many patterns; at most {MAX_PATTERNS} are allowed")]
    TooManyPatterns,
    /// Invalid in its draft, or with an invalid or too large pattern.
    #[error("not a valid schema: {0}")]
    Invalid(String),
}

impl Schema {
    /// Compiles a schema. The draft is that of `$schema`, or 2020-12. Known formats are checked in every draft, unknown
    /// ones are ignored. Patterns support no look-around and no back-references, so they match in linear time.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let draft = match schema {
            Value::Object(object) => draft(object)?,
            Value::Bool(_) => Draft::Draft202012,
            _ => return Err(SchemaError::NotASchema),
        };
        let measure = measure::measure(schema, draft == Draft::Draft4)?;
        let mut schema = schema.clone();
        if let Value::Object(object) = &mut schema {
            // All references are local, so these keywords have no effect, but `$id` could shadow a schema that the
            // library knows.
            for name in ["$schema", "$id", "id"].into_iter().filter(|name| *name != "id" || draft == Draft::Draft4) {
                object.remove(name);
            }
        }
        let validator = jsonschema::options()
            .with_draft(draft)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES))
            .build(&schema)
            .map_err(|error| SchemaError::Invalid(describe(&error)))?;
        Ok(Self { validator, measure })
    }

    /// Estimate of its memory in bytes, an upper bound: patterns are compiled to tables.
    #[must_use]
    pub fn weight(&self) -> usize {
        const VALUE_BYTES: u64 = 256;
        let Measure { values, patterns, .. } = self.measure;
        let bytes = values.saturating_mul(VALUE_BYTES).saturating_add(patterns.saturating_mul(PATTERN_BYTES as u64));
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Whether a check is so fast that it can run on a thread that serves calls. `values` and `text` are upper bounds:
    /// the number of values in the arguments, and the bytes of text in them.
    #[must_use]
    pub const fn is_quick(&self, values: u64, text: u64) -> bool {
        self.measure.values.saturating_mul(values) <= QUICK_COMPARISONS
            && self.measure.patterns.saturating_mul(text) <= QUICK_MATCHING
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// The violations: 1 to 20 sentences, each beginning with the JSON pointer of the value. If schema and arguments
    /// are large, only one sentence that says they are invalid or cannot be checked.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<(), Vec<String>> {
        let arguments = Value::Object(arguments.clone());
        let (values, text) = size(&arguments);
        let comparisons = self.measure.values.saturating_mul(values);
        if comparisons > MAX_COMPARISONS || self.measure.patterns.saturating_mul(text) > MAX_MATCHING {
            return Err(vec!["schema and arguments are together too large to be checked; simplify the schema".into()]);
        }
        if self.validator.is_valid(&arguments) {
            return Ok(());
        }
        let mut violations = Vec::new();
        if comparisons <= MAX_LISTED {
            let errors = self.validator.iter_errors(&arguments);
            violations.extend(errors.take(MAX_VIOLATIONS).map(|error| describe(&error)));
        }
        if violations.is_empty() {
            violations.push("they break the schema, and both are together too large to say where".into());
        }
        Err(violations)
    }
}

fn draft(schema: &Map<String, Value>) -> Result<Draft, SchemaError> {
    let Some(given) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    let name = given.as_str().unwrap_or_default().trim_end_matches('#').replacen("https://", "http://", 1);
    let known = DRAFTS.iter().find(|(uri, _)| *uri == name);
    known.map(|(_, draft)| *draft).ok_or_else(|| SchemaError::Draft(shorten(&given.to_string(), EXCERPT)))
}

/// JSON pointer and message of a library's error. The library's own text would quote the whole instance.
fn describe(error: &jsonschema::ValidationError<'_>) -> String {
    let excerpt = shorten(&error.instance().to_string(), EXCERPT);
    let message = shorten(&error.masked_with(excerpt).to_string(), MESSAGE);
    format!("{}: {message}", pointer(error.instance_path().as_str()))
}

/// A JSON pointer for people. The root's pointer is an empty text, which is easy to overlook.
fn pointer(pointer: &str) -> String {
    if pointer.is_empty() { "the top level".into() } else { shorten(pointer, MESSAGE) }
}

fn shorten(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The number of values, and the bytes of text in keys and strings.
fn size(value: &Value) -> (u64, u64) {
    let bytes = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
    let add = |(values, text): (u64, u64), (more, longer): (u64, u64)| (values + more, text + longer);
    match value {
        Value::Array(items) => items.iter().map(size).fold((1, 0), add),
        Value::Object(fields) => fields.iter().map(|(key, value)| add(size(value), (0, bytes(key)))).fold((1, 0), add),
        Value::String(text) => (1, bytes(text)),
        _ => (1, 0),
    }
}

#[cfg(test)]
mod tests;
