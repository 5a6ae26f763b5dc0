//! The order of pending requests: the highest priority first, then the nearest deadline.

use std::fmt;

use crate::domain::{Approval, Priority};

/// A place in the order. Its text sorts like the places, so that scripts can compare it, and a page can continue after
/// it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::desk) struct SortKey(String);

impl SortKey {
    /// The place of an approval.
    pub(in crate::desk) fn of(approval: &Approval) -> Self {
        let rank = match approval.priority() {
            Priority::Urgent => 0,
            Priority::High => 1,
            Priority::Normal => 2,
        };
        let deadline = approval.deadline.timestamp_micros().max(0);
        Self(format!("{rank}-{deadline:016x}-{}", approval.id))
    }

    /// The place that a link to a further page names. `None` if no page made it.
    pub(in crate::desk) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let rank = parts.next().is_some_and(|rank| ["0", "1", "2"].contains(&rank));
        let deadline = parts.next().is_some_and(|part| part.len() == 16 && part.bytes().all(is_hex));
        let id = parts.next().is_some_and(|id| id.len() == 36 && id.bytes().all(|byte| is_hex(byte) || byte == b'-'));
        (rank && deadline && id).then(|| Self(text.to_owned()))
    }
}

const fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, id, opened, quorum};

    #[test]
    fn a_place_is_read_back_and_nothing_else_is() {
        let approval = opened(quorum(1));
        let key = SortKey::of(&approval);
        assert_eq!(SortKey::parse(&key.to_string()), Some(key.clone()));
        for wrong in ["", "-", "2-x", "3-0000000000000000-", &format!("{key}0"), &key.to_string().to_uppercase()] {
            assert_eq!(SortKey::parse(wrong), None, "{wrong}");
        }
        let sooner = Approval { deadline: at(1), id: id(0, 9), ..approval.clone() };
        let same = Approval { id: id(0, 2), ..approval };
        assert!(SortKey::of(&sooner) < key && key < SortKey::of(&same));
    }
}
