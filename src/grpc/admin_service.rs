use tonic::{Request, Response, Status};

use super::error::Failure;
use crate::proto::v1::{self as pb, admin_service_server::AdminService};

type Reply<T> = Result<Response<T>, Status>;

/// `signoff.v1.AdminService`.
#[derive(Debug)]
pub struct AdminApi;

/// Nothing of it is there yet.
pub(super) fn not_implemented(method: &str) -> Status {
    Failure::NoSuchMethod(format!("/signoff.v1.{method}")).into()
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn freeze(&self, _: Request<pb::FreezeRequest>) -> Reply<pb::FreezeResponse> {
        Err(not_implemented("AdminService/Freeze"))
    }

    async fn thaw(&self, _: Request<pb::ThawRequest>) -> Reply<pb::ThawResponse> {
        Err(not_implemented("AdminService/Thaw"))
    }

    async fn list_freezes(&self, _: Request<pb::ListFreezesRequest>) -> Reply<pb::ListFreezesResponse> {
        Err(not_implemented("AdminService/ListFreezes"))
    }

    async fn get_status(&self, _: Request<pb::GetStatusRequest>) -> Reply<pb::GetStatusResponse> {
        Err(not_implemented("AdminService/GetStatus"))
    }
}
