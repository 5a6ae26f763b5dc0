//! ID tokens: what a provider says to a client about a person that signed in.

use subtle::ConstantTimeEq as _;

use super::{Oidc, OidcConfig, Rejection, Verified, claims, token::Token};

/// Why an ID token is rejected. Contains nothing from the token, as [`Rejection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// A check that every token of the provider must pass failed.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// The token is for another sign-in.
    #[error("the token is for another sign-in")]
    Nonce,
    /// The token was issued to another client.
    #[error("the token was issued to another client")]
    AuthorizedParty,
}

impl Oidc {
    /// Verifies the ID token of a sign-in: like a bearer token, but for the client, not for the server's audience; and
    /// for this sign-in only.
    pub(super) async fn id_token(&self, token: &str, client_id: &str, nonce: &str) -> Result<Verified, IdTokenError> {
        if token.len() > super::token::BYTES_MAX {
            return Err(Rejection::NotAJwt.into());
        }
        let token = Token::parse(token, &self.config.algorithms)?;
        if token.is_for_access {
            return Err(Rejection::NotAJwt.into());
        }
        let set = self.keys.current().await?;
        let (claims, _) = self.signed_claims(&token, set).await?;
        let own = OidcConfig { audience: client_id.to_owned(), ..self.config.clone() };
        let verified = claims::judge(&claims, &own, self.clock.wall())?;
        let text = |name: &str| claims.get(name).and_then(|value| value.as_str());
        let audiences = claims.get("aud").and_then(|value| value.as_array()).map_or(1, Vec::len);
        let party = match claims.get("azp") {
            Some(_) => text("azp") == Some(client_id),
            None => audiences == 1,
        };
        if !party {
            return Err(IdTokenError::AuthorizedParty);
        }
        let same: bool = text("nonce").unwrap_or_default().as_bytes().ct_eq(nonce.as_bytes()).into();
        if same { Ok(verified) } else { Err(IdTokenError::Nonce) }
    }
}
