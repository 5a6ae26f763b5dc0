//! Tokens in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    domain::{Token, TokenId},
    store::{StoreError, TokenStore},
};

#[async_trait]
impl TokenStore for MemoryStore {
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError> {
        let kept = &mut self.state()?.tokens;
        let mut all = kept.clone();
        for token in tokens {
            if let Some(fault) = token.fault() {
                return Err(StoreError::BadToken(token.id, fault));
            }
            let known = all.entry(token.id).or_insert_with(|| token.clone());
            if !known.absorb(&token) {
                return Err(StoreError::TokenConflict(token.id));
            }
        }
        let new = all.len() - kept.len();
        *kept = all;
        Ok(new)
    }

    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError> {
        let tokens = &mut self.state()?.tokens;
        ids.iter().for_each(|id| drop(tokens.remove(id)));
        Ok(())
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.state()?.tokens.values().cloned().collect())
    }
}
