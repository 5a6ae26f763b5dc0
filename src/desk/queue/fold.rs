//! Similar requests fold into one entry of a list.

use std::{collections::HashMap, hash::Hash, time::Duration};

use crate::domain::{Actor, Approval, Priority, Time};

/// Maximum time between the first and the last request of an entry.
const WITHIN: Duration = Duration::from_secs(60);

/// What similar requests have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kin {
    caller: Actor,
    agent: String,
    tool: String,
}

impl Kin {
    pub(super) fn of(approval: &Approval) -> Self {
        let request = &approval.request;
        Self { caller: request.caller.clone(), agent: request.agent.name.clone(), tool: request.tool_name.clone() }
    }
}

/// What folding looks at.
pub(super) trait Foldable {
    /// What it has in common with similar ones.
    fn kin(&self) -> &Kin;
    /// When it was requested.
    fn created_at(&self) -> Time;
    /// How urgent it is.
    fn priority(&self) -> Priority;
}

/// Entries of sorted requests: each has its requests in their order, and stands where its first one stands. Requests
/// fold if one caller's agent asked for the same tool within a minute. None of them is urgent: an urgent one is shown.
pub(super) fn fold<T: Foldable>(sorted: Vec<T>) -> Vec<Vec<T>> {
    let mut by_time: Vec<usize> = (0..sorted.len()).collect();
    by_time.sort_by_key(|place| (sorted[*place].created_at(), *place));
    // Groups of places; of each kin the newest group takes further requests until its minute is over.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut open: HashMap<&Kin, (Time, usize)> = HashMap::new();
    for place in by_time {
        let (kin, created) = (sorted[place].kin(), sorted[place].created_at());
        match open.get(kin) {
            Some((first, group)) if (created - *first).to_std().is_ok_and(|span| span <= WITHIN) => {
                groups[*group].push(place);
            }
            _ => {
                open.insert(kin, (created, groups.len()));
                groups.push(vec![place]);
            }
        }
    }
    drop(open);
    let mut group_of = vec![0; sorted.len()];
    for (number, group) in groups.iter().enumerate() {
        for place in group {
            group_of[*place] = number;
        }
    }
    let is_open = |group: &[usize]| group.iter().any(|place| sorted[*place].priority() == Priority::Urgent);
    let unfolded: Vec<bool> = groups.iter().map(|group| is_open(group)).collect();
    let mut entries: Vec<Vec<T>> = Vec::new();
    let mut entry_of: HashMap<usize, usize> = HashMap::new();
    for (place, one) in sorted.into_iter().enumerate() {
        let group = group_of[place];
        match entry_of.get(&group) {
            Some(entry) if !unfolded[group] => entries[*entry].push(one),
            _ => {
                entry_of.insert(group, entries.len());
                entries.push(vec![one]);
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ActorKind, samples::actor, samples::at};

    struct One {
        name: &'static str,
        kin: Kin,
        created_at: Time,
        priority: Priority,
    }

    impl Foldable for One {
        fn kin(&self) -> &Kin {
            &self.kin
        }

        fn created_at(&self) -> Time {
            self.created_at
        }

        fn priority(&self) -> Priority {
            self.priority
        }
    }

    fn one(name: &'static str, tool: &str, created_at: i64) -> One {
        let kin = Kin { caller: actor(ActorKind::Agent, "a"), agent: "bot".into(), tool: tool.into() };
        One { name, kin, created_at: at(created_at), priority: Priority::Normal }
    }

    fn folded(sorted: Vec<One>) -> Vec<String> {
        let names = |entry: &Vec<One>| entry.iter().map(|one| one.name).collect::<String>();
        fold(sorted).iter().map(names).collect()
    }

    #[test]
    fn one_agents_requests_of_a_minute_fold_where_the_first_stands() {
        let rows = vec![one("a", "x", 60), one("b", "y", 0), one("c", "x", 0), one("d", "x", 61), one("e", "x", 121)];
        assert_eq!(folded(rows), ["ac", "b", "de"]);
        assert_eq!(folded(vec![]), [""; 0]);
    }

    #[test]
    fn other_callers_and_agents_do_not_fold() {
        let other = |kin: Kin| One { kin, ..one("b", "x", 0) };
        let kin = one("a", "x", 0).kin;
        for kin in [
            Kin { caller: actor(ActorKind::Agent, "other"), ..kin.clone() },
            Kin { agent: "other".into(), ..kin.clone() },
            Kin { tool: "other".into(), ..kin },
        ] {
            assert_eq!(folded(vec![one("a", "x", 0), other(kin)]), ["a", "b"]);
        }
    }

    #[test]
    fn nothing_folds_with_an_urgent_one() {
        let urgent = One { priority: Priority::Urgent, ..one("a", "x", 3) };
        let high = One { priority: Priority::High, ..one("d", "y", 3) };
        let rows = vec![urgent, one("b", "x", 0), one("c", "x", 1), high, one("e", "y", 0)];
        assert_eq!(folded(rows), ["a", "b", "c", "de"]);
    }
}
