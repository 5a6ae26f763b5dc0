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

/// How long keys are used when the provider does not say that they still hold: long enough to mend it.
const STALE_MAX: Duration = Duration::from_hours(24);

/// The provider's keys, looked at again by those who need them.
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    source: Source,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    set: Option<Known>,
    /// When the next look is due; at once when there was none.
    due: Option<Time>,
    /// When somebody who misses a key may urge another look.
    urgeable: Option<Time>,
    failed: bool,
    /// Open while a look is under way.
    look: Option<watch::Receiver<()>>,
}

struct Known {
    set: Arc<KeySet>,
    /// The last moment at which they are used unless the provider confirms them.
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
        // One that panicked has closed it too.
        self.look.clone().filter(|look| look.has_changed().is_ok())
    }
}

impl Keys {
    pub(super) fn new(source: Source, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { source, clock, state: Mutex::default() }))
    }

    /// The keys, if nobody has to look at the source.
    pub(super) fn fresh(&self) -> Option<Arc<KeySet>> {
        let now = self.0.clock.now();
        let state = self.0.state();
        if state.is_due(now) { None } else { state.usable(now) }
    }

    /// The keys, after a look at the source when one is due.
    pub(super) async fn current(&self) -> Result<Arc<KeySet>, Rejection> {
        let now = self.0.clock.now();
        let look = {
            let mut state = self.0.state();
            let look = if state.is_due(now) { Some(self.look(&mut state)) } else { state.under_way() };
            // While the provider is down, callers with good keys do not wait for it to answer.
            look.filter(|_| !state.failed || state.usable(now).is_none())
        };
        finished(look).await;
        self.0.state().usable(self.0.clock.now()).ok_or(Rejection::KeysUnavailable)
    }

    /// The keys, for somebody who misses one in `seen`: after a look at the source, unless the last such is too recent.
    pub(super) async fn newer(&self, seen: Arc<KeySet>) -> Result<Arc<KeySet>, Rejection> {
        if !self.0.source.can_be_urged() {
            return Ok(seen);
        }
        let now = self.0.clock.now();
        let look = {
            let mut state = self.0.state();
            match state.usable(now) {
                // Somebody else's look brought other keys in the meantime.
                Some(set) if set.generation() != seen.generation() => return Ok(set),
                _ if state.urgeable.is_some_and(|urgeable| now < urgeable) => state.under_way(),
                _ => {
                    state.urgeable = Some(after(now, self.0.source.pause()));
                    Some(self.look(&mut state))
                }
            }
        };
        finished(look).await;
        self.0.state().usable(self.0.clock.now()).ok_or(Rejection::KeysUnavailable)
    }

    /// The look that is under way, or a new one. It is a task of its own: that a caller gives up does not end it.
    fn look(&self, state: &mut State) -> watch::Receiver<()> {
        state.under_way().unwrap_or_else(|| {
            let (under_way, look) = watch::channel(());
            state.look = Some(look.clone());
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move {
                shared.look().await;
                drop(under_way);
            });
            look
        })
    }
}

async fn finished(look: Option<watch::Receiver<()>>) {
    if let Some(mut look) = look {
        // Nothing is ever sent: it ends by being closed.
        let _ = look.changed().await;
    }
}

impl Shared {
    async fn look(&self) {
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
                tracing::info!(generation, "took the provider's keys");
                Some(Arc::new(new))
            }
            (Ok(None), before) => before,
            (Err(error), before) => {
                tracing::warn!(%error, has_keys = before.is_some(), "no keys from the provider; old ones hold for a day");
                return;
            }
        };
        state.set = set.map(|set| Known { set, until: after(now, STALE_MAX) });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
