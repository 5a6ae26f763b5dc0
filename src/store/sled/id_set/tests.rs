use chrono::TimeDelta;
use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::domain::{Status, Time, samples::at};

const NAMES: [&str; 4] = ["", "a", "ab", "b"];

fn pages(db: &sled::Db) -> TreeReader {
    TreeReader::new(sled::Tree::clone(db))
}

fn numbered(n: u128) -> ApprovalId {
    ApprovalId::new(Uuid::from_u128(n))
}

/// The result of a seek with an unlimited budget.
fn sought(set: &IdSet<'_>, from: ApprovalId, order: Order) -> Option<ApprovalId> {
    match set.seek(from, order, &mut usize::MAX.clone()).unwrap() {
        Sought::Found(id) => Some(id),
        Sought::Nothing => None,
        Sought::Paused(id) => panic!("paused at {id}"),
    }
}

#[test]
fn sets_that_hardly_overlap_are_walked_in_stages() {
    let directory = tempfile::tempdir().unwrap();
    let db = sled::Config::new().path(directory.path()).flush_every_ms(None).open().unwrap();
    for n in 0..1_000 {
        let field = if n % 2 == 0 { Field::Tool("a") } else { Field::Agent("a") };
        db.insert(field.key(numbered(n)), &[]).unwrap();
    }
    for field in [Field::Tool("a"), Field::Agent("a")] {
        db.insert(field.key(numbered(5_000)), &[]).unwrap();
    }
    let filter = Filter { tool_name: Some("a".into()), agent_name: Some("a".into()), ..Filter::default() };
    let pages = pages(&db);
    let set = IdSet::of(&pages, &filter);
    let (mut from, mut stages) = (numbered(0), 0);
    let found = loop {
        match set.seek(from, Order::OldestFirst, &mut 100).unwrap() {
            Sought::Paused(id) => {
                assert!(id > from, "no progress from {from}");
                from = id;
                stages += 1;
            }
            Sought::Found(id) => break id,
            Sought::Nothing => panic!("there is one"),
        }
    };
    assert_eq!(found, numbered(5_000));
    assert!(stages >= 5, "{stages}");
}

/// The index entries of one approval.
#[derive(Clone, Debug)]
struct Entry {
    status: Status,
    tool: usize,
    agent: usize,
    caller: usize,
    labels: Vec<(usize, usize)>,
    pieces: u8,
}

impl Entry {
    fn write(&self, tree: &sled::Tree, id: ApprovalId) {
        let mut fields = vec![
            Field::All,
            Field::Status(self.status),
            Field::Tool(NAMES[self.tool]),
            Field::Agent(NAMES[self.agent]),
            Field::Caller(NAMES[self.caller]),
        ];
        fields.extend(self.labels.iter().map(|(key, value)| Field::Label(NAMES[*key], NAMES[*value])));
        for field in fields {
            tree.insert(field.key(id), &[]).unwrap();
        }
        for piece in 1..=self.pieces {
            tree.insert([keys::head(id), vec![piece]].concat(), &[]).unwrap();
        }
    }

    fn matches(&self, filter: &Filter) -> bool {
        let wanted = |name: &Option<String>, is: usize| name.as_deref().is_none_or(|name| name == NAMES[is]);
        let has =
            |key: &str, value: &str| self.labels.iter().any(|label| (NAMES[label.0], NAMES[label.1]) == (key, value));
        (filter.statuses.is_empty() || filter.statuses.contains(&self.status))
            && wanted(&filter.tool_name, self.tool)
            && wanted(&filter.agent_name, self.agent)
            && wanted(&filter.caller, self.caller)
            && filter.labels.iter().all(|(key, value)| has(key, value))
    }
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(&Status::ALL[..3])
}

fn entries() -> impl Strategy<Value = std::collections::BTreeMap<u128, Entry>> {
    let name = || 0..NAMES.len();
    let labels = prop::collection::vec((name(), name()), 0..3);
    let entry = (status(), name(), name(), name(), labels, 0..3_u8);
    let entry = entry.prop_map(|(status, tool, agent, caller, labels, pieces)| Entry {
        status,
        tool,
        agent,
        caller,
        labels,
        pieces,
    });
    let number = prop_oneof![8 => 0..60_u128, 1 => Just(u128::MAX), 1 => Just(255 << 8)];
    prop::collection::btree_map(number, entry, 0..60)
}

fn filter() -> impl Strategy<Value = Filter> {
    let name = || prop::option::weighted(0.3, prop::sample::select(&NAMES[..]).prop_map(str::to_owned));
    let label = || prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    let labels = prop::collection::btree_map(label(), label(), 0..2);
    (prop::collection::vec(status(), 0..4), name(), name(), name(), labels).prop_map(
        |(statuses, tool_name, agent_name, caller, labels)| Filter {
            statuses,
            tool_name,
            agent_name,
            caller,
            labels,
            ..Filter::default()
        },
    )
}

/// Walks and single seeks find the same ids as a scan of all entries.
#[test]
fn seeking_is_the_intersection() {
    let db = sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap();
    let pages = pages(&db);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    let starts = prop::collection::vec(0..70_u128, 4);
    let property = |(entries, filters, starts): (std::collections::BTreeMap<u128, Entry>, Vec<Filter>, Vec<u128>)| {
        db.clear().unwrap();
        for (number, entry) in &entries {
            entry.write(&db, numbered(*number));
        }
        for filter in filters {
            let set = IdSet::of(&pages, &filter);
            let matching: Vec<_> =
                entries.iter().filter(|(_, entry)| entry.matches(&filter)).map(|(n, _)| *n).collect();
            for start in starts.iter().copied().chain([0, u128::MAX]) {
                let oldest = matching.iter().copied().find(|n| *n >= start).map(numbered);
                let newest = matching.iter().rev().copied().find(|n| *n <= start).map(numbered);
                prop_assert_eq!(sought(&set, numbered(start), Order::OldestFirst), oldest);
                prop_assert_eq!(sought(&set, numbered(start), Order::NewestFirst), newest);
            }
            for (order, first) in [(Order::OldestFirst, 0), (Order::NewestFirst, u128::MAX)] {
                let (mut walked, mut from) = (Vec::new(), Some(numbered(first)));
                while let Some(found) = from.and_then(|from| sought(&set, from, order)) {
                    walked.push(found.uuid().as_u128());
                    from = beyond(found, order);
                }
                walked.sort_unstable();
                prop_assert_eq!(&walked, &matching);
            }
        }
        Ok(())
    };
    runner.run(&(entries(), prop::collection::vec(filter(), 1..8), starts), property).unwrap();
}

/// A list that reads the statuses one after the other must not miss an approval that leaves PENDING meanwhile.
#[test]
fn pending_is_read_before_other_statuses() {
    let db = sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap();
    let statuses = vec![Status::Approved, Status::Pending, Status::Rejected, Status::Pending];
    let pages = pages(&db);
    let set = IdSet::of(&pages, &Filter { statuses, ..Filter::default() });
    let IdSet::All(all) = set else { panic!("an intersection") };
    let [IdSet::Any(any)] = &all[..] else { panic!("a union") };
    let prefixes: Vec<_> = any
        .iter()
        .map(|set| match set {
            IdSet::Index { prefix, .. } => prefix.clone(),
            IdSet::Any(_) | IdSet::All(_) => panic!("an index"),
        })
        .collect();
    assert_eq!(prefixes, [Status::Pending, Status::Approved, Status::Rejected].map(|is| Field::Status(is).prefix()));
}

#[test]
fn beyond_stops_at_the_ends() {
    for (id, older, newer) in [(0, None, Some(1)), (u128::MAX, Some(u128::MAX - 1), None), (7, Some(6), Some(8))] {
        assert_eq!(beyond(numbered(id), Order::OldestFirst), newer.map(numbered));
        assert_eq!(beyond(numbered(id), Order::NewestFirst), older.map(numbered));
    }
}

#[test]
fn bounds_include_every_id_of_their_time_range() {
    let id = |millis: i64, rest: u8| {
        let millis = u64::try_from(at(0).timestamp_millis() + millis).unwrap();
        ApprovalId::new(uuid::Builder::from_unix_timestamp_millis(millis, &[rest; 10]).into_uuid())
    };
    let bounds = |from: Option<Time>, before| {
        let (low, high) = Filter { created_from: from, created_before: before, ..Filter::default() }.id_bounds();
        move |id: ApprovalId| low <= id && id <= high
    };
    let micros = |micros| Some(at(0) + TimeDelta::microseconds(micros));
    let all = bounds(None, None);
    assert!(all(numbered(0)) && all(numbered(u128::MAX)));
    // Created within a millisecond: its id has that millisecond, whatever the rest.
    let within = bounds(micros(500), micros(501));
    assert!(within(id(0, 0)) && within(id(0, 0xff)));
    assert!(!within(id(-1, 0xff)));
    // A generator that ran ahead by up to a second.
    assert!(within(id(999, 0xff)) && !within(id(1_001, 0)));
    let until = bounds(None, micros(0));
    assert!(until(numbered(0)) && until(id(-1, 0xff)));
}
