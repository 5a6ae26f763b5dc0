//! A form from a JSON Schema: a field for each argument, with what it may be. What a field cannot express is JSON.

use serde_json::{Map, Value};

use super::{super::told::Told, json};
use crate::desk::texts::approval as texts;

/// Maximum number of fields. Larger objects are edited as JSON.
const FIELDS: usize = 100;

/// A field of the form.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The path of the argument as a JSON pointer; the field's name in the form.
    pub(super) pointer: String,
    pub(super) label: Told,
    pub(super) description: String,
    pub(super) kind: Kind,
    /// What is entered.
    pub(super) entered: String,
    /// Whether the argument may be left out.
    pub(super) optional: bool,
    pub(super) left_out: bool,
    pub(super) problem: Option<String>,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    Whole,
    Number,
    /// One of these, as JSON with what it is called.
    Choice(Vec<(String, String)>),
    Json,
}

/// The fields of a request with a schema that describes an object. `None`: there is none, or it is too large.
pub(super) fn of(schema: Option<&str>, arguments: &Map<String, Value>) -> Option<Vec<Field>> {
    let root: Value = serde_json::from_str(schema?).ok()?;
    root.get("properties")?.as_object().filter(|properties| !properties.is_empty())?;
    let mut fields = Vec::new();
    collect(&mut fields, &root, &root, arguments, "", "", true);
    (!fields.is_empty() && fields.len() <= FIELDS).then_some(fields)
}

fn collect(
    fields: &mut Vec<Field>,
    root: &Value,
    schema: &Value,
    arguments: &Map<String, Value>,
    pointer: &str,
    label: &str,
    nests: bool,
) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required: Vec<_> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let unknown = arguments.keys().filter(|name| !properties.contains_key(*name));
    for name in properties.keys().chain(unknown) {
        let given = resolve(root, properties.get(name).unwrap_or(&Value::Null));
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let label = if label.is_empty() { name.clone() } else { format!("{label}.{name}") };
        let (value, is_required) = (arguments.get(name), required.contains(&name.as_str()));
        // One level of objects has its fields in the form. An optional object is left out as a whole, so it is JSON.
        if let Some(Value::Object(inner)) = value
            && nests
            && is_required
            && given.get("properties").is_some()
        {
            collect(fields, root, given, inner, &pointer, &label, false);
            continue;
        }
        let kind = kind(given, value);
        fields.push(Field {
            entered: entered(&kind, value),
            kind,
            pointer,
            label: Told::new(label),
            description: given.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
            optional: !is_required,
            left_out: value.is_none(),
            problem: None,
        });
    }
}

/// The schema that a local reference leads to.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

fn kind(schema: &Value, value: Option<&Value>) -> Kind {
    if let Some(options) = schema.get("enum").and_then(Value::as_array)
        && value.is_none_or(|value| options.contains(value))
    {
        return Kind::Choice(options.iter().map(|option| (option.to_string(), shown(option))).collect());
    }
    let fits = |is: fn(&Value) -> bool| value.is_none_or(is);
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if fits(|value| value.as_str().is_some_and(is_typable)) => Kind::Text,
        Some("integer") if fits(Value::is_number) => Kind::Whole,
        Some("number") if fits(Value::is_number) => Kind::Number,
        Some("boolean") if fits(Value::is_boolean) => {
            Kind::Choice(["true", "false"].map(|word| (word.to_owned(), word.to_owned())).to_vec())
        }
        _ => Kind::Json,
    }
}

/// Whether a browser's field keeps a text as it is: it changes control characters.
fn is_typable(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t'))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn entered(kind: &Kind, value: Option<&Value>) -> String {
    match (kind, value) {
        (_, None) => String::new(),
        (Kind::Text, Some(value)) => shown(value),
        (Kind::Json, Some(value @ (Value::Array(_) | Value::Object(_)))) => format!("{value:#}"),
        (_, Some(value)) => value.to_string(),
    }
}

/// The arguments with what was entered, or the problems. The fields keep what was entered.
pub(super) fn read(
    fields: &mut [Field],
    arguments: &Map<String, Value>,
    of: &dyn Fn(&str) -> Option<String>,
) -> Result<Map<String, Value>, Vec<String>> {
    let mut edited = Value::Object(arguments.clone());
    let mut problems = Vec::new();
    for field in fields {
        let text = of(&format!("arg:{}", field.pointer)).unwrap_or_default();
        field.left_out = field.optional && of(&format!("omit:{}", field.pointer)).is_some();
        let was = edited.pointer(&field.pointer).cloned();
        field.entered = text;
        if field.left_out {
            put(&mut edited, &field.pointer, None);
            continue;
        }
        match value(&field.kind, &field.entered, was.as_ref()) {
            Ok(value) => put(&mut edited, &field.pointer, Some(value)),
            Err(problem) => {
                problems.push(format!("{}: {problem}", field.label.text));
                field.problem = Some(problem);
            }
        }
    }
    match edited {
        Value::Object(edited) if problems.is_empty() => Ok(edited),
        _ => Err(problems),
    }
}

fn value(kind: &Kind, text: &str, was: Option<&Value>) -> Result<Value, String> {
    // A field that was not touched stays exactly as it was.
    if let Some(was) = was.filter(|was| entered(kind, Some(was)) == text) {
        return Ok(was.clone());
    }
    let number = |text: &str| json::value(text.trim()).ok().filter(Value::is_number);
    match kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Number => number(text).ok_or_else(|| texts::NOT_A_NUMBER.to_owned()),
        Kind::Whole => number(text)
            .filter(|number| number.as_f64().is_some_and(|double| double.fract() == 0.0))
            .ok_or_else(|| texts::NOT_WHOLE.to_owned()),
        Kind::Choice(options) => {
            let known = options.iter().any(|(option, _)| option == text);
            known.then(|| json::value(text)).ok_or_else(|| texts::NOT_A_CHOICE.to_owned())?
        }
        Kind::Json => json::value(text),
    }
}

/// Sets or removes the value at a pointer. Its parent is an object.
fn put(root: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    if let Some(Value::Object(parent)) = root.pointer_mut(parent) {
        match value {
            Some(value) => _ = parent.insert(name, value),
            None => _ = parent.remove(&name),
        }
    }
}

/// Puts problems that begin with the pointer of a field at that field.
pub(super) fn place(fields: &mut [Field], problems: &[String]) {
    for field in fields {
        let own = problems.iter().find_map(|problem| problem.strip_prefix(field.pointer.as_str())?.strip_prefix(": "));
        field.problem = own.map(ToOwned::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r##"{"$defs": {"Currency": {"enum": ["EUR", "USD"]}}, "type": "object",
        "properties": {"amount": {"type": "number"}, "count": {"type": "integer"}, "currency": {"$ref": "#/$defs/Currency"},
        "note": {"type": "string"}, "to": {"type": "object", "properties": {"iban": {"type": "string"}}, "required": ["iban"]},
        "urgent": {"type": "boolean"}, "tags": {"type": "array"}}, "required": ["amount", "to"]}"##;

    fn arguments() -> Map<String, Value> {
        let value =
            json!({"amount": 12.5, "count": 3, "currency": "EUR", "to": {"iban": "DE89"}, "tags": ["a"], "x": 1});
        value.as_object().unwrap().clone()
    }

    fn submitted(changes: &[(&str, &str)]) -> Result<Value, Vec<String>> {
        let mut fields = of(Some(SCHEMA), &arguments()).unwrap();
        let sent: Vec<(String, String)> = fields
            .iter()
            .flat_map(|field| {
                let omit = field.left_out.then(|| (format!("omit:{}", field.pointer), "yes".to_owned()));
                [(format!("arg:{}", field.pointer), field.entered.clone())].into_iter().chain(omit)
            })
            .collect();
        let value = |name: &str| {
            let change = changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| (*value).to_owned());
            change.or_else(|| sent.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()))
        };
        let value = |name: &str| value(name).filter(|value| value != "absent");
        read(&mut fields, &arguments(), &value).map(Value::Object)
    }

    #[test]
    fn a_form_has_a_field_for_each_argument() {
        let fields = of(Some(SCHEMA), &arguments()).unwrap();
        let named: Vec<_> = fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(named, ["/amount", "/count", "/currency", "/note", "/tags", "/to/iban", "/urgent", "/x"]);
        assert_eq!(fields[0].kind, Kind::Number);
        assert_eq!(
            fields[2].kind,
            Kind::Choice(vec![("\"EUR\"".into(), "EUR".into()), ("\"USD\"".into(), "USD".into())])
        );
        assert_eq!((fields[4].kind.clone(), fields[7].kind.clone()), (Kind::Json, Kind::Json));
        assert!(!fields[0].optional && fields[3].optional && fields[3].left_out);
        assert!(of(None, &arguments()).is_none() && of(Some("true"), &arguments()).is_none());
    }

    #[test]
    fn what_is_not_touched_stays_and_what_is_changed_keeps_its_type() {
        assert_eq!(submitted(&[]).unwrap(), Value::Object(arguments()));
        let edited = submitted(&[
            ("arg:/amount", "10"),
            ("arg:/currency", "\"USD\""),
            ("arg:/to/iban", "a\nb"),
            ("arg:/tags", "[1, 2]"),
            ("omit:/count", "yes"),
            ("omit:/note", "absent"),
            ("arg:/note", "12"),
        ]);
        let expected =
            json!({"amount": 10, "currency": "USD", "note": "12", "to": {"iban": "a\nb"}, "tags": [1, 2], "x": 1});
        assert_eq!(edited.unwrap(), expected);
    }

    #[test]
    fn each_mistake_is_named() {
        let problems = submitted(&[
            ("arg:/amount", "much"),
            ("arg:/count", "1.5"),
            ("arg:/currency", "\"GBP\""),
            ("arg:/tags", "[a]"),
        ]);
        assert_eq!(
            problems.unwrap_err(),
            [
                format!("amount: {}", texts::NOT_A_NUMBER),
                format!("count: {}", texts::NOT_WHOLE),
                format!("currency: {}", texts::NOT_A_CHOICE),
                "tags: Line 1, column 2: expected value".to_owned(),
            ]
        );
    }

    #[test]
    fn texts_that_a_browser_would_change_are_json() {
        let value = json!({"note": "a\r\u{0}", "amount": 1, "to": {"iban": ""}});
        let fields = of(Some(SCHEMA), value.as_object().unwrap()).unwrap();
        let note = fields.iter().find(|field| field.pointer == "/note").unwrap();
        assert_eq!((&note.kind, note.entered.as_str()), (&Kind::Json, r#""a\r\u0000""#));
    }

    #[test]
    fn names_with_slashes_are_read_back() {
        let schema = r#"{"properties": {"a/b~c": {"type": "string"}}}"#;
        let given = json!({"a/b~c": "x"});
        let mut fields = of(Some(schema), given.as_object().unwrap()).unwrap();
        let entered = |name: &str| (name == "arg:/a~1b~0c").then(|| "y".to_owned());
        let edited = read(&mut fields, given.as_object().unwrap(), &entered).unwrap();
        assert_eq!(Value::Object(edited), json!({"a/b~c": "y"}));
    }
}
