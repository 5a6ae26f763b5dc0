//! Tokens in sled.

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

impl Mergeable for Token {
    type Id = TokenId;

    fn id(&self) -> TokenId {
        self.id
    }

    fn fault(&self) -> Option<&'static str> {
        Self::fault(self)
    }

    fn absorb(&mut self, copy: &Self) -> bool {
        Self::absorb(self, copy)
    }

    fn encode(&self) -> Result<(Encoded, Digest), StoreError> {
        records::encode_token(self)
    }

    fn read(pages: &TreeReader, id: TokenId) -> Result<Option<Self>, StoreError> {
        records::token(pages, id)
    }

    fn keys_of(pages: &TreeReader, id: TokenId) -> Result<Vec<sled::IVec>, StoreError> {
        pages.keys(keys::pieces_of_token(id)).collect()
    }

    fn invalid(id: TokenId, fault: &'static str) -> StoreError {
        StoreError::BadToken(id, fault)
    }

    fn conflict(id: TokenId) -> StoreError {
        StoreError::TokenConflict(id)
    }

    fn note(record: &mut GroupRecord, id: TokenId, hash: Option<Digest>) {
        match hash {
            Some(hash) => record.tokens.push((id, hash)),
            None => record.forgotten.push(id),
        }
    }
}
