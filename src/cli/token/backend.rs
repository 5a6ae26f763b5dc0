use std::sync::Arc;

use tonic::{Request, Response};

use super::Failure;
use crate::{
    cli::{
        connection::{AccessClient, ConnectionArgs, unary},
        stored::StoredArgs,
    },
    clock::{Clock, ServerClock, SystemWall},
    control::Control,
    domain::limits::RequestLimits,
    grpc::{AccessApi, Admitted},
    identity::Principal,
    private_files,
    proto::v1::{
        CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse, RevokeTokenRequest,
        RevokeTokenResponse, access_service_server::AccessService as _,
    },
    store::{self, Store},
    tokens::Tokens,
};

/// Where tokens are created, listed and revoked. Both variants run the same service.
pub(super) enum TokenBackend {
    /// On a server.
    Server(AccessClient),
    /// In a store. A person who can open it counts as an operator, who can create the first token.
    Directory { api: AccessApi, store: Arc<dyn Store>, holder: Admitted },
}

impl TokenBackend {
    /// Opens the store if one is named, otherwise connects to a server.
    pub(super) async fn open(stored: &StoredArgs, create: bool, connection: &ConnectionArgs) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Files(vec![error.to_string()]);
        let config = stored.config(create).await.map_err(|error| failed(&error))?;
        let Some(config) = config else { return Ok(Self::Server(connection.access().await?)) };
        private_files::keep_new_files_private();
        SystemWall::check().map_err(|error| Failure::Files(vec![error.to_string()]))?;
        let store = store::open(&config, Arc::new(())).await.map_err(|error| failed(&error))?;
        let clock = ServerClock::start(store.newest_time(), |_| ()).map_err(|error| failed(&error))?;
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let tokens =
            Tokens::load(Control::new(Arc::clone(&store)), Arc::clone(&clock)).await.map_err(|error| failed(&error))?;
        let holder = Admitted::new(Arc::new(Principal::of_data_directory(clock.wall())), clock);
        Ok(Self::Directory { api: AccessApi::new(tokens, RequestLimits::default()), store, holder })
    }

    pub(super) async fn create(self, message: CreateTokenRequest) -> Result<CreateTokenResponse, Failure> {
        Ok(match self {
            Self::Server(mut client) => client.create_token(unary(message)).await?,
            Self::Directory { api, store, holder } => {
                let reply = api.create_token(held(message, &holder)).await;
                store.close().await;
                reply?
            }
        }
        .into_inner())
    }

    pub(super) async fn list(&mut self, message: ListTokensRequest) -> Result<Response<ListTokensResponse>, Failure> {
        Ok(match self {
            Self::Server(client) => client.list_tokens(unary(message)).await?,
            Self::Directory { api, holder, .. } => api.list_tokens(held(message, holder)).await?,
        })
    }

    pub(super) async fn revoke(self, message: RevokeTokenRequest) -> Result<RevokeTokenResponse, Failure> {
        Ok(match self {
            Self::Server(mut client) => client.revoke_token(unary(message)).await?,
            Self::Directory { api, store, holder } => {
                let reply = api.revoke_token(held(message, &holder)).await;
                store.close().await;
                reply?
            }
        }
        .into_inner())
    }
}

/// A call from the holder of the data directory.
fn held<T>(message: T, holder: &Admitted) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(holder.clone());
    request
}
