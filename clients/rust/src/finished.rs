//! Results that are unfinished work.
//!
//! A gated function's outcome is reported when its future is done. A result that is itself a future, an iterator or a
//! closure would run outside the gate, after SUCCEEDED was reported. Rust cannot express "any type but these", so this
//! checks the type's name: it finds mistakes, and does not stop deliberate evasion.

use std::any::type_name;

/// Parts of names of types that are unfinished work, and what to do instead.
const UNFINISHED: &[(&str, &str)] = &[
    ("{{closure}}", "await or call it inside of the function"),
    ("{async", "await it inside of the function"),
    ("dyn core::future::", "await it inside of the function"),
    ("dyn core::ops::function::", "call it inside of the function"),
    ("dyn core::iter::", "collect it inside of the function"),
    ("core::iter::adapters::", "collect it inside of the function"),
    ("dyn futures_core::stream::", "collect it inside of the function"),
    ("::JoinHandle<", "await or join it inside of the function"),
    ("::Receiver<", "receive inside of the function"),
    ("::UnboundedReceiver<", "receive inside of the function"),
];

/// Rejects a function whose result is unfinished work.
pub(crate) fn check<T>() -> Result<(), String> {
    let name = type_name::<T>();
    // What stands before `::` is only where a type is declared.
    let stands_for = |part: &str| name.match_indices(part).any(|(at, part)| !name[at + part.len()..].starts_with("::"));
    match UNFINISHED.iter().find(|(part, _)| stands_for(part)) {
        None => Ok(()),
        Some((_, instead)) => Err(format!("the function returns work that is not done ({name}): {instead}")),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;

    fn type_name_of<T>(_: &T) -> &'static str {
        type_name::<T>()
    }

    fn refuses<T>(_: &T) -> bool {
        check::<T>().is_err()
    }

    #[test]
    fn work_is_refused_and_values_are_not() {
        assert!(refuses(&async { 1 }));
        assert!(refuses(&|| 1));
        assert!(refuses(&Some(vec![1].into_iter().map(|item: i32| item + 1))));
        let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async {});
        assert!(refuses(&boxed));
        assert!(refuses::<Box<dyn FnOnce()>>(&(Box::new(|| ()) as Box<dyn FnOnce()>)));
        assert!(refuses::<Box<dyn Iterator<Item = u8>>>(
            &(Box::new(std::iter::empty()) as Box<dyn Iterator<Item = u8>>)
        ));
        assert!(refuses(&std::thread::spawn(|| ())));

        assert!(refuses(&std::sync::mpsc::sync_channel::<u8>(1).1));

        let declared_inside = || {
            struct Sent;
            Sent
        };
        assert!(!refuses(&declared_inside()), "{}", type_name_of(&declared_inside()));
        assert!(!refuses(&()));
        assert!(!refuses(&String::new()));
        assert!(!refuses(&vec![Some(("text", 1.5))]));
        assert!(!refuses(&serde_json::Value::Null));
    }
}
