use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, stream};
use tonic::{Request, Response, Status};

use super::{
    auth::principal,
    error::Failure,
    stream_limits::{StreamPermit, Streams},
};
use crate::{
    admin::{Admin, Backup, BackupPart, Deliveries, DeliveryQuery},
    domain::limits::RequestLimits,
    proto::v1::{self as pb, admin_service_server::AdminService},
    sessions::Sessions,
    wire::{decode, encode, page_token},
};

type Reply<T> = Result<Response<T>, Status>;

/// `signoff.v1.AdminService`.
pub struct AdminApi {
    admin: Arc<Admin>,
    sessions: Arc<Sessions>,
    deliveries: Arc<Deliveries>,
    limits: RequestLimits,
    streams: Arc<Streams>,
}

impl AdminApi {
    /// Serves the use-cases to authenticated callers.
    #[must_use]
    pub const fn new(
        admin: Arc<Admin>,
        sessions: Arc<Sessions>,
        deliveries: Arc<Deliveries>,
        limits: RequestLimits,
        streams: Arc<Streams>,
    ) -> Self {
        Self { admin, sessions, deliveries, limits, streams }
    }
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    type BackupStream = Pin<Box<dyn Stream<Item = Result<pb::BackupResponse, Status>> + Send>>;

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

    async fn list_sessions(&self, request: Request<pb::ListSessionsRequest>) -> Reply<pb::ListSessionsResponse> {
        let principal = principal(&request)?;
        let page = decode::sessions(&request.into_inner(), &self.limits)?;
        let decode::SessionsPage { before, limit, active_only } = page;
        let page = self.sessions.list(&principal, before, limit, active_only).map_err(Failure::from)?;
        let last = page.sessions.last().filter(|_| page.more);
        let next = last.map(|(last, _)| page_token::encode_session(last.id, active_only));
        let sessions = page.sessions.iter().map(|(session, state)| encode::session(session, *state)).collect();
        Ok(Response::new(pb::ListSessionsResponse { sessions, next_page_token: next.unwrap_or_default() }))
    }

    async fn end_sessions(&self, request: Request<pb::EndSessionsRequest>) -> Reply<pb::EndSessionsResponse> {
        let principal = principal(&request)?;
        let decode::EndSessionsCall { request_id, scope } = decode::end_sessions(request.into_inner())?;
        let ended = self.sessions.end_sessions(&principal, scope, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(pb::EndSessionsResponse { ended_count: i32::try_from(ended).unwrap_or(i32::MAX) }))
    }

    async fn block_subject(&self, request: Request<pb::BlockSubjectRequest>) -> Reply<pb::BlockSubjectResponse> {
        let principal = principal(&request)?;
        let decode::BlockCall { request_id, subject, reason } = decode::block(request.into_inner())?;
        let block = self.sessions.block(&principal, subject, reason, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(pb::BlockSubjectResponse { block: Some(encode::blocked_subject(&block)) }))
    }

    async fn unblock_subject(&self, request: Request<pb::UnblockSubjectRequest>) -> Reply<pb::UnblockSubjectResponse> {
        let principal = principal(&request)?;
        let decode::UnblockCall { request_id, subject } = decode::unblock(request.into_inner())?;
        let block = self.sessions.unblock(&principal, subject, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(pb::UnblockSubjectResponse { block: Some(encode::blocked_subject(&block)) }))
    }

    async fn list_blocked_subjects(
        &self,
        request: Request<pb::ListBlockedSubjectsRequest>,
    ) -> Reply<pb::ListBlockedSubjectsResponse> {
        let blocks = self.sessions.blocks(&*principal(&request)?).await.map_err(Failure::from)?;
        let blocks = blocks.iter().map(encode::blocked_subject).collect();
        Ok(Response::new(pb::ListBlockedSubjectsResponse { blocks }))
    }

    async fn list_channels(&self, request: Request<pb::ListChannelsRequest>) -> Reply<pb::ListChannelsResponse> {
        let channels = self.deliveries.channels(&*principal(&request)?).map_err(Failure::from)?;
        Ok(Response::new(pb::ListChannelsResponse { channels: channels.iter().map(encode::channel).collect() }))
    }

    async fn list_deliveries(&self, request: Request<pb::ListDeliveriesRequest>) -> Reply<pb::ListDeliveriesResponse> {
        let principal = principal(&request)?;
        let asked = decode::deliveries(&request.into_inner(), &self.limits)?;
        let decode::DeliveriesPage { channel, approval, dead_only, after, limit } = asked.clone();
        let query = DeliveryQuery { channel, approval, dead_only, waiting_only: false, after, limit };
        let page = self.deliveries.list(&principal, query).await.map_err(Failure::from)?;
        let last = page.deliveries.last().filter(|_| page.more);
        let next_page_token = last.map(|last| asked.token_after(&last.id)).unwrap_or_default();
        let deliveries = page.deliveries.iter().map(encode::delivery).collect();
        Ok(Response::new(pb::ListDeliveriesResponse { deliveries, next_page_token }))
    }

    async fn retry_delivery(&self, request: Request<pb::RetryDeliveryRequest>) -> Reply<pb::RetryDeliveryResponse> {
        let principal = principal(&request)?;
        let decode::RetryCall { request_id, id } = decode::retry_delivery(request.into_inner())?;
        let delivery = self.deliveries.retry(&principal, id, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(pb::RetryDeliveryResponse { delivery: Some(encode::delivery(&delivery)) }))
    }

    async fn test_channel(&self, request: Request<pb::TestChannelRequest>) -> Reply<pb::TestChannelResponse> {
        let principal = principal(&request)?;
        let channel = decode::test_channel(&request.into_inner())?;
        let tested = self.deliveries.test(&principal, &channel).await.map_err(Failure::from)?;
        let (accepted, answer) = (tested.is_ok(), tested.unwrap_or_else(|reason| reason));
        Ok(Response::new(pb::TestChannelResponse { accepted, answer }))
    }

    async fn backup(&self, request: Request<pb::BackupRequest>) -> Reply<Self::BackupStream> {
        let principal = principal(&request)?;
        let permit = self.streams.open(&request, &principal)?;
        let backup = self.admin.backup(principal).await.map_err(Failure::from)?;
        Ok(Response::new(Box::pin(parts(backup, permit))))
    }
}

/// The messages of a backup. After an error there are no more messages.
fn parts(backup: Backup, permit: StreamPermit) -> impl Stream<Item = Result<pb::BackupResponse, Status>> + Send {
    stream::try_unfold((backup, permit), |(mut backup, permit)| async move {
        let part = backup.next().await.map_err(|error| Status::from(Failure::from(error)))?;
        let part = part.map(|part| match part {
            BackupPart::Data(data) => encode::backup_data(data),
            BackupPart::Complete(summary) => encode::backup_complete(&summary),
        });
        Ok(part.map(|part| (part, (backup, permit))))
    })
}
