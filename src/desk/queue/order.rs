//! A place in the order of pending requests, as a text for links and scripts.

use std::{cmp::Reverse, fmt};

use crate::{
    approvals::Urgency,
    domain::{Approval, Priority, Time},
};

/// The priorities in the order of the list; a text has the position.
const PRIORITIES: [Priority; 3] = [Priority::Urgent, Priority::High, Priority::Normal];

/// A place in the order. Its text sorts like the places, so that scripts can compare it, and a page can continue after
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::desk) struct SortKey(Urgency);

impl SortKey {
    /// The place of an approval.
    pub(in crate::desk) fn of(approval: &Approval) -> Self {
        Self(Urgency::of(approval))
    }

    /// The place.
    pub(super) const fn urgency(self) -> Urgency {
        self.0
    }

    /// The place that a link to a further page names. `None` if no page made it.
    pub(in crate::desk) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let rank: usize = parts.next()?.parse().ok()?;
        let micros = i64::from_str_radix(parts.next()?, 16).ok()?;
        let id = parts.next()?.parse().ok()?;
        let priority = Reverse(*PRIORITIES.get(rank)?);
        let place = Self(Urgency { priority, deadline: Time::from_timestamp_micros(micros)?, id });
        // One place has one text.
        (place.to_string() == text).then_some(place)
    }
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Urgency { priority: Reverse(priority), deadline, id } = self.0;
        let rank = PRIORITIES.iter().position(|one| *one == priority).unwrap_or(PRIORITIES.len());
        write!(f, "{rank}-{:016x}-{id}", deadline.timestamp_micros().max(0))
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
        assert_eq!(SortKey::parse(&key.to_string()), Some(key));
        for wrong in [
            "",
            "-",
            "2-x",
            "2-ffffffffffffffff-",
            "3-0000000000000000-",
            &format!("{key}0"),
            &key.to_string().to_uppercase(),
        ] {
            assert_eq!(SortKey::parse(wrong), None, "{wrong}");
        }
        let sooner = Approval { deadline: at(1), id: id(0, 9), ..approval.clone() };
        let same = Approval { id: id(0, 2), ..approval };
        let [sooner, same] = [&sooner, &same].map(SortKey::of);
        assert!(sooner < key && key < same);
        assert!(sooner.to_string() < key.to_string() && key.to_string() < same.to_string());
    }

    #[test]
    fn the_texts_of_priorities_sort_like_the_priorities() {
        let urgency = Urgency::of(&opened(quorum(1)));
        let of = |priority| SortKey(Urgency { priority: Reverse(priority), ..urgency });
        let keys = [Priority::Urgent, Priority::High, Priority::Normal].map(of);
        assert!(keys.is_sorted() && keys.map(|key| key.to_string()).is_sorted());
        assert!(keys.iter().all(|key| SortKey::parse(&key.to_string()) == Some(*key)));
    }
}
