use std::{
    io,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::Context,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;

use super::{Address, Bucket, Connections, Held, UnauthenticatedCall};
use crate::telemetry::ConnectionEnd;

/// What one stranger's connection may send: 128 KiB a second, after a rest 256 KiB at once. With [`CALL_COST`] that is
/// some 200 health checks a second. What it sends before it is authenticated is also all that it can make the server
/// keep.
const BYTES: (u32, u32) = (128 << 10, 256 << 10);

/// Bytes of a new connection that wait for nothing: enough for an HTTP/2 preface, settings and a call with a token, or
/// for a TLS handshake and most of that.
const FREE_BYTES: u32 = 4 << 10;

/// What a stranger pays for at once.
const CHUNK: u32 = 4 << 10;

/// What a stranger's call costs beside its bytes: HTTP/2 sends a whole call in 20 bytes, which the server answers in
/// the time in which it reads half a kilobyte.
pub const CALL_COST: u32 = 512;

/// What may be read of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// At once so many bytes, for which [`ConnectionState::charge`] is due when they were read.
    Unpaid(usize),
    /// So many bytes after a wait.
    Paid {
        /// How many.
        bytes: usize,
        /// How long to wait first.
        wait: Duration,
    },
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// TLS is being negotiated; whoever does that keeps the time.
    Handshake,
    /// Nothing has been sent yet.
    Silent,
    /// Something has been sent: part of an HTTP/2 preface, or of the head of an HTTP/1 request.
    Head,
    /// HTTP is spoken.
    Open,
}

/// How long strangers may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// To the first byte, and from there to a whole preface or head.
    pub(super) opening: Duration,
    /// From one answered call, or the connection's opening, to the next.
    pub(super) idle: Duration,
}

/// The server closes the connection: it was a stranger's, and its time was up or its place was needed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("closed by the server: no call was authenticated")]
pub struct ClosedByServer;

/// A connection as the registry knows it.
#[derive(Debug)]
pub struct ConnectionState {
    connections: Connections,
    address: Address,
    address_bytes: Arc<Bucket>,
    bytes: Bucket,
    /// What is left of [`FREE_BYTES`].
    free: AtomicU32,
    /// Its place among the strangers; changed only under the registry's lock.
    rank: AtomicU64,
    authenticated: AtomicBool,
    closed: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    progress: Mutex<(Stage, Instant)>,
    /// Calls without a token that are open on it; changed only under the registry's lock.
    held: Mutex<Held>,
    /// Who was first authenticated on it; set only under the registry's lock.
    caller: OnceLock<Arc<str>>,
}

impl ConnectionState {
    /// The rank of a connection that is no stranger's.
    pub(super) const SOMEBODYS: u64 = 0;

    pub(super) fn new(
        connections: Connections,
        (address, address_bytes): (Address, Arc<Bucket>),
        rank: u64,
        free: bool,
        stage: Stage,
        now: Instant,
    ) -> Self {
        Self {
            connections,
            address,
            address_bytes,
            bytes: Bucket::full(BYTES, now),
            free: AtomicU32::new(if free { FREE_BYTES } else { 0 }),
            rank: AtomicU64::new(rank),
            authenticated: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            progress: Mutex::new((stage, now)),
            held: Mutex::default(),
            caller: OnceLock::new(),
        }
    }

    /// Whether a call on it was ever authenticated.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// A call on it was authenticated, whose caller has this name.
    pub fn authenticated(&self, caller: &str) {
        if !self.is_authenticated() && !self.authenticated.swap(true, Ordering::AcqRel) {
            self.connections.authenticated(self, caller);
            self.reader.wake(); // it may have been made to wait
        }
    }

    /// A call that needs no token was answered.
    pub fn answered(&self, now: Instant) {
        if !self.is_authenticated() {
            *self.progress() = (Stage::Open, now);
            self.connections.renew(self);
        }
    }

    /// Its first request, or the whole preface of HTTP/2, or merely the next stage is there. Stages are not gone back
    /// to.
    pub fn reached(&self, stage: Stage, now: Instant) {
        let mut progress = self.progress();
        if progress.0 < stage {
            *progress = (stage, now);
        }
    }

    /// How many bytes may be read, and when. Those who have to wait do so in turn: each pays at once, and goes on when
    /// those before it have, so that a crowd that waits costs no more than the one that is next.
    /// [`ConnectionState::authenticated`] ends the wait.
    pub fn allowance(&self, now: Instant) -> Allowance {
        if self.is_authenticated() {
            return Allowance::Unpaid(usize::MAX);
        }
        let free = self.free.load(Ordering::Relaxed);
        if free > 0 {
            return Allowance::Unpaid(free as usize);
        }
        let waits = self.buckets().map(|bucket| bucket.wait(now));
        for bucket in self.buckets() {
            bucket.charge(CHUNK, now);
        }
        Allowance::Paid { bytes: CHUNK as usize, wait: waits.into_iter().max().unwrap_or_default() }
    }

    /// A stranger has sent so much, or caused so much work.
    pub fn charge(&self, bytes: u32, now: Instant) {
        if self.is_authenticated() {
            return;
        }
        let free = self.free.load(Ordering::Relaxed);
        self.free.store(free.saturating_sub(bytes), Ordering::Relaxed);
        for bucket in self.buckets() {
            bucket.charge(bytes, now);
        }
    }

    /// Has the task woken that reads it, when the server closes it or reads again.
    ///
    /// # Errors
    /// When the server has closed it.
    pub fn poll_reader(&self, cx: &Context<'_>) -> io::Result<()> {
        self.reader.register(cx.waker());
        self.check()
    }

    /// As [`ConnectionState::poll_reader`], for the task that writes it.
    ///
    /// # Errors
    /// When the server has closed it.
    pub fn poll_writer(&self, cx: &Context<'_>) -> io::Result<()> {
        self.writer.register(cx.waker());
        self.check()
    }

    /// Wakes the task that reads it.
    pub fn wake_reader(&self) {
        self.reader.wake();
    }

    /// The registry that it is in.
    pub(crate) const fn registry(&self) -> &Connections {
        &self.connections
    }

    pub(super) fn held(&self) -> Held {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_held(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn caller(&self) -> Option<&Arc<str>> {
        self.caller.get()
    }

    /// It is this caller's from now on, and no stranger's.
    pub(super) fn give_to(&self, caller: &str) {
        self.caller.get_or_init(|| caller.into());
        self.set_rank(Self::SOMEBODYS);
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// Why a stranger's time is up, if it is.
    pub(super) fn overdue(&self, deadlines: Deadlines, now: Instant) -> Option<ConnectionEnd> {
        let (stage, since) = *self.progress();
        let held = self.held();
        let (allowed, end) = match stage {
            Stage::Handshake => return None,
            Stage::Silent => (deadlines.opening, ConnectionEnd::Silent),
            Stage::Head => (deadlines.opening, ConnectionEnd::SlowHead),
            // Watches of health are bounded by number, and quiet for as long as all is well. Reflection ends by itself
            // where it is read.
            Stage::Open if held.of(UnauthenticatedCall::Watch) > 0 && held.of(UnauthenticatedCall::Reflection) == 0 => {
                return None;
            }
            Stage::Open => (deadlines.idle, ConnectionEnd::Idle),
        };
        (now.saturating_duration_since(since) >= allowed).then_some(end)
    }

    pub(super) const fn address(&self) -> Address {
        self.address
    }

    pub(super) fn rank(&self) -> u64 {
        self.rank.load(Ordering::Relaxed)
    }

    pub(super) fn set_rank(&self, rank: u64) {
        self.rank.store(rank, Ordering::Relaxed);
    }

    fn buckets(&self) -> [&Bucket; 3] {
        [&self.bytes, &self.address_bytes, &self.connections.0.bytes]
    }

    /// Whether it may go on.
    ///
    /// # Errors
    /// When the server has closed it.
    pub fn check(&self) -> io::Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, ClosedByServer));
        }
        Ok(())
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, (Stage, Instant)> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the registry, until it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<ConnectionState>);

impl Ticket {
    pub(super) const fn new(link: Arc<ConnectionState>) -> Self {
        Self(link)
    }

    /// The connection.
    #[must_use]
    pub const fn link(&self) -> &Arc<ConnectionState> {
        &self.0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.connections.ended(&self.0);
    }
}
