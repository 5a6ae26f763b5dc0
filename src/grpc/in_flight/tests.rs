use std::{
    collections::VecDeque,
    pin::Pin,
    sync::atomic::AtomicBool,
    task::{Wake, Waker},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use tonic::Status;

use super::*;
use crate::domain::ActorKind;

const MIB: usize = 1 << 20;

fn actor(subject: &str) -> Actor {
    Actor { kind: ActorKind::Person, issuer: "idp".into(), subject: subject.into() }
}

fn quota(server: usize, per_connection: usize, per_caller: usize) -> Arc<InFlightQuota> {
    InFlightQuota::new(&CallLimits {
        in_flight_bytes: server,
        in_flight_bytes_per_connection: per_connection,
        in_flight_bytes_per_caller: per_caller,
        ..CallLimits::default()
    })
}

/// A body of ready chunks.
struct Chunks(VecDeque<usize>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(|size| Ok(Frame::data(vec![0; size].into()))))
    }
}

/// A polled reply that records whether it was woken.
struct Reply {
    body: Pin<Box<Outgoing<Chunks>>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Reply {
    fn new(charge: Arc<Charge>, streams: bool, chunks: &[usize]) -> Self {
        let mut response = Response::new(Chunks(chunks.iter().copied().collect()));
        response.extensions_mut().insert(Carried { charge, streams });
        Self { body: Box::pin(metered(response).into_body()), woken: Arc::default() }
    }

    /// The next chunk. `None` if it has to wait.
    fn next(&mut self) -> Option<Bytes> {
        self.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.body.as_mut().poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
            Poll::Ready(other) => panic!("over: {:?}", other.map(|frame| frame.is_ok())),
            Poll::Pending => None,
        }
    }

    fn woken(&self) -> bool {
        self.woken.0.load(Ordering::SeqCst)
    }
}

fn refused(outcome: Result<Arc<Charge>, Failure>) -> Option<(Where, usize)> {
    match outcome {
        Err(Failure::TooManyCalls { scope, limit }) => Some((scope, limit)),
        other => other.map(|_| None).unwrap(),
    }
}

#[test]
fn a_unary_call_counts_from_its_head_until_its_reply_is_taken() {
    let quota = quota(MIB, MIB, MIB);
    let (ann, connection) = (actor("ann"), Arc::<Scope>::default());
    let used = || (quota.server.used(), connection.used());
    let charge = quota.open(Some(&connection), &ann, Method::ListPending).unwrap();
    assert_eq!(used(), (PAGE, PAGE));
    let mut reply = Reply::new(charge, false, &[50_000]);
    let sent = reply.next().unwrap();
    assert_eq!(used(), (50_000, 50_000), "what was reserved is settled");
    drop(reply);
    let (one, other) = (sent.slice(..10), sent.slice(10..));
    drop((sent, one));
    assert_eq!(used(), (50_000, 50_000), "the transport still has a part of it");
    drop(other);
    assert_eq!(used(), (0, 0));
    assert!(quota.callers().is_empty(), "nobody is remembered who has nothing in flight");

    let mut small = Reply::new(quota.open(None, &ann, Method::Decide).unwrap(), false, &[3]);
    let sent = small.next().unwrap();
    drop(small);
    assert_eq!(quota.server.used(), CALL, "a small reply counts as a call");
    drop(sent);
    assert_eq!(quota.server.used(), 0);
}

/// Each of them seems to be the last one.
#[test]
fn nobody_is_remembered_whose_calls_end_together() {
    let quota = quota(8 * MIB, 8 * MIB, 8 * MIB);
    let arrived = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for n in 0..20_000 {
                    let charge = quota.open(None, &actor(&n.to_string()), Method::Decide).unwrap();
                    arrived.fetch_add(1, Ordering::SeqCst);
                    // Spinning brings them closer together in time than waking.
                    while arrived.load(Ordering::SeqCst) < 2 * (n + 1) {
                        std::thread::yield_now();
                    }
                    drop(charge);
                }
            });
        }
    });
    assert!(quota.callers().is_empty(), "{} names are left", quota.callers().len());
}

#[test]
fn each_scope_refuses_what_is_too_much_and_then_counts_nothing() {
    let quota = quota(3 * MIB, 2 * MIB, MIB);
    let (one, other) = (Arc::<Scope>::default(), Arc::<Scope>::default());
    let open = |connection, who: &str| quota.open(Some(connection), &actor(who), Method::ListPending);
    let _first = open(&one, "ann").unwrap();
    assert_eq!(refused(open(&other, "ann")), Some((Where::Caller, MIB)), "the caller's, whichever connection");
    let bob = quota.open(Some(&one), &actor("bob"), Method::Decide).unwrap();
    assert_eq!(refused(open(&one, "bob")), Some((Where::Caller, MIB)));
    drop(bob);
    // A caller with nothing in flight gets some, however much others have.
    let crowd: Vec<_> = ["bob", "cid", "dan"].map(|who| open(&one, who).unwrap()).into();
    assert_eq!((one.used(), quota.server.used()), (4 * MIB, 4 * MIB));
    drop(crowd);
    assert_eq!((one.used(), other.used(), quota.server.used()), (MIB, 0, MIB));
}

#[test]
fn connections_and_the_server_refuse_a_caller_that_has_something() {
    let quota = quota(3 * MIB, 2 * MIB, 8 * MIB);
    let connections = [(); 3].map(|()| Arc::<Scope>::default());
    let open = |at: usize| quota.open(Some(&connections[at]), &actor("ann"), Method::ListPending);
    let held: Vec<_> = [0, 0, 1].map(|at| open(at).unwrap()).into();
    assert_eq!(refused(open(0)), Some((Where::Connection, 2 * MIB)));
    assert_eq!(refused(open(2)), Some((Where::Server, 3 * MIB)));
    drop(held);
    assert!(connections.iter().all(|connection| connection.used() == 0));
}

#[test]
fn a_reply_that_is_made_takes_the_place_of_what_was_reserved() {
    let quota = quota(8 * MIB, 8 * MIB, 8 * MIB);
    let open = |method| quota.open(None, &actor("ann"), method);
    let charge = open(Method::WaitApproval).unwrap();
    assert_eq!(quota.server.used(), CALL, "it is no stream until its message is there");
    charge.waits();
    assert_eq!(quota.server.used(), STREAM);
    charge.reply(270_000).unwrap();
    assert_eq!(quota.server.used(), 270_000);
    charge.reply(3).unwrap();
    assert_eq!(quota.server.used(), CALL, "a small reply counts as a call");
    let hog = open(Method::GetApproval).unwrap();
    hog.reply(7 * MIB).unwrap();
    let before = quota.server.used();
    assert!(matches!(charge.reply(2 * MIB), Err(Failure::TooManyCalls { scope: Where::Caller, .. })));
    assert_eq!(quota.server.used(), before, "what is refused is not counted");
}

/// There might be no room for its reply after the change is recorded.
#[test]
fn a_call_that_changes_something_is_refused_before_it_does() {
    let quota = quota(8 * MIB, 8 * MIB, 8 * MIB);
    let open = |method| quota.open(None, &actor("ann"), method);
    let hog = open(Method::GetApproval).unwrap();
    hog.reply(8 * MIB - 2 * CALL).unwrap();
    for change in [Method::Decide, Method::CancelApproval, Method::ClaimExecution, Method::ReportExecution] {
        assert_eq!(refused(open(change)), Some((Where::Caller, 8 * MIB)), "{change:?}");
        assert!(quota.open(None, &actor("bob"), change).is_ok(), "others have room of their own");
    }
    assert!(open(Method::GetApproval).is_ok(), "what changes nothing is tried");
    hog.reply(7 * MIB - CALL).unwrap();
    let decide = open(Method::Decide).unwrap();
    assert_eq!(quota.server.used(), 7 * MIB, "no more is counted than is known");
    drop(decide);
}

#[test]
fn a_message_counts_while_it_comes_in() {
    let quota = quota(MIB, MIB, MIB);
    let charge = quota.open(None, &actor("ann"), Method::Decide).unwrap();
    charge.grow(500_000).unwrap();
    assert_eq!(quota.server.used(), CALL + 500_000);
    assert!(matches!(charge.grow(MIB), Err(Failure::TooManyCalls { scope: Where::Caller, limit: MIB })));
    assert_eq!(quota.server.used(), CALL + 500_000, "what is refused is not counted");
    drop(charge);
    assert_eq!(quota.server.used(), 0);
}

#[test]
fn a_stream_that_is_not_read_has_little_ahead() {
    let quota = quota(8 * MIB, 8 * MIB, 8 * MIB);
    let charge = quota.open(None, &actor("ann"), Method::WatchPending).unwrap();
    let mut stream = Reply::new(charge, true, &[AHEAD / 2; 10]);
    let sent = [stream.next().unwrap(), stream.next().unwrap()];
    assert!(stream.next().is_none(), "two halves are ahead");
    let [first, _second] = sent;
    drop(first);
    assert!(stream.woken());
    let _third = stream.next().unwrap();
    assert!(stream.next().is_none());
}

/// A server without room for streams: one unread reply takes three quarters of it.
struct Full {
    quota: Arc<InFlightQuota>,
    _hog: Reply,
    unread: Option<Bytes>,
}

impl Full {
    fn by(subject: &str) -> Self {
        let quota = quota(8 * MIB, 8 * MIB, 8 * MIB);
        let charge = quota.open(None, &actor(subject), Method::WatchPending).unwrap();
        let mut hog = Reply::new(charge, true, &[6 * MIB]);
        let unread = hog.next();
        assert!(unread.is_some());
        Self { quota, _hog: hog, unread }
    }

    fn stream(&self, subject: &str, chunks: &[usize]) -> Reply {
        Reply::new(self.quota.open(None, &actor(subject), Method::WatchPending).unwrap(), true, chunks)
    }
}

fn woken(streams: &[Reply]) -> Vec<bool> {
    streams.iter().map(Reply::woken).collect()
}

#[test]
fn streams_wait_for_room_in_turn_and_lose_nothing() {
    let mut full = Full::by("ann");
    let mut streams: Vec<_> = (0..3).map(|n| full.stream("ann", &[1_000 + n, 5])).collect();
    assert!(streams.iter_mut().all(|stream| stream.next().is_none()));
    assert!(full.quota.open(None, &actor("ann"), Method::ListPending).is_ok(), "unary calls have the rest");
    // The room that the list gave back is not for streams: the one woken for it waits behind the others.
    assert_eq!(woken(&streams), [true, false, false]);
    assert!(streams[0].next().is_none());
    full.unread.take(); // read at last, and with it nothing of the caller's is left: all may look
    assert!(woken(&streams).iter().all(|woken| *woken));
    let sent: Vec<_> = streams.iter_mut().map(|stream| stream.next().unwrap().len()).collect();
    assert_eq!(sent, [1_000, 1_001, 1_002]);
    drop(streams);
    drop(full._hog);
    assert_eq!(full.quota.server.used(), 0);
    assert!(full.quota.callers().is_empty());
}

#[test]
fn a_turn_that_is_not_used_is_passed_on() {
    let mut full = Full::by("ann");
    let charge = full.quota.open(None, &actor("ann"), Method::WatchPending).unwrap();
    let mut other = Reply::new(charge, false, &[1_000]); // keeps the caller from having nothing in flight
    let held = other.next();
    let mut streams: Vec<_> = (0..3).map(|n| full.stream("ann", &[10 + n])).collect();
    assert!(streams.iter_mut().all(|stream| stream.next().is_none()));
    full.unread.take();
    assert_eq!(woken(&streams), [true, false, false], "one by one");
    drop(streams.remove(0)); // was woken, and leaves
    assert!(streams[0].woken(), "and the next one is woken instead");
    assert_eq!(streams[0].next().unwrap().len(), 10 + 1);
    assert!(streams[1].woken(), "there still is room: the next one is woken");
    drop(held);
}

/// However much others hold and never read.
#[test]
fn nobody_is_kept_waiting_by_others() {
    let full = Full::by("hog");
    let mut streams: Vec<_> = (0..2).map(|_| full.stream("ann", &[10, 20])).collect();
    let first = streams[0].next().expect("a caller of which nothing is unread has a message");
    assert!(streams[1].next().is_none(), "and then one at a time");
    drop(first);
    assert!(streams[1].woken());
    assert_eq!(streams[1].next().unwrap().len(), 10);
    assert!(full.quota.open(None, &actor("ann"), Method::ListPending).is_ok());
}
