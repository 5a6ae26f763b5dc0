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

/// Rate and burst of one unauthenticated connection, in bytes: 128 KiB per second and 256 KiB. With [`CALL_COST`] that
/// is about 200 health checks per second. The bytes before authentication also limit the memory of the connection.
const BYTES: (u32, u32) = (128 << 10, 256 << 10);

/// Bytes of a new connection that never wait: enough for an HTTP/2 preface, settings and a call with a token, or for a
/// TLS handshake and most of these.
const FREE_BYTES: u32 = 4 << 10;

/// Number of bytes that are paid and read together.
const CHUNK: u32 = 4 << 10;

/// Cost of a call on an unauthenticated connection, in addition to its bytes. An HTTP/2 call may have 20 bytes;
/// answering it takes as long as reading half a kilobyte.
pub const CALL_COST: u32 = 512;

/// The bytes that may be read from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// This number of bytes immediately. Call [`ConnectionState::charge`] after reading them.
    Unpaid(usize),
    /// A number of bytes after a wait.
    Paid {
        /// Number of bytes.
        bytes: usize,
        /// Time to wait first.
        wait: Duration,
    },
}

/// Progress of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// TLS handshake, which has its own timeout.
    Handshake,
    /// Nothing was received yet.
    Silent,
    /// Part of an HTTP/2 preface, or of the head of an HTTP/1 request, was received.
    Head,
    /// HTTP is established.
    Open,
}

/// Timeouts of unauthenticated connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// Until the first byte, and then until a complete preface or head.
    pub(super) opening: Duration,
    /// From the start of HTTP, or an answered call, until the next answered call.
    pub(super) idle: Duration,
}

/// The server closed an unauthenticated connection, because it timed out or its place was needed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("closed by the server: no call was authenticated")]
pub struct ClosedByServer;

/// A connection in the registry.
#[derive(Debug)]
pub struct ConnectionState {
    connections: Connections,
    address: Address,
    address_bytes: Arc<Bucket>,
    bytes: Bucket,
    /// The rest of [`FREE_BYTES`].
    free: AtomicU32,
    /// Its rank among the unauthenticated connections; changed only under the registry's lock.
    rank: AtomicU64,
    authenticated: AtomicBool,
    closed: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    progress: Mutex<(Stage, Instant)>,
    /// Its open calls without a token; changed only under the registry's lock.
    held: Mutex<Held>,
    /// The first authenticated caller; set only under the registry's lock.
    caller: OnceLock<Arc<str>>,
}

impl ConnectionState {
    /// The rank of authenticated connections.
    pub(super) const AUTHENTICATED: u64 = 0;

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

    /// Whether a call on it was authenticated.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// Marks it as authenticated, by a call of this caller.
    pub fn authenticated(&self, caller: &str) {
        if !self.is_authenticated() && !self.authenticated.swap(true, Ordering::AcqRel) {
            self.connections.authenticated(self, caller);
            self.reader.wake(); // it may be waiting for its allowance
        }
    }

    /// Records that a call without a token was answered.
    pub fn answered(&self, now: Instant) {
        if !self.is_authenticated() {
            *self.progress() = (Stage::Open, now);
            self.connections.renew(self);
        }
    }

    /// Records that it reached a stage. Earlier stages are ignored.
    pub fn reached(&self, stage: Stage, now: Instant) {
        let mut progress = self.progress();
        if progress.0 < stage {
            *progress = (stage, now);
        }
    }

    /// The number of bytes that may be read, and when.
    ///
    /// Connections wait in order: each one pays immediately, and reads after those before it. So only the next one
    /// costs CPU time, however many wait. [`ConnectionState::authenticated`] ends the wait.
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

    /// Charges an unauthenticated connection for bytes or work.
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

    /// Registers the reading task, to wake it when the server closes the connection or reads again.
    ///
    /// # Errors
    /// When the server has closed it.
    pub fn poll_reader(&self, cx: &Context<'_>) -> io::Result<()> {
        self.reader.register(cx.waker());
        self.check()
    }

    /// Like [`ConnectionState::poll_reader`], for the writing task.
    ///
    /// # Errors
    /// When the server has closed it.
    pub fn poll_writer(&self, cx: &Context<'_>) -> io::Result<()> {
        self.writer.register(cx.waker());
        self.check()
    }

    /// Wakes the reading task.
    pub fn wake_reader(&self) {
        self.reader.wake();
    }

    /// Its registry.
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

    /// Assigns it to its first authenticated caller.
    pub(super) fn give_to(&self, caller: &str) {
        self.caller.get_or_init(|| caller.into());
        self.set_rank(Self::AUTHENTICATED);
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// The timeout that it exceeded, if any.
    pub(super) fn overdue(&self, deadlines: Deadlines, now: Instant) -> Option<ConnectionEnd> {
        let (stage, since) = *self.progress();
        let held = self.held();
        let (allowed, end) = match stage {
            Stage::Handshake => return None,
            Stage::Silent => (deadlines.opening, ConnectionEnd::Silent),
            Stage::Head => (deadlines.opening, ConnectionEnd::SlowHead),
            // Health watches are limited in number, and silent while the health does not change. A reflection stream
            // that is read ends by itself.
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

    /// Checks that it is open.
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
