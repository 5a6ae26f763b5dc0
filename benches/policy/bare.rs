//! The baseline: executing conditions with the bare `cel` crate.

use std::{collections::HashMap, sync::Arc};

use cel::{Context, Env, Program, Value};
use serde_json::Value as Json;
use signoff::policy::{Call, Document};

use crate::{Outcome, rules::TOOLS};

/// The programs of each tool's rules; a rule without a condition has none.
pub(crate) struct Bare {
    env: Arc<Env>,
    programs: Vec<Vec<Program>>,
}

impl Bare {
    pub(crate) fn new(document: &Document) -> Outcome<Self> {
        let env = Arc::new(Env::stdlib());
        let mut programs: Vec<_> = (0..TOOLS).map(|_| Vec::new()).collect();
        for (n, rule) in document.rules.iter().enumerate() {
            if !rule.when.is_empty() {
                programs[n % TOOLS].push(env.compile(&rule.when)?);
            }
        }
        Ok(Self { env, programs })
    }

    /// The number of true conditions in a tool's rules. The tool is a number, so finding its rules costs nothing.
    pub(crate) fn execute(&self, tool: usize, call: &Call<'_>) -> Outcome<usize> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_variable_from_value("args", object(&call.arguments.to_object()));
        let mut held = 0;
        for program in &self.programs[tool] {
            held += usize::from(program.execute(&context)? == Value::Bool(true));
        }
        Ok(held)
    }
}

/// Numbers are doubles, as in the policy.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(entries) => object(entries),
    }
}

fn object(entries: &serde_json::Map<String, Json>) -> Value {
    entries.iter().map(|(key, json)| (key.clone(), value(json))).collect::<HashMap<_, _>>().into()
}
