//! How values become columns.

use crate::{
    domain::{Actor, Approval, Digest, Revision, Status, Time, name::composed},
    store::{StoreError, records::corrupt},
};

/// The code of a status. A code never changes, and is never reused.
pub(super) const fn status(status: Status) -> i16 {
    match status {
        Status::Pending => 0,
        Status::Approved => 1,
        Status::Rejected => 2,
        Status::TimedOut => 3,
        Status::Cancelled => 4,
        Status::AutoApproved => 5,
        Status::AutoRejected => 6,
    }
}

/// The status of a code.
pub(super) fn status_of(code: i16) -> Result<Status, StoreError> {
    Ok(match code {
        0 => Status::Pending,
        1 => Status::Approved,
        2 => Status::Rejected,
        3 => Status::TimedOut,
        4 => Status::Cancelled,
        5 => Status::AutoApproved,
        6 => Status::AutoRejected,
        _ => return Err(StoreError::Newer(format!("the status {code} is unknown").into())),
    })
}

/// Microseconds since 1970.
pub(super) const fn micros(time: Time) -> i64 {
    time.timestamp_micros()
}

/// A revision or a version.
pub(super) const fn number(revision: Revision) -> i64 {
    revision.cast_signed()
}

/// The reverse of [`number`].
pub(super) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt(format!("the number {number} is negative")))
}

/// A limit of rows.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The names of an actor, as they are compared.
pub(super) fn names(actor: &Actor) -> (String, String) {
    (composed(&actor.issuer).into_owned(), composed(&actor.subject).into_owned())
}

/// A caller as lists filter by it.
pub(super) fn caller(text: &str) -> String {
    composed(text).into_owned()
}

/// A label.
pub(super) fn label(key: &str, value: &str) -> String {
    serde_json::json!([key, value]).to_string()
}

/// When something is due, unless the approval ended.
pub(super) fn due(approval: &Approval) -> Option<i64> {
    (!approval.status.is_terminal()).then(|| micros(approval.due()))
}

/// A digest.
pub(super) fn digest(digest: Digest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_pinned() {
        let codes = Status::ALL.map(|one| (one, status(one)));
        for (one, code) in codes {
            assert_eq!(status_of(code), Ok(one));
        }
        assert_eq!(status(Status::AutoRejected), 6);
        assert!(matches!(status_of(7), Err(StoreError::Newer(_))));
    }

    #[test]
    fn labels_cannot_be_confused() {
        assert_eq!(label("a", "b"), r#"["a","b"]"#);
        assert_ne!(label("a\",\"b", "c"), label("a", "b\",\"c"));
    }
}
