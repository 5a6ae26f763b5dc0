//! Sessions in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    domain::{Session, SessionId},
    store::{SessionStore, StoreError},
};

#[async_trait]
impl SessionStore for MemoryStore {
    async fn save_sessions(&self, sessions: Vec<Session>) -> Result<usize, StoreError> {
        let kept = &mut self.state()?.sessions;
        let mut all = kept.clone();
        for session in sessions {
            if let Some(fault) = session.fault() {
                return Err(StoreError::BadSession(session.id, fault));
            }
            let known = all.entry(session.id).or_insert_with(|| session.clone());
            if !known.absorb(&session) {
                return Err(StoreError::SessionConflict(session.id));
            }
        }
        let new = all.len() - kept.len();
        *kept = all;
        Ok(new)
    }

    async fn forget_sessions(&self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        let sessions = &mut self.state()?.sessions;
        ids.iter().for_each(|id| drop(sessions.remove(id)));
        Ok(())
    }

    async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        Ok(self.state()?.sessions.values().cloned().collect())
    }
}
