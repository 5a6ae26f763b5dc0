//! Work that blocks a thread, apart from the threads that serve calls.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::domain::Actor;

/// Pieces of work of one caller that may wait; one more is refused.
const WAITING: usize = 1_024;

/// Runs work that may take a good part of a second, such as checking arguments against a large schema: on threads of
/// its own, so that lists and timeouts never queue behind it. Callers take turns: one that has much to do delays nobody
/// else by more than the pieces that are being worked on.
#[derive(Clone, Debug)]
pub struct BlockingPool(Arc<Shared>);

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Pieces that may still be begun.
    free: usize,
    /// Callers with work that waits, the one whose turn it is first.
    callers: VecDeque<Queue>,
}

/// What one caller waits for.
#[derive(Debug)]
struct Queue {
    caller: Actor,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// Permission to work; the next one has it when it is dropped.
#[derive(Debug)]
struct Turn(Option<Arc<Shared>>);

/// Why a piece of work was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too much of the caller's work, such as checks of schemas, waits for its turn.
    #[error("{limit} calls of this caller wait for work that takes long, and no more are allowed; make fewer at once")]
    TooMuchWork {
        /// How many may wait.
        limit: usize,
    },
    /// The runtime shuts down, as when the store has failed: the work was not begun.
    #[error("the server is ending; reconnect")]
    Ending,
    /// A defect: the work panicked.
    #[error("internal error: {0}")]
    Panicked(String),
}

/// As many pieces at once as there are processors.
impl Default for BlockingPool {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl BlockingPool {
    /// At most so many pieces of work at once.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self(Arc::new(Shared(Mutex::new(State { free: threads, callers: VecDeque::new() }))))
    }

    /// Runs a piece of a caller's work. Nothing is started, or kept, for a caller that leaves while it waits for its
    /// turn.
    ///
    /// # Errors
    /// [`PoolError::TooMuchWork`] when too many pieces of the caller's wait already; [`PoolError::Ending`] when the runtime
    /// shuts down; [`PoolError::Panicked`] when the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        caller: &Actor,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let panicked = |error: &dyn std::fmt::Display| PoolError::Panicked(error.to_string());
        let turn = match self.turn(caller)? {
            Ok(turn) => turn,
            Err(waiting) => waiting.await.map_err(|error| panicked(&error))?,
        };
        let running = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn); // held until the end, whoever still waits
            done
        });
        running.await.map_err(|error| if error.is_cancelled() { PoolError::Ending } else { panicked(&error) })
    }

    /// A turn, or a place in the queue. Turns are only free while nobody waits.
    fn turn(&self, caller: &Actor) -> Result<Result<Turn, oneshot::Receiver<Turn>>, PoolError> {
        let mut state = self.0.lock();
        if state.free > 0 {
            state.free -= 1;
            return Ok(Ok(Turn(Some(Arc::clone(&self.0)))));
        }
        let at = state.callers.iter().position(|queue| queue.caller.is(caller)).unwrap_or_else(|| {
            state.callers.push_back(Queue { caller: caller.clone(), waiting: VecDeque::new() });
            state.callers.len() - 1
        });
        let waiting = &mut state.callers[at].waiting;
        if waiting.len() >= WAITING {
            waiting.retain(|place| !place.is_closed()); // who has left takes no place
            if waiting.len() >= WAITING {
                return Err(PoolError::TooMuchWork { limit: WAITING });
            }
        }
        let (turn, place) = oneshot::channel();
        waiting.push_back(turn);
        Ok(Err(place))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who is next: the longest waiting piece of the caller whose turn it is, which then is behind the others.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(mut queue) = self.callers.pop_front() {
            while queue.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                queue.waiting.pop_front(); // who has left costs the caller no turn
            }
            let next = queue.waiting.pop_front();
            if !queue.waiting.is_empty() {
                self.callers.push_back(queue);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(pool) = self.0.take() else { return };
        let mut turn = Turn(Some(Arc::clone(&pool)));
        loop {
            let mut state = pool.lock();
            let Some(next) = state.next() else {
                state.free += 1;
                turn.0 = None; // it is free, and not to be handed on
                return;
            };
            drop(state); // a turn that arrives nowhere would ask for the lock
            match next.send(turn) {
                Ok(()) => return,
                Err(back) => turn = back, // it left at this moment
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::{FutureExt as _, future::BoxFuture};

    use super::*;
    use crate::domain::ActorKind;

    fn caller(subject: &str) -> Actor {
        Actor { kind: ActorKind::Agent, issuer: "test".into(), subject: subject.into() }
    }

    #[test]
    fn work_that_comes_to_an_ending_runtime_is_no_defect() {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ending = runtime();
        let handle = ending.handle().clone();
        ending.shutdown_background();
        let (pool, caller) = (BlockingPool::new(1), caller("a"));
        let mut work = Box::pin(pool.run(&caller, || ()));
        let entered = handle.enter();
        let at_once = (&mut work).now_or_never();
        drop(entered);
        assert_eq!(at_once.unwrap_or_else(|| runtime().block_on(work)), Err(PoolError::Ending));
    }

    /// A pool of one thread, whose order of work is written down.
    struct Bench {
        pool: BlockingPool,
        order: Arc<Mutex<Vec<String>>>,
        running: Vec<BoxFuture<'static, Result<(), PoolError>>>,
    }

    impl Bench {
        fn new() -> Self {
            Self { pool: BlockingPool::new(1), order: Arc::default(), running: Vec::new() }
        }

        /// Takes the thread, until the sender is dropped.
        fn block(&mut self) -> mpsc::SyncSender<()> {
            let (until, blocked) = mpsc::sync_channel(0);
            self.ask("first", move || {
                let _ = blocked.recv();
            });
            until
        }

        fn ask(&mut self, who: &str, work: impl FnOnce() + Send + 'static) {
            let (pool, name, order) = (self.pool.clone(), who.to_owned(), Arc::clone(&self.order));
            let subject = caller(who.split('-').next().unwrap());
            let run = async move {
                pool.run(&subject, move || {
                    order.lock().unwrap().push(name);
                    work();
                })
                .await
            };
            let mut run = run.boxed();
            assert!((&mut run).now_or_never().is_none(), "it is queued or running");
            self.running.push(run);
        }

        async fn finish(self) -> Vec<String> {
            for run in futures_util::future::join_all(self.running).await {
                run.unwrap();
            }
            let order = self.order.lock().unwrap();
            order.clone()
        }
    }

    #[tokio::test]
    async fn callers_take_turns() {
        let mut bench = Bench::new();
        let until = bench.block();
        for n in 0..5 {
            bench.ask(&format!("busy-{n}"), || {});
        }
        bench.ask("ann-0", || {});
        bench.ask("bob-0", || {});
        bench.ask("ann-1", || {});
        drop(until);
        let order = bench.finish().await;
        let expected = ["first", "busy-0", "ann-0", "bob-0", "busy-1", "ann-1", "busy-2", "busy-3", "busy-4"];
        assert_eq!(order, expected);
    }

    #[tokio::test]
    async fn who_leaves_takes_no_turn_and_keeps_nobody_waiting() {
        let mut bench = Bench::new();
        let until = bench.block();
        for who in ["ann-0", "bob-0", "ann-1"] {
            bench.ask(who, || {});
        }
        drop(bench.running.remove(1)); // ann-0
        drop(bench.running.remove(1)); // bob-0
        drop(until);
        assert_eq!(bench.finish().await, ["first", "ann-1"]);
    }

    #[tokio::test]
    async fn work_of_one_caller_that_waits_is_bounded() {
        let mut bench = Bench::new();
        let until = bench.block();
        for _ in 0..WAITING {
            bench.ask("busy", || {});
        }
        let (pool, busy) = (bench.pool.clone(), caller("busy"));
        assert_eq!(pool.run(&busy, || {}).await, Err(PoolError::TooMuchWork { limit: WAITING }));
        bench.ask("other", || {});
        drop(bench.running.remove(1));
        bench.ask("busy", || {}); // a place is free where one has left
        drop(until);
        let order = bench.finish().await;
        assert_eq!((order.len(), order[2].as_str()), (WAITING + 2, "other"));
    }

    #[tokio::test]
    async fn a_panic_gives_the_turn_back() {
        let pool = BlockingPool::new(1);
        let ended = pool.run(&caller("ann"), || panic!("as the test wants")).await;
        assert!(matches!(ended, Err::<(), _>(PoolError::Panicked(_))), "{ended:?}");
        assert_eq!(pool.run(&caller("ann"), || 7).await, Ok(7));
    }
}
