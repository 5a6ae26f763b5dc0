use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{auth::principal, error::Failure};
use crate::{
    admin::Admin,
    proto::v1::{self as pb, admin_service_server::AdminService},
    wire::{decode, encode},
};

type Reply<T> = Result<Response<T>, Status>;

/// `signoff.v1.AdminService`.
pub struct AdminApi {
    admin: Arc<Admin>,
}

impl AdminApi {
    /// Serves the use-cases to authenticated callers.
    #[must_use]
    pub const fn new(admin: Arc<Admin>) -> Self {
        Self { admin }
    }
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn freeze(&self, request: Request<pb::FreezeRequest>) -> Reply<pb::FreezeResponse> {
        let principal = principal(&request)?;
        let decode::FreezeCall { request_id, scope, reason } = decode::freeze(request.into_inner())?;
        let freeze = self.admin.freeze(&principal, scope, reason, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(pb::FreezeResponse { freeze: Some(encode::freeze(&freeze)) }))
    }

    async fn thaw(&self, request: Request<pb::ThawRequest>) -> Reply<pb::ThawResponse> {
        let principal = principal(&request)?;
        let decode::ThawCall { request_id, id } = decode::thaw(request.into_inner())?;
        let freeze = self.admin.thaw(&principal, id, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(pb::ThawResponse { freeze: Some(encode::freeze(&freeze)) }))
    }

    async fn list_freezes(&self, request: Request<pb::ListFreezesRequest>) -> Reply<pb::ListFreezesResponse> {
        let freezes = self.admin.freezes(&*principal(&request)?).await.map_err(Failure::from)?;
        Ok(Response::new(pb::ListFreezesResponse { freezes: freezes.iter().map(encode::freeze).collect() }))
    }

    async fn get_status(&self, request: Request<pb::GetStatusRequest>) -> Reply<pb::GetStatusResponse> {
        let status = self.admin.status(&*principal(&request)?).await.map_err(Failure::from)?;
        Ok(Response::new(pb::GetStatusResponse { status: Some(encode::server_status(&status)) }))
    }
}
