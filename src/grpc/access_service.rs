use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{auth::principal, error::Failure};
use crate::{
    domain::limits::RequestLimits,
    proto::v1::{self as pb, access_service_server::AccessService},
    tokens::Tokens,
    wire::{decode, encode, page_token},
};

type Reply<T> = Result<Response<T>, Status>;

/// `signoff.v1.AccessService`.
pub struct AccessApi {
    tokens: Arc<Tokens>,
    limits: RequestLimits,
}

impl AccessApi {
    /// Serves the use-cases to authenticated callers.
    #[must_use]
    pub const fn new(tokens: Arc<Tokens>, limits: RequestLimits) -> Self {
        Self { tokens, limits }
    }
}

#[tonic::async_trait]
impl AccessService for AccessApi {
    async fn create_token(&self, request: Request<pb::CreateTokenRequest>) -> Reply<pb::CreateTokenResponse> {
        let principal = principal(&request)?;
        let new = decode::new_token(request.into_inner(), &self.limits)?;
        let (token, secret) = self.tokens.create(&principal, new).await.map_err(Failure::from)?;
        let token = Some(encode::token(&token, token.created_at));
        Ok(Response::new(pb::CreateTokenResponse { token, secret: secret.reveal().to_owned() }))
    }

    async fn list_tokens(&self, request: Request<pb::ListTokensRequest>) -> Reply<pb::ListTokensResponse> {
        let principal = principal(&request)?;
        let decode::TokensPage { before, limit, active_only } = decode::tokens(&request.into_inner(), &self.limits)?;
        let page = self.tokens.list(&principal, before, limit, active_only).map_err(Failure::from)?;
        let last = page.tokens.last().filter(|_| page.more).map(|last| page_token::encode_token(last.id, active_only));
        let tokens = page.tokens.iter().map(|token| encode::token(token, page.at)).collect();
        Ok(Response::new(pb::ListTokensResponse { tokens, next_page_token: last.unwrap_or_default() }))
    }

    async fn revoke_token(&self, request: Request<pb::RevokeTokenRequest>) -> Reply<pb::RevokeTokenResponse> {
        let principal = principal(&request)?;
        let id = decode::token_id(&request.into_inner().token_id)?;
        let token = self.tokens.revoke(&principal, id).await.map_err(Failure::from)?;
        let at = token.revoked.as_ref().map_or(token.created_at, |revoked| revoked.at); // revoked at any time
        Ok(Response::new(pb::RevokeTokenResponse { token: Some(encode::token(&token, at)) }))
    }

    // Needs no role: callers without a role need this call most.
    async fn get_caller(&self, request: Request<pb::GetCallerRequest>) -> Reply<pb::GetCallerResponse> {
        let caller = Some(encode::caller(&*principal(&request)?));
        Ok(Response::new(pb::GetCallerResponse { caller }))
    }
}
