//! Runs blocking work on threads that are separate from those that serve calls.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::domain::Actor;

/// Maximum number of waiting jobs of one caller; one more is rejected.
const WAITING: usize = 1_024;

/// Runs jobs that may take a large part of a second, such as checking arguments against a large schema.
///
/// It has its own threads, so that lists and timeouts never wait for them. Callers take turns: a caller with many jobs
/// delays others only by the jobs that are running.
#[derive(Clone, Debug)]
pub struct BlockingPool(Arc<Shared>);

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Number of jobs that can start now.
    free: usize,
    /// Callers with waiting jobs, the next one first.
    callers: VecDeque<Queue>,
}

/// The waiting jobs of one caller.
#[derive(Debug)]
struct Queue {
    caller: Actor,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// Permission to run a job; dropping it passes it to the next job.
#[derive(Debug)]
struct Turn(Option<Arc<Shared>>);

/// Why a job was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too many jobs of the caller, such as checks of schemas, are waiting.
    #[error(
        "{limit} calls of this caller already wait for long-running work, the maximum; make fewer concurrent calls"
    )]
    TooMuchWork {
        /// The maximum.
        limit: usize,
    },
    /// The runtime is shutting down, for example because the store failed. The job did not start.
    #[error("the server is stopping; reconnect")]
    Ending,
    /// A defect: the job panicked.
    #[error("internal error: {0}")]
    Panicked(String),
}

/// As many concurrent jobs as there are processors.
impl Default for BlockingPool {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl BlockingPool {
    /// A pool with this maximum number of concurrent jobs.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self(Arc::new(Shared(Mutex::new(State { free: threads, callers: VecDeque::new() }))))
    }

    /// Runs a job of a caller. If the caller leaves before the job's turn, the job never starts.
    ///
    /// # Errors
    /// [`PoolError::TooMuchWork`] when too many jobs of the caller are waiting; [`PoolError::Ending`] when the runtime
    /// is shutting down; [`PoolError::Panicked`] when the job panics.
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
            drop(turn); // held until the job ends, even if the caller leaves
            done
        });
        running.await.map_err(|error| if error.is_cancelled() { PoolError::Ending } else { panicked(&error) })
    }

    /// A turn, or a place in the queue. There are free turns only while the queue is empty.
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
            waiting.retain(|place| !place.is_closed()); // remove calls that left
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
    /// The next job: the oldest job of the next caller, who then moves behind the others.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(mut queue) = self.callers.pop_front() {
            while queue.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                queue.waiting.pop_front(); // a call that left does not use the caller's turn
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
                turn.0 = None; // it is free now, so dropping it must not pass it on
                return;
            };
            drop(state); // dropping an undelivered turn takes the lock
            match next.send(turn) {
                Ok(()) => return,
                Err(back) => turn = back, // the receiver left just now
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
    fn a_job_on_a_stopping_runtime_is_not_a_defect() {
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

    /// A pool with one thread that records the order of jobs.
    struct Bench {
        pool: BlockingPool,
        order: Arc<Mutex<Vec<String>>>,
        running: Vec<BoxFuture<'static, Result<(), PoolError>>>,
    }

    impl Bench {
        fn new() -> Self {
            Self { pool: BlockingPool::new(1), order: Arc::default(), running: Vec::new() }
        }

        /// Occupies the thread until the sender is dropped.
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
    async fn calls_that_left_take_no_turn() {
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
    async fn waiting_jobs_of_one_caller_are_limited() {
        let mut bench = Bench::new();
        let until = bench.block();
        for _ in 0..WAITING {
            bench.ask("busy", || {});
        }
        let (pool, busy) = (bench.pool.clone(), caller("busy"));
        assert_eq!(pool.run(&busy, || {}).await, Err(PoolError::TooMuchWork { limit: WAITING }));
        bench.ask("other", || {});
        drop(bench.running.remove(1));
        bench.ask("busy", || {}); // a call that left freed a place
        drop(until);
        let order = bench.finish().await;
        assert_eq!((order.len(), order[2].as_str()), (WAITING + 2, "other"));
    }

    #[tokio::test]
    async fn a_panic_returns_the_turn() {
        let pool = BlockingPool::new(1);
        let ended = pool.run(&caller("ann"), || panic!("as the test wants")).await;
        assert!(matches!(ended, Err::<(), _>(PoolError::Panicked(_))), "{ended:?}");
        assert_eq!(pool.run(&caller("ann"), || 7).await, Ok(7));
    }
}
