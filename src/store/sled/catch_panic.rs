//! Turns panics of sled into errors. sled panics on unexpected damage; such a panic must neither end a task nor print a
//! backtrace on stderr.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

/// sled's placeholder for a backtrace in its messages.
const NO_BACKTRACE: &str = ", bt: ()";

thread_local! {
    /// The panic message of the innermost guarded call on this thread.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
    static GUARDED: RefCell<bool> = const { RefCell::new(false) };
}

/// Makes a call; if it panics, returns the message. Calls may nest.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_guarded() {
                return others(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            // The message of an assertion has several lines; the first one names it.
            let text = text.unwrap_or_default().lines().next().unwrap_or_default().replace(NO_BACKTRACE, "");
            CAUGHT.set(Some(text));
        }));
    });
    let before = GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    outcome.map_err(|_| CAUGHT.take().filter(|text| !text.is_empty()).unwrap_or_else(|| "no message".into()))
}

/// The text of a sled error, without its empty backtrace.
pub(super) fn sentence(error: &sled::Error) -> String {
    match error {
        sled::Error::Corruption { at: Some(at), .. } => format!("damaged data at byte {} of sled/db", at.lid()),
        sled::Error::Corruption { at: None, .. } => "damaged data in sled/db".into(),
        other => other.to_string(),
    }
}

/// Whether a guarded call catches panics of this thread. sled's own threads pass theirs to the waiting thread.
fn is_guarded() -> bool {
    GUARDED.with(|guarded| guarded.try_borrow().is_ok_and(|guarded| *guarded))
        || std::thread::current().name().is_some_and(|name| name.starts_with("sled-io-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_first_line() {
        assert_eq!(guarded(|| 1), Ok(1));
        assert_eq!(guarded(|| -> () { panic!("left\nright") }), Err("left".into()));
        assert_eq!(guarded(|| -> () { panic::panic_any(7) }), Err("no message".into()));
        assert_eq!(guarded(|| 2), Ok(2));
        let nested = || -> () {
            assert_eq!(guarded(|| -> () { panic!("inner") }), Err("inner".into()));
            panic!("outer")
        };
        assert_eq!(guarded(nested), Err("outer".into()));
    }

    #[test]
    fn an_error_of_sled_says_where_and_mentions_no_backtrace() {
        let error = sled::Error::Corruption { at: None, bt: () };
        assert_eq!(sentence(&error), "damaged data in sled/db");
        let panic = guarded(|| -> () { panic!("{error:?}") }).unwrap_err();
        assert!(panic.ends_with("Corruption { at: None }"), "{panic}");
    }
}
