//! Lists: filters, orders and pages.

use chrono::TimeDelta;

use super::*;

/// The numbers of the approvals that a filter matches, read in both orders.
async fn numbers(store: &dyn Store, filter: Filter) -> Vec<u64> {
    let ids = |page: Page| page.approvals.iter().map(|approval| approval.id).collect::<Vec<_>>();
    let oldest = ids(store.list(oldest_first(filter.clone())).await.unwrap());
    let newest = Query { order: Order::NewestFirst, ..oldest_first(filter) };
    let mut newest = ids(store.list(newest).await.unwrap());
    newest.reverse();
    assert_eq!(oldest, newest);
    oldest.iter().map(|id| id.uuid().as_u64_pair().1 & 0xff).collect()
}

fn labels(labels: &[(&str, &str)]) -> Filter {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Filter { labels, ..Filter::default() }
}

fn statuses(statuses: &[Status]) -> Filter {
    Filter { statuses: statuses.to_vec(), ..Filter::default() }
}

fn tool(name: &str) -> Filter {
    Filter { tool_name: Some(name.into()), ..Filter::default() }
}

pub async fn each_filter_selects(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    let stranger = with(submission(10, 10), |request| request.caller = actor(ActorKind::Agent, "agent-2"));
    subject.store().submit(stranger).await.unwrap();
    let agent = |name: &str| Filter { agent_name: Some(name.into()), ..Filter::default() };
    let caller = |name: &str| Filter { caller: Some(name.into()), ..Filter::default() };
    let cases = [
        (Filter::default(), vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (Filter::pending(), vec![1, 3, 7, 10]),
        (statuses(&[Status::Approved]), vec![2]),
        (statuses(&[Status::Rejected]), vec![4]),
        (statuses(&[Status::TimedOut]), vec![6]),
        (statuses(&[Status::Cancelled]), vec![5]),
        (statuses(&[Status::AutoApproved]), vec![8]),
        (statuses(&[Status::AutoRejected]), vec![9]),
        (statuses(&[Status::Cancelled, Status::Approved, Status::Cancelled]), vec![2, 5]),
        (statuses(&Status::ALL), vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (tool("tool-0"), vec![3, 6, 9]),
        (tool("tool"), vec![]),
        (tool("tool-0\0"), vec![]),
        (tool(""), vec![]),
        (agent("bot-1"), vec![1, 3, 5, 7, 9]),
        (agent("bot-2"), vec![]),
        (caller("test/agent"), vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (caller("test/agent-2"), vec![10]),
        (caller("test"), vec![]),
        (labels(&[("n", "4")]), vec![4]),
        (labels(&[("n", "")]), vec![]),
        (labels(&[("team", "billing")]), vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (labels(&[("team", "bill")]), vec![]),
        (labels(&[("tea", "m")]), vec![]),
        (labels(&[("billing", "team")]), vec![]),
    ];
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        for (filter, expected) in &cases {
            assert_eq!(&numbers(&**subject.store(), filter.clone()).await, expected, "{filter:?}");
        }
    }
}

pub async fn filters_combine(subject: impl Subject) {
    let store = &**subject.store();
    fill(store).await;
    let range =
        |from, before| Filter { created_from: Some(at(from)), created_before: Some(at(before)), ..tool("tool-1") };
    for (filter, expected) in [
        (Filter { agent_name: Some("bot-1".into()), ..tool("tool-1") }, vec![1, 7]),
        (
            Filter {
                agent_name: Some("bot-1".into()),
                ..Filter { tool_name: Some("tool-0".into()), ..Filter::pending() }
            },
            vec![3],
        ),
        (Filter { tool_name: Some("tool-2".into()), ..Filter::pending() }, vec![]),
        (Filter { statuses: vec![Status::Approved, Status::AutoApproved], ..tool("tool-2") }, vec![2, 8]),
        (Filter { caller: Some("test/agent".into()), ..labels(&[("n", "5"), ("team", "billing")]) }, vec![5]),
        (labels(&[("n", "5"), ("team", "sales")]), vec![]),
        (range(1, 7), vec![1, 4]),
        (range(2, 8), vec![4, 7]),
        (range(8, 2), vec![]),
        (Filter { statuses: vec![Status::Pending], ..range(1, 8) }, vec![1, 7]),
    ] {
        assert_eq!(numbers(store, filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn pages_join_up_in_both_orders(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=23 {
        let new =
            with(submission(i64::try_from(n % 5).unwrap(), n), |request| request.tool_name = format!("t{}", n % 2));
        store.submit(new).await.unwrap();
    }
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for filter in [Filter::default(), tool("t1"), Filter { tool_name: Some("t0".into()), ..Filter::pending() }] {
            let mut whole: Vec<_> = Vec::new();
            for n in 1..=23 {
                let approval = store.get(id(i64::try_from(n % 5).unwrap(), n)).await.unwrap();
                whole.extend(filter.matches(&approval).then_some(approval.id));
            }
            whole.sort_unstable();
            if order == Order::NewestFirst {
                whole.reverse();
            }
            for limit in [1, 2, 5, 11, 12, 23, 24] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = store.list(Query { filter: filter.clone(), order, after, limit }).await.unwrap();
                    assert!(page.approvals.len() <= limit);
                    found.extend(page.approvals.iter().map(|approval| approval.id));
                    assert_eq!(page.next.is_some(), found.len() < whole.len(), "a next page is never empty");
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                    assert_eq!(after, found.last().copied());
                }
                assert_eq!(found, whole, "{order:?} by {limit}");
            }
        }
        let beyond = match order {
            Order::OldestFirst => uuid::Uuid::max(),
            Order::NewestFirst => uuid::Uuid::nil(),
        };
        for after in [ApprovalId::new(beyond), if order == Order::OldestFirst { id(9, 1) } else { id(-9, 1) }] {
            let query = Query { order, after: Some(after), ..oldest_first(Filter::default()) };
            let page = store.list(query).await.unwrap();
            assert_eq!((page.approvals.len(), page.next), (0, None));
        }
    }
    let none = store.list(Query { limit: 0, ..oldest_first(Filter::default()) }).await.unwrap();
    assert_eq!((none.approvals.len(), none.next), (0, None));
}

pub async fn pages_hold_still_under_inserts(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=6 {
        store.submit(submission(10 * i64::try_from(n).unwrap(), n)).await.unwrap();
    }
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let (mut found, mut after) = (Vec::new(), None);
        for page_number in 0..3 {
            let query = Query { filter: Filter::default(), order, after, limit: 2 };
            let page = store.list(query).await.unwrap();
            found.extend(page.approvals.iter().map(|approval| approval.id));
            after = page.next;
            // One before all others and one after them: neither belongs to a list that was started before.
            let n = 20 + 10 * page_number + u64::from(order == Order::NewestFirst);
            let behind = if order == Order::OldestFirst { 1 } else { 100 + page_number.cast_signed() };
            store.submit(submission(behind, n)).await.unwrap();
        }
        let mut expected: Vec<_> = (1..=6).map(|n| id(10 * n, n.unsigned_abs())).collect();
        if order == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(found[..6], expected, "{order:?}");
    }
}

pub async fn time_ranges_are_exact_to_the_microsecond(subject: impl Subject) {
    let store = &**subject.store();
    let moment = |micros| at(1) + TimeDelta::microseconds(micros);
    for (n, micros) in (1..).zip([-1_001, -1_000, -1, 0, 1, 999, 1_000, 1_001]) {
        let now = moment(micros);
        let millis = u64::try_from(now.timestamp_millis()).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0, 0, 0, 0, 0, 0, 0, 0, 0, n]).into_uuid();
        let new = Submission { id: ApprovalId::new(id), now, ..submission(1, u64::from(n)) };
        store.submit(new).await.unwrap();
    }
    let range = |from: Option<i64>, before: Option<i64>| Filter {
        created_from: from.map(moment),
        created_before: before.map(moment),
        ..Filter::default()
    };
    for (filter, expected) in [
        (range(Some(0), None), vec![4, 5, 6, 7, 8]),
        (range(Some(1), None), vec![5, 6, 7, 8]),
        (range(None, Some(0)), vec![1, 2, 3]),
        (range(None, Some(1)), vec![1, 2, 3, 4]),
        (range(Some(0), Some(1)), vec![4]),
        (range(Some(0), Some(0)), vec![]),
        (range(Some(-1_000), Some(1_000)), vec![2, 3, 4, 5, 6]),
        (range(Some(2), Some(999)), vec![]),
        (range(Some(1_001), None), vec![8]),
        (range(Some(1_002), None), vec![]),
        (range(None, Some(-1_001)), vec![]),
        (Filter { created_from: Some(at(-3_000_000_000)), ..Filter::default() }, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (Filter { created_before: Some(at(-3_000_000_000)), ..Filter::default() }, vec![]),
    ] {
        assert_eq!(numbers(store, filter.clone()).await, expected, "{filter:?}");
    }
}
