//! Sessions in sled, and those that a group saves or forgets.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sled::Batch;

use super::{
    SledStore,
    commit_log::GroupRecord,
    job::Job,
    keys,
    records::{self, Encoded},
    tree_reader::TreeReader,
};
use crate::{
    domain::{Digest, Session, SessionId},
    store::{SessionStore, StoreError},
};

#[async_trait]
impl SessionStore for SledStore {
    async fn save_sessions(&self, sessions: Vec<Session>) -> Result<usize, StoreError> {
        self.write(|reply| Job::SaveSessions(sessions, reply)).await
    }

    async fn forget_sessions(&self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        self.write(|reply| Job::ForgetSessions(ids, reply)).await
    }

    async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        self.scan(records::sessions).await
    }
}

/// Sessions that a group changes.
pub(super) struct Sessions<'a> {
    pages: &'a TreeReader,
    /// `None`: forgotten.
    changed: BTreeMap<SessionId, Option<(Session, Encoded, Digest)>>,
    /// Keys that forgotten sessions have in the tree.
    gone: Vec<sled::IVec>,
}

impl<'a> Sessions<'a> {
    pub(super) const fn new(pages: &'a TreeReader) -> Self {
        Self { pages, changed: BTreeMap::new(), gone: Vec::new() }
    }

    /// Adds all changes to a batch, and their ids to the group's record.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) {
        for (id, change) in &self.changed {
            match change {
                Some((_, _, hash)) => record.sessions.push((*id, *hash)),
                None => record.forgotten_sessions.push(*id),
            }
        }
        self.gone.into_iter().for_each(|key| batch.remove(key));
        // After the removals: a forgotten session may have been saved again.
        for (key, value) in self.changed.into_values().flatten().flat_map(|(_, encoded, _)| encoded) {
            batch.insert(key, value);
        }
    }

    pub(super) fn save(&mut self, sessions: Vec<Session>) -> Result<usize, StoreError> {
        let (mut changes, mut new): (BTreeMap<SessionId, (Session, Encoded, Digest)>, _) = (BTreeMap::new(), 0);
        for session in sessions {
            if let Some(fault) = session.fault() {
                return Err(StoreError::BadSession(session.id, fault));
            }
            let id = session.id;
            let known = match changes.remove(&id) {
                Some((session, _, _)) => Some(session),
                None => self.get(id)?,
            };
            new += usize::from(known.is_none());
            let mut kept = known.unwrap_or_else(|| session.clone());
            if !kept.absorb(&session) {
                return Err(StoreError::SessionConflict(id));
            }
            let (encoded, hash) = records::encode_session(&kept)?;
            changes.insert(id, (kept, encoded, hash));
        }
        self.changed.extend(changes.into_iter().map(|(id, change)| (id, Some(change))));
        Ok(new)
    }

    pub(super) fn forget(&mut self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        let mut gone = Vec::new();
        for id in &ids {
            gone.extend(self.pages.keys(keys::pieces_of_session(*id)).collect::<Result<Vec<_>, _>>()?);
        }
        self.gone.append(&mut gone);
        self.changed.extend(ids.into_iter().map(|id| (id, None)));
        Ok(())
    }

    fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        match self.changed.get(&id) {
            Some(change) => Ok(change.as_ref().map(|(session, ..)| session.clone())),
            None => records::session(self.pages, id),
        }
    }
}
