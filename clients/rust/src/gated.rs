//! A gated function, whose argument is the approved one.

use std::{fmt, future::Future, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    arguments::{self, Problem, decode},
    call::Call,
    client::Client,
    finished,
    gate::{GateError, Permit},
    handle::Handle,
    refusal::{Kind, Refusal},
};

/// A gated function: see [`Client::requires_approval`].
#[must_use]
pub struct Gated<A, F> {
    client: Client,
    call: Call,
    function: F,
    arguments: PhantomData<fn(A)>,
}

impl<A, F> Gated<A, F> {
    pub(crate) const fn new(client: Client, call: Call, function: F) -> Self {
        Self { client, call, function, arguments: PhantomData }
    }

    /// Asks for approval, and calls the function once with the approved arguments, edited or not.
    ///
    /// The function gets what the reviewer saw: `A` is read back from the approved JSON. A field that serde skips has
    /// its default.
    ///
    /// # Errors
    ///
    /// As [`Client::run`]. Arguments that change when they are read back are [`Kind::InvalidArguments`], before anybody
    /// is asked; edited ones that do not fit `A` are [`Kind::InvalidEdit`], before the claim.
    pub async fn call<T, E, Fut>(&self, arguments: A) -> Result<T, GateError<E>>
    where
        A: Serialize + DeserializeOwned,
        F: Fn(A) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        self.call_as(arguments, |call| call).await
    }

    /// As [`call`](Self::call), with options of this call only, such as its `call_id` or `reason`.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_as<T, E, Fut>(&self, arguments: A, say: impl FnOnce(Call) -> Call) -> Result<T, GateError<E>>
    where
        A: Serialize + DeserializeOwned,
        F: Fn(A) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        finished::check::<T>().map_err(|problem| self.client.refused(&self.call, Kind::invalid(problem)))?;
        let call = self.call_with(arguments, say)?; // what runs is read from what was approved
        let wait = self.client.ask(&call)?;
        let permit = self.client.permit(&call, wait, None).await?;
        self.execute(&call, permit).await
    }

    /// Asks for a call with `arguments`, and returns as soon as the server has recorded the request: any process can
    /// [`resume`](Self::resume) it.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), except those of the decision.
    pub async fn ask(&self, arguments: A) -> Result<Handle, Refusal>
    where
        A: Serialize + DeserializeOwned,
    {
        self.ask_as(arguments, |call| call).await
    }

    /// As [`ask`](Self::ask), with options of this call only.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn ask_as(&self, arguments: A, say: impl FnOnce(Call) -> Call) -> Result<Handle, Refusal>
    where
        A: Serialize + DeserializeOwned,
    {
        let call = self.call_with(arguments, say)?;
        self.client.ask(&call)?.handle().await
    }

    /// Waits for an asked call, and calls the function once with the approved arguments.
    ///
    /// # Errors
    ///
    /// As [`Client::resume`]. Approved arguments that do not fit `A` are [`Kind::InvalidEdit`] or
    /// [`Kind::InvalidArguments`], before the claim.
    pub async fn resume<T, E, Fut>(&self, handle: &Handle) -> Result<T, GateError<E>>
    where
        A: Serialize + DeserializeOwned,
        F: Fn(A) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        finished::check::<T>().map_err(|problem| self.client.refused(&self.call, Kind::invalid(problem)))?;
        let call = self.call.clone().check_edited_type(check::<A>);
        let permit = self.client.resumed_permit(handle, &call).await?;
        self.execute(&call, permit).await
    }

    /// The call with its arguments, which must read back unchanged.
    fn call_with(&self, arguments: A, say: impl FnOnce(Call) -> Call) -> Result<Call, Refusal>
    where
        A: Serialize + DeserializeOwned,
    {
        let call = say(self.call.clone()).arguments(&arguments).check_edited_type(check::<A>);
        let asked = decode(&call.asked()?);
        read::<A>(&asked).map_err(|problem| self.client.refused(&call, problem))?;
        Ok(call)
    }

    async fn execute<T, E, Fut>(&self, call: &Call, permit: Permit) -> Result<T, GateError<E>>
    where
        A: Serialize + DeserializeOwned,
        F: Fn(A) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        match read::<A>(&permit.run().arguments) {
            Ok(approved) => permit.execute(|_| (self.function)(approved)).await,
            Err(problem) => Err(self.client.refused(call, Kind::invalid_edit(problem)).into()),
        }
    }
}

fn check<A: Serialize + DeserializeOwned>(given: &Map<String, Value>) -> Result<(), Problem> {
    read::<A>(given).map(|_| ())
}

/// Reads the function's argument from JSON, and compares what it holds then with what was read.
fn read<A: Serialize + DeserializeOwned>(given: &Map<String, Value>) -> Result<A, Problem> {
    let value: A = serde_path_to_error::deserialize(Value::Object(given.clone())).map_err(|error| {
        let path = Some(error.path().to_string()).filter(|path| path != ".").unwrap_or_default();
        Problem { path, problem: format!("does not fit the function: {}", error.inner()) }
    })?;
    let held = Value::Object(decode(&arguments::encode(&value)?));
    match difference(&Value::Object(given.clone()), &held) {
        None => Ok(value),
        Some(path) => Err(Problem { path, problem: "is changed by the function's type".to_owned() }),
    }
}

/// Where two values first differ. A field that only `held` has, and that is null there, is the same as none.
fn difference(given: &Value, held: &Value) -> Option<String> {
    let dotted = |key: &str, rest: String| match rest.chars().next() {
        None | Some('[') => format!("{key}{rest}"),
        Some(_) => format!("{key}.{rest}"),
    };
    match (given, held) {
        (Value::Object(given), Value::Object(held)) => {
            let of_given = given.iter().find_map(|(key, value)| match held.get(key) {
                Some(held) => difference(value, held).map(|rest| dotted(key, rest)),
                None => Some(key.clone()),
            });
            let added = || held.iter().find(|(key, value)| !value.is_null() && !given.contains_key(*key));
            of_given.or_else(|| added().map(|(key, _)| key.clone()))
        }
        (Value::Array(given), Value::Array(held)) if given.len() == held.len() => {
            given.iter().zip(held).enumerate().find_map(|(index, (given, held))| {
                difference(given, held).map(|rest| dotted(&format!("[{index}]"), rest))
            })
        }
        (given, held) => (given != held).then(String::new),
    }
}

impl<A, F> fmt::Debug for Gated<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").field("call", &self.call).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn problem<A: Serialize + DeserializeOwned>(given: Value) -> Option<(String, String)> {
        let Value::Object(given) = given else { panic!("an object") };
        read::<A>(&given).err().map(|Problem { path, problem }| (path, problem))
    }

    fn place<A: Serialize + DeserializeOwned>(given: Value) -> Option<String> {
        problem::<A>(given).map(|(path, _)| path)
    }

    #[derive(Serialize, Deserialize)]
    struct Payment {
        to: String,
        amount: f64,
        count: u8,
        note: Option<String>,
        lines: Vec<Line>,
    }

    #[derive(Serialize, Deserialize)]
    struct Line {
        #[serde(default)]
        urgent: bool,
        item: String,
    }

    #[test]
    fn what_fits_is_read() {
        let payment =
            json!({"to": "a", "amount": 10, "count": 2, "note": null, "lines": [{"urgent": true, "item": "i"}]});
        assert_eq!(place::<Payment>(payment.clone()), None);
        let mut without_note = payment;
        without_note.as_object_mut().unwrap().remove("note");
        assert_eq!(place::<Payment>(without_note), None, "an absent option is what null is");
        assert_eq!(place::<BTreeMap<String, Value>>(json!({"any": [1, {"x": "y"}]})), None);
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_place() {
        let payment = |key: &str, value: Value| {
            let mut payment = json!({"to": "a", "amount": 1.5, "count": 2, "note": null, "lines": []});
            payment[key] = value;
            payment
        };
        for (key, value, path) in [
            ("amount", json!("five"), "amount"),
            ("count", json!(2.5), "count"),
            ("count", json!(256), "count"),
            ("count", json!(-1), "count"),
            ("to", json!(null), "to"),
            ("unknown", json!(1), "unknown"),
            ("lines", json!([{"urgent": false, "item": "i"}, {"urgent": false, "item": 5}]), "lines[1].item"),
            ("lines", json!([{"item": "i"}]), "lines[0].urgent"),
            ("lines", json!([{"urgent": true, "item": "i", "more": {}}]), "lines[0].more"),
        ] {
            assert_eq!(place::<Payment>(payment(key, value.clone())).as_deref(), Some(path), "{key}: {value}");
        }
        let (path, problem) = problem::<Payment>(json!({"amount": 1})).unwrap();
        assert_eq!((path.as_str(), problem.as_str()), ("", "does not fit the function: missing field `to`"));
    }

    #[test]
    fn what_serde_hides_is_noticed() {
        #[derive(Serialize, Deserialize)]
        struct Shown {
            #[serde(serialize_with = "nothing", default)]
            to: String,
        }
        fn nothing<S: serde::Serializer>(_: &String, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str("***")
        }
        // It reads back as what is shown, and that is what runs.
        let Value::Object(given) = json!({"to": "***"}) else { panic!() };
        assert_eq!(read::<Shown>(&given).unwrap().to, "***");
        assert_eq!(place::<Shown>(json!({"to": "eve"})).as_deref(), Some("to"));
    }
}
