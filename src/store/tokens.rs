//! Tokens of those who call.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Token, TokenId};

/// Keeps tokens.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Keeps tokens, new ones and copies of such as are kept already, which then take over what is newer in the copies
    /// ([`Token::absorb`]): all of them or none. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::TokenConflict`] when another token is kept under the same id, [`StoreError::BadToken`] for what
    /// cannot be a token, or a failure.
    async fn save_tokens(&self, tokens: Vec<Token>) -> Result<usize, StoreError>;

    /// Forgets tokens. Those that are not kept do not matter.
    ///
    /// # Errors
    /// A failure.
    async fn forget_tokens(&self, ids: Vec<TokenId>) -> Result<(), StoreError>;

    /// Every token, in order of id.
    ///
    /// # Errors
    /// A failure.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;
}
