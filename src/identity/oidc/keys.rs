use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{Rejection, jwks::KeySet, source::Source};
use crate::{
    clock::Clock,
    domain::{Time, after},
};

/// Maximum time that keys are used while the provider cannot be reached: long enough to repair it.
const STALE_MAX: Duration = Duration::from_hours(24);

/// The provider's keys. Callers that need them trigger a fetch when one is due.
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    source: Source,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    set: Option<Known>,
    /// When the next fetch is due; immediately if there was none.
    due: Option<Time>,
    /// When a missing key may trigger another fetch.
    urgeable: Option<Time>,
    failed: bool,
    /// Open while a fetch is running.
    fetch: Option<watch::Receiver<()>>,
}

struct Known {
    set: Arc<KeySet>,
    /// The last moment at which they are used, unless a fetch confirms them.
    until: Time,
}

impl State {
    fn usable(&self, now: Time) -> Option<Arc<KeySet>> {
        self.set.as_ref().filter(|known| now <= known.until).map(|known| Arc::clone(&known.set))
    }

    fn is_due(&self, now: Time) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn under_way(&self) -> Option<watch::Receiver<()>> {
        // A fetch that panicked has closed it too.
        self.fetch.clone().filter(|fetch| fetch.has_changed().is_ok())
    }
}

impl Keys {
    pub(super) fn new(source: Source, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { source, clock, state: Mutex::default() }))
    }

    /// The keys, if no fetch is due.
    pub(super) fn fresh(&self) -> Option<Arc<KeySet>> {
        let now = self.0.clock.now();
        let state = self.0.state();
        if state.is_due(now) { None } else { state.usable(now) }
    }

    /// The keys, after a fetch if one is due.
    pub(super) async fn current(&self) -> Result<Arc<KeySet>, Rejection> {
        let now = self.0.clock.now();
        let fetch = {
            let mut state = self.0.state();
            let fetch = if state.is_due(now) { Some(self.fetch(&mut state)) } else { state.under_way() };
            // While the provider is down, callers with good keys do not wait for it to answer.
            fetch.filter(|_| !state.failed || state.usable(now).is_none())
        };
        finished(fetch).await;
        self.0.state().usable(self.0.clock.now()).ok_or(Rejection::KeysUnavailable)
    }

    /// The keys, for a token whose key is not in `seen`: after a fetch, unless the last such fetch is too recent.
    pub(super) async fn newer(&self, seen: Arc<KeySet>) -> Result<Arc<KeySet>, Rejection> {
        if !self.0.source.can_be_urged() {
            return Ok(seen);
        }
        let now = self.0.clock.now();
        let fetch = {
            let mut state = self.0.state();
            match state.usable(now) {
                // Another caller's fetch brought other keys in the meantime.
                Some(set) if set.generation() != seen.generation() => return Ok(set),
                _ if state.urgeable.is_some_and(|urgeable| now < urgeable) => state.under_way(),
                _ => {
                    state.urgeable = Some(after(now, self.0.source.pause()));
                    Some(self.fetch(&mut state))
                }
            }
        };
        finished(fetch).await;
        self.0.state().usable(self.0.clock.now()).ok_or(Rejection::KeysUnavailable)
    }

    /// The running fetch, or a new one. It runs in its own task, which continues when the caller leaves.
    fn fetch(&self, state: &mut State) -> watch::Receiver<()> {
        state.under_way().unwrap_or_else(|| {
            let (under_way, fetch) = watch::channel(());
            state.fetch = Some(fetch.clone());
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move {
                shared.fetch().await;
                drop(under_way);
            });
            fetch
        })
    }
}

async fn finished(fetch: Option<watch::Receiver<()>>) {
    if let Some(mut fetch) = fetch {
        // Nothing is ever sent: the end of the fetch closes the channel.
        let _ = fetch.changed().await;
    }
}

impl Shared {
    async fn fetch(&self) {
        let before = self.state().set.as_ref().map(|known| Arc::clone(&known.set));
        let generation = before.as_ref().map_or(0, |set| set.generation()) + 1;
        let loaded = self.source.load(|json| KeySet::read(json, generation)).await;
        let now = self.clock.now();
        let mut state = self.state();
        state.failed = loaded.is_err();
        state.due = Some(after(now, if state.failed { self.source.pause() } else { self.source.every() }));
        let set = match (loaded, before) {
            (Ok(Some(new)), Some(before)) if new.same(&before) => Some(before),
            (Ok(Some(new)), _) => {
                tracing::info!(generation, "loaded the provider's keys");
                Some(Arc::new(new))
            }
            (Ok(None), before) => before,
            (Err(error), before) => {
                tracing::warn!(
                    %error, has_keys = before.is_some(),
                    "cannot load the provider's keys; old keys are used for up to a day"
                );
                return;
            }
        };
        state.set = set.map(|set| Known { set, until: after(now, STALE_MAX) });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
