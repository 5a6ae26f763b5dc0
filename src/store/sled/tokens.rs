//! Tokens in sled, and those that a group saves or forgets.

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
    domain::{Digest, Token, TokenId},
    store::{StoreError, TokenStore},
};

#[async_trait]
impl TokenStore for SledStore {
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        self.write(|reply| Job::SaveTokens(tokens, reply)).await
    }

    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        self.write(|reply| Job::ForgetTokens(ids, reply)).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.scan(records::tokens).await
    }
}

/// Tokens that a group changes.
pub(super) struct Tokens<'a> {
    pages: &'a TreeReader,
    /// `None`: forgotten.
    changed: BTreeMap<TokenId, Option<(Token, Encoded, Digest)>>,
    /// Keys that forgotten tokens have in the tree.
    gone: Vec<sled::IVec>,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(pages: &'a TreeReader) -> Self {
        Self { pages, changed: BTreeMap::new(), gone: Vec::new() }
    }

    /// Adds all changes to a batch, and their ids to the group's record.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) {
        for (id, change) in &self.changed {
            match change {
                Some((_, _, hash)) => record.tokens.push((*id, *hash)),
                None => record.forgotten.push(*id),
            }
        }
        self.gone.into_iter().for_each(|key| batch.remove(key));
        // After the removals: a forgotten token may have been saved again.
        for (key, value) in self.changed.into_values().flatten().flat_map(|(_, encoded, _)| encoded) {
            batch.insert(key, value);
        }
    }

    pub(super) fn save(&mut self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        let (mut changes, mut new): (BTreeMap<TokenId, (Token, Encoded, Digest)>, _) = (BTreeMap::new(), 0);
        for token in tokens {
            if let Some(fault) = token.fault() {
                return Err(StoreError::BadToken(token.id, fault));
            }
            let id = token.id;
            let known = match changes.remove(&id) {
                Some((token, _, _)) => Some(token),
                None => self.get(id)?,
            };
            new += usize::from(known.is_none());
            let mut kept = known.unwrap_or_else(|| token.clone());
            if !kept.absorb(&token) {
                return Err(StoreError::TokenConflict(id));
            }
            let (encoded, hash) = records::encode_token(&kept)?;
            changes.insert(id, (kept, encoded, hash));
        }
        self.changed.extend(changes.into_iter().map(|(id, change)| (id, Some(change))));
        Ok(new)
    }

    pub(super) fn forget(&mut self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        let mut gone = Vec::new();
        for id in &ids {
            gone.extend(self.pages.keys(keys::pieces_of_token(*id)).collect::<Result<Vec<_>, _>>()?);
        }
        self.gone.append(&mut gone);
        self.changed.extend(ids.into_iter().map(|id| (id, None)));
        Ok(())
    }

    fn get(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        match self.changed.get(&id) {
            Some(change) => Ok(change.as_ref().map(|(token, ..)| token.clone())),
            None => records::token(self.pages, id),
        }
    }
}
