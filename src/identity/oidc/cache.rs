use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::Verified;
use crate::{domain::Time, identity::Principal};

const ENTRIES: usize = 10_000;

/// SHA-256 of a token. The token itself is not stored.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

/// Verified tokens, so that each signature is checked once.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Digest, Entry>>);

/// A verified token.
pub(super) struct Known {
    pub(super) verified: Arc<Verified>,
    /// The principal of its bearer, once it was needed. Shared, because copying many groups for each call is slow.
    pub(super) principal: OnceLock<Arc<Principal>>,
}

impl From<Verified> for Known {
    fn from(verified: Verified) -> Self {
        Self { verified: Arc::new(verified), principal: OnceLock::new() }
    }
}

struct Entry {
    known: Arc<Known>,
    /// Generation of the key set that verified it. With another one, the token must be verified again.
    generation: u64,
}

impl Entry {
    fn holds(&self, generation: u64, now: Time) -> bool {
        self.generation == generation && now < self.known.verified.expires_at
    }
}

impl Cache {
    /// A token that this generation of keys verified, and that has not expired.
    pub(super) fn get(&self, digest: &Digest, generation: u64, now: Time) -> Option<Arc<Known>> {
        let entries = self.entries();
        let entry = entries.get(digest).filter(|entry| entry.holds(generation, now))?;
        Some(Arc::clone(&entry.known))
    }

    /// Adds a token. A full cache first removes invalid tokens, or else the token that expires first.
    pub(super) fn put(&self, digest: Digest, generation: u64, known: Arc<Known>, now: Time) {
        let mut entries = self.entries();
        if entries.len() >= ENTRIES {
            entries.retain(|_, entry| entry.holds(generation, now));
        }
        if entries.len() >= ENTRIES {
            let first =
                entries.iter().min_by_key(|(_, entry)| entry.known.verified.expires_at).map(|(digest, _)| *digest);
            first.map(|digest| entries.remove(&digest));
        }
        entries.insert(digest, Entry { known, generation });
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Digest, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::domain::{ActorKind, after};

    fn put(cache: &Cache, name: usize, seconds: u64) {
        let verified = Verified {
            issuer: String::new(),
            subject: name.to_string(),
            kind: ActorKind::Person,
            groups: BTreeSet::new(),
            authenticated_at: Time::UNIX_EPOCH,
            expires_at: after(Time::UNIX_EPOCH, Duration::from_secs(seconds)),
        };
        cache.put(
            digest(&name.to_string()),
            1,
            Arc::new(verified.into()),
            after(Time::UNIX_EPOCH, Duration::from_secs(10)),
        );
    }

    fn has(cache: &Cache, name: usize) -> bool {
        cache.entries().contains_key(&digest(&name.to_string()))
    }

    #[test]
    fn a_full_cache_removes_expired_tokens_and_then_the_first_to_expire() {
        let cache = Cache::default();
        put(&cache, 0, 10);
        (1..ENTRIES).for_each(|name| put(&cache, name, 100 + name as u64));
        put(&cache, ENTRIES, 20);
        assert!(!has(&cache, 0) && has(&cache, ENTRIES));
        put(&cache, ENTRIES + 1, 100_000);
        assert!(!has(&cache, ENTRIES) && has(&cache, 1));
        assert_eq!(cache.entries().len(), ENTRIES);
    }
}
