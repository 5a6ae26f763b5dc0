//! What lies beneath a failure, in words for people.

use std::{error::Error, io};

/// The cause of all causes.
pub(super) fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// The cause of all causes in a few words: `connection refused`.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let cause = innermost(error);
    let system = cause.downcast_ref::<io::Error>().filter(|error| error.raw_os_error().is_some());
    system.map_or_else(|| cause.to_string(), |error| error.kind().to_string())
}
