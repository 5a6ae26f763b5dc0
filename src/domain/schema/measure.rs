//! Measures a schema as a graph of its values and references.

use std::{collections::HashMap, ptr};

use serde_json::Value;

use super::{EXCERPT, SchemaError, pointer, shorten};

/// Maximum levels of objects and arrays, including references.
pub(super) const MAX_LEVELS: u32 = 64;
/// Maximum number of subschemas, each counted once per path to it.
pub(super) const MAX_NODES: u64 = 2_000;

/// Maximum number of patterns. Each can take a millisecond to compile, and as much memory as its limit.
pub(super) const MAX_PATTERNS: u64 = 100;

/// Keywords that could change where a reference leads. Rejected everywhere: even a `const` can be the target of a
/// reference.
const REFUSED: [&str; 7] =
    ["$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor", "$anchor", "$id", "$schema"];

/// Keywords that make the library evaluate their siblings again: about 2.5 times the work per enclosing keyword.
const UNEVALUATED: [&str; 2] = ["unevaluatedItems", "unevaluatedProperties"];
const UNEVALUATED_FACTOR: u64 = 3;

/// The size of a schema with all references expanded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    /// Objects and booleans: each could be a subschema.
    nodes: u64,
    /// All values.
    pub(super) values: u64,
    /// Regular expressions.
    pub(super) patterns: u64,
    /// Levels of objects and arrays.
    levels: u32,
}

impl Measure {
    fn add(&mut self, part: Self) {
        self.nodes = self.nodes.saturating_add(part.nodes);
        self.values = self.values.saturating_add(part.values);
        self.patterns = self.patterns.saturating_add(part.patterns);
        self.levels = self.levels.max(part.levels + 1);
    }

    fn multiply(&mut self, times: u64) {
        self.nodes = self.nodes.saturating_mul(times);
        self.values = self.values.saturating_mul(times);
        self.patterns = self.patterns.saturating_mul(times);
    }
}

/// Measures a schema.
///
/// # Errors
/// When it is recursive, too deep or too large, or has references that are not local.
pub(super) fn measure(schema: &Value, draft4: bool) -> Result<Measure, SchemaError> {
    let mut walk = Walk { root: schema, draft4, done: HashMap::new(), patterns: 0, path: String::new() };
    let measure = walk.visit(schema, 1)?;
    if measure.nodes > MAX_NODES {
        return Err(SchemaError::TooLarge);
    }
    if walk.patterns > MAX_PATTERNS {
        return Err(SchemaError::TooManyPatterns);
    }
    Ok(measure)
}

struct Walk<'a> {
    root: &'a Value,
    draft4: bool,
    /// By identity of the value; `None` while its visit is in progress.
    done: HashMap<*const Value, Option<Measure>>,
    /// Patterns in the document.
    patterns: u64,
    /// JSON pointer of the current value, along the document until a reference is followed.
    path: String,
}

impl<'a> Walk<'a> {
    /// `level` bounds the recursion: only values within the maximum level are visited.
    fn visit(&mut self, value: &'a Value, level: u32) -> Result<Measure, SchemaError> {
        let mut measure = Measure { nodes: 0, values: 1, patterns: 0, levels: 0 };
        match value {
            Value::Bool(_) => measure.nodes = 1,
            Value::Array(_) | Value::Object(_) => {}
            _ => return Ok(measure),
        }
        let key = ptr::from_ref(value);
        match self.done.get(&key) {
            Some(None) => return Err(SchemaError::Recursive { at: pointer(&self.path) }),
            Some(Some(known)) if level + known.levels > MAX_LEVELS + 1 => return Err(SchemaError::TooDeep),
            Some(Some(known)) => return Ok(*known),
            None => {}
        }
        if level > MAX_LEVELS {
            return Err(SchemaError::TooDeep);
        }
        self.done.insert(key, None);
        match value {
            Value::Array(items) => {
                measure.levels = 1;
                for (index, item) in items.iter().enumerate() {
                    measure.add(self.child(&index.to_string(), item, level)?);
                }
            }
            Value::Object(fields) => {
                measure.levels = 1;
                measure.nodes = 1;
                self.refuse_keywords(value, level)?;
                for (name, field) in fields {
                    measure.add(self.child(name, field, level)?);
                    let patterns = match (name.as_str(), field) {
                        ("pattern", Value::String(_)) => 1,
                        ("patternProperties", Value::Object(patterns)) => patterns.len() as u64,
                        _ => 0,
                    };
                    self.patterns += patterns;
                    measure.patterns = measure.patterns.saturating_add(patterns);
                }
                if let Some(Value::String(target)) = fields.get("$ref") {
                    measure.add(self.follow(target, level)?);
                }
                for _ in UNEVALUATED.iter().filter(|keyword| fields.contains_key(**keyword)) {
                    measure.multiply(UNEVALUATED_FACTOR);
                }
            }
            _ => {}
        }
        self.done.insert(key, Some(measure));
        Ok(measure)
    }

    fn child(&mut self, name: &str, value: &'a Value, level: u32) -> Result<Measure, SchemaError> {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        let measure = self.visit(value, level + 1);
        self.path.truncate(length);
        measure
    }

    fn follow(&mut self, target: &str, level: u32) -> Result<Measure, SchemaError> {
        let (target_shown, at) = (shorten(target, EXCERPT), pointer(&self.path));
        let local = target.strip_prefix('#').filter(|path| path.is_empty() || path.starts_with('/'));
        let Some(path) = local.filter(|path| !path.contains('%')) else {
            return Err(SchemaError::NotLocal { target: target_shown, at });
        };
        let Some(value) = self.root.pointer(path) else {
            return Err(SchemaError::Dangling { target: target_shown, at });
        };
        let path = std::mem::replace(&mut self.path, path.to_owned());
        let measure = self.visit(value, level + 1);
        self.path = path;
        measure
    }

    fn refuse_keywords(&self, value: &Value, level: u32) -> Result<(), SchemaError> {
        let at_root = level == 1;
        for keyword in REFUSED.into_iter().chain(self.draft4.then_some("id")) {
            let allowed = at_root && matches!(keyword, "$id" | "id" | "$schema");
            let is_keyword = matches!(value.get(keyword), Some(Value::String(_) | Value::Bool(_)));
            if is_keyword && !allowed {
                return Err(SchemaError::Keyword { keyword, at: pointer(&self.path) });
            }
        }
        Ok(())
    }
}
