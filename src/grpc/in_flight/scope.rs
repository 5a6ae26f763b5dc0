use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
};

/// Bytes in flight in a scope: a connection, a caller, or the whole server.
///
/// Counting takes no lock. Sequentially consistent operations ensure that no wake-up is lost: a waiter joins the queue
/// before it reads the count for the last time, and a call that gives bytes back does so before it reads the queue.
#[derive(Debug, Default)]
pub struct Scope {
    used: AtomicUsize,
    /// Waiters for room, woken one by one.
    room: Waiters,
    /// Waiters for an empty scope, woken together.
    idle: Waiters,
}

impl Scope {
    pub(super) fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    /// Adds bytes. Returns the previous count.
    pub(super) fn add(&self, bytes: usize) -> usize {
        self.used.fetch_add(bytes, SeqCst)
    }

    pub(super) fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, SeqCst);
        self.room.wake_one();
        if before == bytes {
            self.idle.wake_all();
        }
    }

    pub(super) const fn room(&self) -> &Waiters {
        &self.room
    }

    pub(super) const fn idle(&self) -> &Waiters {
        &self.idle
    }
}

/// Waiting tasks, the lowest ticket first.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// Length of the queue, readable without its lock.
    count: AtomicUsize,
    queue: Mutex<BTreeMap<u64, Waker>>,
}

impl Waiters {
    /// Adds a waiter to the queue, or updates its waker.
    pub(super) fn join(&self, ticket: u64, waker: &Waker) {
        let mut queue = self.lock();
        queue.insert(ticket, waker.clone());
        self.count.store(queue.len(), SeqCst);
    }

    pub(super) fn leave(&self, ticket: u64) {
        if self.count.load(SeqCst) > 0 {
            let mut queue = self.lock();
            queue.remove(&ticket);
            self.count.store(queue.len(), SeqCst);
        }
    }

    /// Wakes the first waiter and removes it from the queue. It continues, or joins again.
    pub(super) fn wake_one(&self) {
        if self.count.load(SeqCst) == 0 {
            return;
        }
        let mut queue = self.lock();
        let first = queue.pop_first();
        self.count.store(queue.len(), SeqCst);
        drop(queue);
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    fn wake_all(&self) {
        if self.count.load(SeqCst) == 0 {
            return;
        }
        let mut queue = self.lock();
        let all = std::mem::take(&mut *queue);
        self.count.store(0, SeqCst);
        drop(queue);
        all.into_values().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Waker>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
