#![expect(clippy::disallowed_methods, reason = "buckets start at an instant")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Wake, Waker},
    time::Duration,
};

use super::{unauthenticated_calls::Room, *};

const SECOND: Duration = Duration::from_secs(1);

fn limits(connections: u32, unauthenticated: u32, per_address: u32) -> ConnectionLimits {
    ConnectionLimits {
        open: connections,
        unauthenticated_connections: unauthenticated,
        unauthenticated_per_address: per_address,
        ..ConnectionLimits::default()
    }
}

struct Registry {
    connections: Connections,
    metrics: Metrics,
    start: Instant,
}

impl Registry {
    fn new(limits: &ConnectionLimits) -> Self {
        let metrics = Metrics::new("1");
        Self { connections: Connections::new(limits, metrics.clone()), metrics, start: Instant::now() }
    }

    fn admit(&self, address: &str) -> Ticket {
        self.connections.admit(address.parse().unwrap(), Stage::Silent, self.start).unwrap()
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.render(chrono::DateTime::UNIX_EPOCH).lines().any(|found| found == line)
    }

    fn open(&self) -> u32 {
        self.connections.0.lock().open
    }
}

fn is_open(ticket: &Ticket) -> bool {
    ticket.link().poll_reader(&Context::from_waker(Waker::noop())).is_ok()
}

fn open(tickets: &[&Ticket]) -> Vec<bool> {
    tickets.iter().map(|ticket| is_open(ticket)).collect()
}

#[test]
fn the_longest_idle_connection_is_evicted() {
    let registry = Registry::new(&limits(3, 100, 100));
    let [first, second, third] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|address| registry.admit(address));
    first.link().authenticated("ann");
    let fourth = registry.admit("192.0.2.4");
    assert_eq!(open(&[&first, &second, &third, &fourth]), [true, false, true, true]);
    assert!(registry.shows(r#"signoff_connections_closed_total{reason="evicted"} 1"#));
    assert!(registry.shows(r#"signoff_connections{state="authenticated"} 1"#));
    assert!(registry.shows(r#"signoff_connections{state="unauthenticated"} 2"#));
    drop(second); // its place went to the fourth
    assert_eq!(registry.open(), 3);
    drop((first, third, fourth));
    assert_eq!(registry.open(), 0);
    assert!(registry.connections.0.lock().unauthenticated.is_empty());
}

#[test]
fn authenticated_connections_are_not_evicted() {
    let registry = Registry::new(&limits(2, 100, 100));
    let [first, second] = ["192.0.2.1", "192.0.2.1"].map(|address| registry.admit(address));
    first.link().authenticated("ann");
    second.link().authenticated("ann");
    second.link().authenticated("ann"); // with every call again
    let refused = registry.connections.admit("192.0.2.2".parse().unwrap(), Stage::Silent, registry.start);
    assert_eq!(refused.unwrap_err(), Full { limit: 2 });
    assert!(!registry.connections.evict());
    assert_eq!(open(&[&first, &second]), [true, true]);
    assert!(registry.shows(r#"signoff_connections_closed_total{reason="refused"} 1"#));
    drop(first);
    let _third = registry.admit("192.0.2.2");
    assert_eq!(registry.open(), 2);
}

#[test]
fn unauthenticated_connections_are_limited_per_address_and_in_total() {
    let registry = Registry::new(&limits(100, 3, 2));
    let [one, two] = ["2001:db8::1", "2001:db8::2"].map(|address| registry.admit(address));
    let three = registry.admit("2001:db8::3");
    assert_eq!(open(&[&one, &two, &three]), [false, true, true], "two per network");
    let other = registry.admit("192.0.2.1");
    assert_eq!(open(&[&two, &three, &other]), [true, true, true]);
    let last = registry.admit("192.0.2.2");
    assert_eq!(open(&[&two, &three, &other, &last]), [false, true, true, true], "three in total");
    three.link().authenticated("ann");
    let _again = registry.admit("2001:db8::4");
    assert_eq!(open(&[&three, &other, &last]), [true, true, true], "an authenticated connection is not counted");
}

#[test]
fn answered_calls_reset_the_idle_time() {
    let registry = Registry::new(&limits(2, 100, 100));
    let [probe, silent] = ["192.0.2.1", "192.0.2.1"].map(|address| registry.admit(address));
    probe.link().answered(registry.start);
    let third = registry.admit("192.0.2.1");
    assert_eq!(open(&[&probe, &silent, &third]), [true, false, true]);
    drop((probe, silent, third));
    assert_eq!(registry.open(), 0);
}

#[test]
fn a_closing_connection_takes_no_place() {
    let registry = Registry::new(&limits(1, 100, 100));
    let first = registry.admit("192.0.2.1");
    let second = registry.admit("192.0.2.1");
    first.link().authenticated("ann"); // its call was on the way
    assert_eq!(open(&[&first, &second]), [false, true]);
    drop(first);
    assert_eq!(registry.open(), 1);
    drop(second);
    assert_eq!(registry.open(), 0);
}

/// The crowd has two addresses, each within its own limit; the other clients have one connection each.
#[test]
fn the_address_with_most_connections_makes_room() {
    let registry = Registry::new(&limits(100, 10, 100));
    let honest = registry.admit("192.0.2.9");
    let crowd: Vec<_> = (0..40).map(|n| registry.admit(["192.0.2.1", "192.0.2.2"][n % 2])).collect();
    let newcomer = registry.admit("192.0.2.8");
    let more: Vec<_> = (0..40).map(|n| registry.admit(["192.0.2.1", "192.0.2.2"][n % 2])).collect();
    assert_eq!(open(&[&honest, &newcomer]), [true, true]);
    assert_eq!((registry.open(), more.iter().filter(|ticket| is_open(ticket)).count()), (10, 8));
    assert!(registry.connections.evict());
    assert_eq!(open(&[&honest, &newcomer]), [true, true], "eviction for file descriptors has the same rule");
    drop((crowd, more));
    assert_eq!((registry.open(), registry.connections.0.lock().crowds.len()), (2, 2));
}

/// Takes this number of places.
fn places(registry: &Registry, ticket: &Ticket, kind: UnauthenticatedCall, count: usize) -> Vec<Place> {
    (0..count).map(|_| registry.connections.place(ticket.link(), kind).unwrap()).collect()
}

/// Fills all unauthenticated places, from connections with the maximum number each.
fn fill(registry: &Registry, kind: UnauthenticatedCall, address: impl Fn(u32) -> String) -> (Vec<Ticket>, Vec<Place>) {
    let Room { connection, unauthenticated, .. } = kind.room();
    let (mut tickets, mut held) = (Vec::new(), Vec::new());
    for n in 0..unauthenticated / connection {
        let ticket = registry.admit(&address(n));
        let left = unauthenticated - registry.connections.0.lock().unauthenticated_hold.of(kind);
        held.extend(places(registry, &ticket, kind, left.min(connection) as usize));
        tickets.push(ticket);
    }
    assert_eq!(registry.connections.0.lock().unauthenticated_hold.of(kind), unauthenticated);
    assert!(tickets.iter().all(is_open));
    (tickets, held)
}

const KINDS: [UnauthenticatedCall; 4] = [
    UnauthenticatedCall::Check,
    UnauthenticatedCall::Metrics,
    UnauthenticatedCall::Watch,
    UnauthenticatedCall::Reflection,
];

#[test]
fn connections_with_most_calls_make_room_for_a_call() {
    for kind in KINDS {
        let registry = Registry::new(&ConnectionLimits::default());
        let (idle, honest) = (registry.admit("192.0.2.1"), registry.admit("192.0.2.1"));
        let _one = places(&registry, &honest, kind, 1);
        let (crowd, held) = fill(&registry, kind, |n| format!("198.51.100.{n}"));
        let newcomer = registry.admit("192.0.2.2");
        let mut few = places(&registry, &newcomer, kind, 1);
        assert_eq!(open(&[&idle, &honest, &newcomer]), [true; 3], "{kind:?}");
        assert!(crowd.iter().any(|ticket| !is_open(ticket)), "{kind:?}");
        let connection = kind.room().connection;
        few.extend(places(&registry, &newcomer, kind, connection as usize - 1));
        let refused = registry.connections.place(newcomer.link(), kind).unwrap_err();
        assert_eq!(refused, NoPlace::OnConnection(connection), "{kind:?}");
        drop((few, held));
        let state = registry.connections.0.lock();
        assert_eq!(state.unauthenticated_hold.of(kind), 1, "{kind:?}: places of closed connections are returned once");
    }
}

/// Each connection of the crowd has few calls.
#[test]
fn the_address_with_most_calls_makes_room_for_a_call() {
    let registry = Registry::new(&limits(100_000, 50_000, 5_000));
    let honest = registry.admit("192.0.2.1");
    let _one = places(&registry, &honest, UnauthenticatedCall::Watch, 2);
    let crowd: Vec<_> = (0..1_024).map(|_| registry.admit("192.0.2.2")).collect();
    let held: Vec<_> =
        crowd.iter().flat_map(|ticket| places(&registry, ticket, UnauthenticatedCall::Watch, 1)).collect();
    assert_eq!(crowd.iter().filter(|ticket| !is_open(ticket)).count(), 2, "the crowd evicts its own");
    let newcomer = registry.admit("192.0.2.3");
    let _another = places(&registry, &newcomer, UnauthenticatedCall::Watch, 1);
    assert_eq!(open(&[&honest, &newcomer]), [true, true]);
    assert!(!is_open(&crowd[2]), "the longest idle of the crowd");
    drop(held);
}

#[test]
fn open_calls_move_to_the_caller() {
    for kind in KINDS {
        let registry = Registry::new(&ConnectionLimits::default());
        let (crowd, held) = fill(&registry, kind, |n| format!("198.51.100.{n}"));
        for ticket in &crowd {
            ticket.link().authenticated("ann");
        }
        let probe = registry.admit("192.0.2.1");
        let _place = places(&registry, &probe, kind, 1);
        assert!(crowd.iter().all(is_open), "{kind:?}: a caller is not evicted, and takes no unauthenticated place");
        let Room { unauthenticated, caller, .. } = kind.room();
        let count = || registry.connections.0.lock().callers.get("ann").map_or(0, |held| held.of(kind));
        assert_eq!(count(), unauthenticated, "{kind:?}");
        let ticket = registry.admit("192.0.2.2");
        ticket.link().authenticated("ann");
        assert_eq!(
            registry.connections.place(ticket.link(), kind).unwrap_err(),
            NoPlace::ForCaller(caller),
            "{kind:?}"
        );
        let other = registry.admit("192.0.2.2");
        other.link().authenticated("bob");
        drop(places(&registry, &other, kind, 1));
        drop(held);
        assert_eq!(count(), 0);
        let state = registry.connections.0.lock();
        assert!(state.callers.is_empty() && state.callers_hold == Held::default(), "{kind:?}: {:?}", state.callers);
    }
}

#[test]
fn a_closed_connection_has_no_places() {
    let registry = Registry::new(&limits(1, 100, 100));
    let first = registry.admit("192.0.2.1");
    let held = places(&registry, &first, UnauthenticatedCall::Watch, 3);
    let second = registry.admit("192.0.2.1");
    let hold = |count| {
        let state = registry.connections.0.lock();
        assert_eq!(state.unauthenticated_hold.of(UnauthenticatedCall::Watch), count);
        assert!(state.sources.values().all(|source| source.held.of(UnauthenticatedCall::Watch) == count));
    };
    hold(0);
    assert!(registry.connections.place(first.link(), UnauthenticatedCall::Watch).is_err(), "it gets no place either");
    let renewed = places(&registry, &second, UnauthenticatedCall::Watch, 2);
    second.link().answered(registry.start);
    hold(2);
    drop(held);
    hold(2);
    drop(renewed);
    hold(0);
}

#[test]
fn each_stage_has_its_timeout() {
    let limits = ConnectionLimits::default();
    let (opening, idle) = (limits.handshake_timeout, limits.unauthenticated_idle);
    let cases: [(&[Stage], Duration, &str); 3] = [
        (&[], opening, "silent"),
        (&[Stage::Head], opening, "slow_head"),
        (&[Stage::Head, Stage::Open, Stage::Head], idle, "idle"),
    ];
    for (stages, allowed, reason) in cases {
        let registry = Registry::new(&limits);
        let (ticket, known) = (registry.admit("192.0.2.1"), registry.admit("192.0.2.1"));
        known.link().authenticated("ann");
        for stage in stages {
            ticket.link().reached(*stage, registry.start + SECOND);
        }
        let since = if stages.is_empty() { registry.start } else { registry.start + SECOND };
        registry.connections.sweep(since + allowed - Duration::from_millis(1));
        assert!(is_open(&ticket), "{reason}");
        registry.connections.sweep(since + allowed);
        assert_eq!(open(&[&ticket, &known]), [false, true], "{reason}");
        assert!(registry.shows(&format!("signoff_connections_closed_total{{reason=\"{reason}\"}} 1")), "{reason}");
    }
}

#[test]
fn answers_and_watches_keep_a_connection() {
    let limits = ConnectionLimits::default();
    let registry = Registry::new(&limits);
    let [probe, watcher] = ["192.0.2.1"; 2].map(|address| registry.admit(address));
    probe.link().answered(registry.start);
    watcher.link().reached(Stage::Open, registry.start);
    let watch = places(&registry, &watcher, UnauthenticatedCall::Watch, 1);
    let later = registry.start + limits.unauthenticated_idle - SECOND;
    probe.link().answered(later);
    registry.connections.sweep(later + SECOND);
    assert_eq!(open(&[&probe, &watcher]), [true, true]);
    drop(watch);
    registry.connections.sweep(later + SECOND);
    assert_eq!(open(&[&probe, &watcher]), [true, false]);
}

/// The reflection stream is unread: a stream that is read ends by itself, and counts as answered.
#[test]
fn a_watch_does_not_keep_reflection_open() {
    let limits = ConnectionLimits::default();
    let registry = Registry::new(&limits);
    let [watcher, both] = ["192.0.2.1"; 2].map(|address| registry.admit(address));
    for ticket in [&watcher, &both] {
        ticket.link().reached(Stage::Open, registry.start);
    }
    let _watches = [&watcher, &both].map(|ticket| places(&registry, ticket, UnauthenticatedCall::Watch, 1));
    let _reflection = places(&registry, &both, UnauthenticatedCall::Reflection, 1);
    registry.connections.sweep(registry.start + limits.unauthenticated_idle);
    assert_eq!(open(&[&watcher, &both]), [true, false]);
}

/// Wait of the next bytes.
fn wait(ticket: &Ticket, now: Instant) -> Duration {
    match ticket.link().allowance(now) {
        Allowance::Unpaid(_) => Duration::ZERO,
        Allowance::Paid { wait, .. } => wait,
    }
}

#[test]
fn only_unauthenticated_connections_pay() {
    let registry = Registry::new(&ConnectionLimits::default());
    let now = registry.start;
    let [first, second] = ["192.0.2.1"; 2].map(|address| registry.admit(address));
    let link = first.link();
    assert_eq!(link.allowance(now), Allowance::Unpaid(4 << 10), "the first bytes do not wait");
    link.charge(4 << 10, now);
    let mut paid = 4 << 10;
    let mut last = Duration::ZERO;
    while let Allowance::Paid { bytes, wait } = link.allowance(now)
        && wait.is_zero()
    {
        paid += bytes;
        assert!(paid < 1 << 20);
        last = wait;
    }
    assert_eq!(paid, 256 << 10);
    for _ in 0..10 {
        let next = wait(&first, now);
        assert!(next > last && next < SECOND, "each waits for those before it: {next:?}");
        last = next;
    }
    assert_eq!(wait(&first, now + 60 * SECOND), Duration::ZERO, "time pays");
    assert_eq!(wait(&second, now), Duration::ZERO, "another connection has its own bucket");
    link.authenticated("ann");
    link.charge(u32::MAX, now);
    assert_eq!(link.allowance(now), Allowance::Unpaid(usize::MAX));
    assert_eq!(wait(&second, now), Duration::ZERO);
}

#[test]
fn an_address_pays_for_all_its_connections() {
    let registry = Registry::new(&limits(100_000, 50_000, 5_000));
    let now = registry.start;
    let old = registry.admit("192.0.2.1");
    old.link().charge(4 << 10, now); // no newcomer any more
    let flood: Vec<_> = (0..100).map(|_| registry.admit("192.0.2.1")).collect();
    for ticket in &flood {
        ticket.link().charge(16 << 10, now); // more than an address may, and less than the server may
    }
    assert!(!wait(&old, now).is_zero(), "its address is in debt");
    let elsewhere = registry.admit("192.0.2.2");
    elsewhere.link().charge(4 << 10, now);
    assert!(wait(&elsewhere, now).is_zero());
    let newcomer = registry.admit("192.0.2.1");
    assert!(wait(&newcomer, now).is_zero(), "the first bytes of a new connection do not wait");
    let many: Vec<_> = (0..4_100).map(|_| registry.admit("192.0.2.1")).collect();
    let last = many.last().unwrap();
    assert!(!wait(last, now).is_zero(), "but only up to the burst");
}

#[test]
fn addresses_without_debt_are_forgotten() {
    let registry = Registry::new(&ConnectionLimits::default());
    let known = || registry.connections.0.lock().sources.len();
    let ticket = registry.admit("192.0.2.1");
    ticket.link().charge(1 << 20, registry.start);
    registry.connections.sweep(registry.start);
    assert_eq!(known(), 1);
    drop(ticket);
    registry.connections.sweep(registry.start + SECOND);
    assert_eq!(known(), 1, "reconnecting does not clear the debt");
    registry.connections.sweep(registry.start + 10 * SECOND);
    assert_eq!(known(), 0);
}

#[test]
fn waiting_tasks_are_woken() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let registry = Registry::new(&limits(1, 1, 1));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    let first = registry.admit("192.0.2.1");
    first.link().poll_reader(&cx).unwrap();
    first.link().poll_writer(&cx).unwrap();
    let second = registry.admit("192.0.2.1");
    assert_eq!(count.0.load(Ordering::SeqCst), 2, "closing wakes its reader and its writer");
    assert!(first.link().poll_writer(&cx).is_err());
    second.link().poll_reader(&cx).unwrap();
    second.link().authenticated("ann");
    assert_eq!(count.0.load(Ordering::SeqCst), 3, "an authenticated connection is read immediately");
}
