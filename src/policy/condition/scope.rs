use std::cell::OnceCell;

use serde_json::{Map, Value as Json};

use super::value::{self, Text, Value};
use crate::policy::Call;

/// Names of the variables.
pub(super) const VARIABLES: [(&str, Variable); 6] = [
    ("args", Variable::Args),
    ("tool", Variable::Tool),
    ("agent", Variable::Agent),
    ("labels", Variable::Labels),
    ("caller", Variable::Caller),
    ("now", Variable::Now),
];

/// A variable of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Args,
    Tool,
    Agent,
    Labels,
    Caller,
    Now,
}

/// A call, as conditions see it. Its arguments are parsed at first use.
#[derive(Debug)]
pub(in crate::policy) struct Scope<'a> {
    call: Call<'a>,
    args: OnceCell<Map<String, Json>>,
}

impl<'a> Scope<'a> {
    /// The scope of a call.
    #[must_use]
    pub(in crate::policy) const fn new(call: Call<'a>) -> Self {
        Self { call, args: OnceCell::new() }
    }

    pub(super) fn variable(&self, variable: Variable) -> Value<'_> {
        match variable {
            Variable::Args => Value::Map(value::Map::Json(self.args.get_or_init(|| self.call.arguments.to_object()))),
            Variable::Tool => Value::Text(Text::Slice(self.call.tool_name)),
            Variable::Agent => Value::Map(value::Map::Agent(self.call.agent)),
            Variable::Labels => Value::Map(value::Map::Labels(self.call.labels)),
            Variable::Caller => Value::Map(value::Map::Caller(self.call.caller)),
            Variable::Now => Value::Time(self.call.now),
        }
    }
}
