use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Digest, Schema, SchemaError};

/// Most schemas that are kept.
const COUNT: usize = 256;

/// Roughly the most bytes that they take, compiled.
const BYTES: usize = 64 << 20;

/// JSON Schemas of arguments in their compiled form, by the hash of their text: those used last. An agent sends the
/// same few with every request, and they are to be compiled once.
#[derive(Debug)]
pub struct Schemas {
    kept: Mutex<Kept>,
    count: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Kept {
    by_text: HashMap<Digest, Entry>,
    bytes: usize,
    /// Counts uses: the entry with the smallest number was not used for longest.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    schema: Arc<Schema>,
    used: u64,
}

impl Default for Schemas {
    fn default() -> Self {
        Self { kept: Mutex::default(), count: COUNT, bytes: BYTES }
    }
}

impl Schemas {
    /// A schema, given as canonical JSON, in its compiled form. One that cannot be compiled is not kept.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn compile(&self, text: &str) -> Result<Arc<Schema>, SchemaError> {
        let key = Digest::of_bytes(text.as_bytes());
        if let Some(schema) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(schema);
        }
        // Without the lock, as this may take long: two may compile the same.
        let schema = serde_json::from_str(text).map_err(|error| SchemaError::Invalid(error.to_string()))?;
        let schema = Arc::new(Schema::compile(&schema)?);
        self.keep(key, Arc::clone(&schema));
        Ok(schema)
    }

    fn keep(&self, key: Digest, schema: Arc<Schema>) {
        if schema.weight() > self.bytes {
            return;
        }
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        kept.bytes += schema.weight();
        if let Some(same) = kept.by_text.insert(key, Entry { schema, used: kept.uses }) {
            kept.bytes -= same.schema.weight();
        }
        while kept.by_text.len() > self.count || kept.bytes > self.bytes {
            let oldest = kept.by_text.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            let Some(gone) = oldest.and_then(|key| kept.by_text.remove(&key)) else { break };
            kept.bytes -= gone.schema.weight();
        }
    }
}

impl Kept {
    fn get(&mut self, key: &Digest) -> Option<Arc<Schema>> {
        self.uses += 1;
        let entry = self.by_text.get_mut(key)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: usize) -> String {
        format!(r#"{{"properties":{{"n{n}":{{"pattern":"^a{n}$"}}}}}}"#)
    }

    fn kept(schemas: &Schemas, n: usize) -> bool {
        schemas.kept.lock().unwrap().by_text.contains_key(&Digest::of_bytes(text(n).as_bytes()))
    }

    #[test]
    fn the_same_text_is_compiled_once() {
        let schemas = Schemas::default();
        let first = schemas.compile(&text(1)).unwrap();
        assert!(Arc::ptr_eq(&first, &schemas.compile(&text(1)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &schemas.compile(&text(2)).unwrap()));
        assert!(first.check(serde_json::json!({"n1": "b"}).as_object().unwrap()).is_err());
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let schemas = Schemas { count: 3, ..Schemas::default() };
        for n in [1, 2, 3, 1, 4] {
            schemas.compile(&text(n)).unwrap();
        }
        assert_eq!([1, 2, 3, 4].map(|n| kept(&schemas, n)), [true, false, true, true]);

        let weight = schemas.compile(&text(1)).unwrap().weight();
        let schemas = Schemas { bytes: 2 * weight, ..Schemas::default() };
        (1..=3).for_each(|n| drop(schemas.compile(&text(n)).unwrap()));
        assert_eq!([1, 2, 3].map(|n| kept(&schemas, n)), [false, true, true]);
        assert_eq!(schemas.kept.lock().unwrap().bytes, 2 * weight);
        let none = Schemas { bytes: weight - 1, ..Schemas::default() };
        none.compile(&text(1)).unwrap();
        assert!(!kept(&none, 1), "larger than all there is room for");
    }

    #[test]
    fn what_cannot_be_compiled_is_refused_each_time() {
        let schemas = Schemas::default();
        for text in [r#"{"type":7}"#, "7", "{"] {
            for _ in 0..2 {
                assert!(schemas.compile(text).is_err(), "{text}");
            }
        }
        assert!(schemas.kept.lock().unwrap().by_text.is_empty());
    }
}
