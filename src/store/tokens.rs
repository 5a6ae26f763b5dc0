//! The store of tokens.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Token, TokenId};

/// Stores tokens.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Saves tokens: all or none. A token that is stored already takes over what is newer in the copy
    /// ([`Token::absorb`]). Returns the number of new tokens.
    ///
    /// # Errors
    /// [`StoreError::TokenConflict`] when another token is stored under the same id, [`StoreError::BadToken`] for an
    /// invalid token, or a failure.
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError>;

    /// Forgets tokens. Ignores ids that are not stored.
    ///
    /// # Errors
    /// A failure.
    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError>;

    /// All tokens, in order of id.
    ///
    /// # Errors
    /// A failure.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;
}
