use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Digest, Schema, SchemaError};

/// Maximum number of cached schemas.
const COUNT: usize = 256;

/// Approximate maximum of their compiled size, in bytes.
const BYTES: usize = 64 << 20;

/// A cache of compiled JSON Schemas, by the hash of their text, least recently used first out. An agent sends the same
/// few schemas with every request, so each should be compiled once.
///
/// A schema is also found by the bytes of the request that last contained it (its spelling). Computing its canonical
/// JSON and hash takes longer than most checks of arguments.
#[derive(Debug)]
pub struct Schemas {
    kept: Mutex<Kept>,
    count: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Kept {
    by_text: HashMap<Digest, Entry>,
    by_spelling: HashMap<Arc<[u8]>, Digest>,
    bytes: usize,
    /// Counts uses. The entry with the smallest number is the least recently used.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    schema: Arc<Schema>,
    used: u64,
    /// Its last spelling, and its canonical JSON.
    spelling: Option<(Arc<[u8]>, Arc<str>)>,
}

/// A schema that is already compiled.
#[derive(Clone, Debug)]
pub struct KnownSchema {
    /// Its canonical JSON.
    pub text: Arc<str>,
    /// Its compiled form.
    pub schema: Arc<Schema>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self { kept: Mutex::default(), count: COUNT, bytes: BYTES }
    }
}

impl Schemas {
    /// Longest spelling to keep, in bytes.
    pub const SPELLING_MAX: usize = 64 * 1024;

    /// Returns the compiled form of a schema in canonical JSON. A schema that does not compile is not cached.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn compile(&self, text: &str) -> Result<Arc<Schema>, SchemaError> {
        let key = Digest::of_bytes(text.as_bytes());
        if let Some(schema) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(schema);
        }
        // Not under the lock, because compiling can be slow. Two threads may compile the same schema.
        let schema = serde_json::from_str(text).map_err(|error| SchemaError::Invalid(error.to_string()))?;
        let schema = Arc::new(Schema::compile(&schema)?);
        self.keep(key, Arc::clone(&schema));
        Ok(schema)
    }

    /// Like [`compile`](Self::compile). Afterwards the schema is also [known](Self::known) by this spelling.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn compile_spelled(&self, spelling: Vec<u8>, text: &Arc<str>) -> Result<Arc<Schema>, SchemaError> {
        let schema = self.compile(text)?;
        if spelling.len() <= Self::SPELLING_MAX {
            let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.spell(Digest::of_bytes(text.as_bytes()), spelling.into(), text);
            kept.make_room(self.count, self.bytes);
        }
        Ok(schema)
    }

    /// The cached schema with this spelling, if any.
    #[must_use]
    pub fn known(&self, spelling: &[u8]) -> Option<KnownSchema> {
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let key = *kept.by_spelling.get(spelling)?;
        let schema = kept.get(&key)?;
        let (_, text) = kept.by_text.get(&key)?.spelling.clone()?;
        Some(KnownSchema { text, schema })
    }

    fn keep(&self, key: Digest, schema: Arc<Schema>) {
        if schema.weight() > self.bytes {
            return;
        }
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&key); // another thread may have added it
        kept.uses += 1;
        let entry = Entry { schema, used: kept.uses, spelling: None };
        kept.bytes += entry.weight();
        kept.by_text.insert(key, entry);
        kept.make_room(self.count, self.bytes);
    }
}

impl Kept {
    fn get(&mut self, key: &Digest) -> Option<Arc<Schema>> {
        self.uses += 1;
        let entry = self.by_text.get_mut(key)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.schema))
    }

    fn spell(&mut self, key: Digest, spelling: Arc<[u8]>, text: &Arc<str>) {
        let Some(entry) = self.by_text.get_mut(&key) else { return };
        self.bytes -= entry.weight();
        if let Some((before, _)) = entry.spelling.replace((Arc::clone(&spelling), Arc::clone(text))) {
            self.by_spelling.remove(&before);
        }
        self.bytes += entry.weight();
        self.by_spelling.insert(spelling, key);
    }

    fn remove(&mut self, key: &Digest) {
        let Some(gone) = self.by_text.remove(key) else { return };
        self.bytes -= gone.weight();
        if let Some((spelling, _)) = gone.spelling {
            self.by_spelling.remove(&spelling);
        }
    }

    fn make_room(&mut self, count: usize, bytes: usize) {
        while self.by_text.len() > count || self.bytes > bytes {
            let oldest = self.by_text.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            let Some(key) = oldest else { break };
            self.remove(&key);
        }
    }
}

impl Entry {
    fn weight(&self) -> usize {
        let spelled = self.spelling.as_ref().map_or(0, |(spelling, text)| spelling.len() + text.len());
        self.schema.weight() + spelled
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
    fn a_schema_is_known_by_its_last_spelling() {
        let schemas = Schemas { count: 2, ..Schemas::default() };
        let [one, two, three] = [1, 2, 3].map(|n| Arc::<str>::from(text(n)));
        assert!(schemas.known(b"one").is_none());
        let first = schemas.compile_spelled(b"one".to_vec(), &one).unwrap();
        let known = schemas.known(b"one").unwrap();
        assert!(Arc::ptr_eq(&known.schema, &first) && known.text == one);
        assert!(Arc::ptr_eq(&schemas.compile_spelled(b"uno".to_vec(), &one).unwrap(), &first));
        assert!(schemas.known(b"one").is_none() && schemas.known(b"uno").is_some());

        // It is removed with its schema, and its use counts as a use of the schema.
        schemas.compile_spelled(b"two".to_vec(), &two).unwrap();
        assert!(schemas.known(b"uno").is_some());
        schemas.compile_spelled(b"three".to_vec(), &three).unwrap();
        assert!(schemas.known(b"two").is_none() && schemas.known(b"uno").is_some());
        let kept = schemas.kept.lock().unwrap();
        assert_eq!(kept.by_spelling.len(), 2);
        assert_eq!(kept.bytes, kept.by_text.values().map(Entry::weight).sum::<usize>());
    }

    #[test]
    fn long_spellings_and_bad_schemas_are_not_kept() {
        let schemas = Schemas::default();
        let long = vec![1; Schemas::SPELLING_MAX + 1];
        schemas.compile_spelled(long.clone(), &text(1).into()).unwrap();
        assert!(schemas.known(&long).is_none() && kept(&schemas, 1));
        assert!(schemas.compile_spelled(b"bad".to_vec(), &r#"{"type":7}"#.into()).is_err());
        assert!(schemas.known(b"bad").is_none());
    }

    #[test]
    fn first_uses_at_once_give_one_schema_to_all_later_ones() {
        let schemas = Schemas::default();
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let text = Arc::<str>::from(text(1));
                    let schema = schemas.compile_spelled(b"one".to_vec(), &text).unwrap();
                    assert!(schema.check(serde_json::json!({"n1": "b"}).as_object().unwrap()).is_err());
                });
            }
        });
        let kept = schemas.kept.lock().unwrap();
        assert_eq!((kept.by_text.len(), kept.by_spelling.len()), (1, 1));
        assert_eq!(kept.bytes, kept.by_text.values().map(Entry::weight).sum::<usize>());
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
