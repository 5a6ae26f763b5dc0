//! Sessions in sled.

use async_trait::async_trait;

use super::{
    SledStore,
    commit_log::GroupRecord,
    job::Job,
    keys,
    merged_records::Mergeable,
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

impl Mergeable for Session {
    type Id = SessionId;

    fn id(&self) -> SessionId {
        self.id
    }

    fn fault(&self) -> Option<&'static str> {
        Self::fault(self)
    }

    fn absorb(&mut self, copy: &Self) -> bool {
        Self::absorb(self, copy)
    }

    fn encode(&self) -> Result<(Encoded, Digest), StoreError> {
        records::encode_session(self)
    }

    fn read(pages: &TreeReader, id: SessionId) -> Result<Option<Self>, StoreError> {
        records::session(pages, id)
    }

    fn keys_of(pages: &TreeReader, id: SessionId) -> Result<Vec<sled::IVec>, StoreError> {
        pages.keys(keys::pieces_of_session(id)).collect()
    }

    fn invalid(id: SessionId, fault: &'static str) -> StoreError {
        StoreError::BadSession(id, fault)
    }

    fn conflict(id: SessionId) -> StoreError {
        StoreError::SessionConflict(id)
    }

    fn note(record: &mut GroupRecord, id: SessionId, hash: Option<Digest>) {
        match hash {
            Some(hash) => record.sessions.push((id, hash)),
            None => record.forgotten_sessions.push(id),
        }
    }
}
