use std::{pin::Pin, sync::Arc};

use futures_util::stream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::{
    auth::principal,
    deadline,
    error::Failure,
    stream_limits::{StreamPermit, Streams},
};
use crate::{
    approvals::{Approvals, Error, Follower, Message, Queue, QueueChange, Revoked},
    domain::{Actor, Approval, ApprovalId, NewRequest, Revision, limits::RequestLimits},
    identity::{Method, Principal},
    policies::Policies,
    proto::v1::{self as pb, approval_service_server::ApprovalService},
    wire::{
        decode::{self, InvalidRequest},
        encode,
        enums::Code,
        page_token,
    },
};

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Reply<T> = Result<Response<T>, Status>;

/// `signoff.v1.ApprovalService`.
pub struct ApprovalApi {
    approvals: Arc<Approvals>,
    policies: Arc<Policies>,
    limits: RequestLimits,
    streams: Arc<Streams>,
}

impl ApprovalApi {
    /// Serves the use-cases to authenticated callers. `policies` says what lists redact.
    #[must_use]
    pub const fn new(
        approvals: Arc<Approvals>,
        policies: Arc<Policies>,
        limits: RequestLimits,
        streams: Arc<Streams>,
    ) -> Self {
        Self { approvals, policies, limits, streams }
    }
}

impl ApprovalApi {
    /// Decodes a request. A large schema is compiled in the pool, where it blocks no other call.
    async fn decode_request(
        &self,
        by: &Actor,
        request: pb::RequestApprovalRequest,
    ) -> Result<Result<NewRequest, InvalidRequest>, Status> {
        let schemas = self.approvals.schemas();
        let known = decode::known_schema(&request, schemas);
        if request.arguments_schema.is_none() || known.is_some() {
            return Ok(decode::request(request, &self.limits, schemas, known));
        }
        let (limits, schemas) = (self.limits.clone(), Arc::clone(schemas));
        let decode = move || decode::request(request, &limits, &schemas, None);
        let decoded = self.approvals.blocking_pool().run(by, decode).await;
        Ok(decoded.map_err(Failure::from)?)
    }

    /// Encodes a page of a list, as its reader may see it there.
    async fn listed(&self, reader: &Principal, page: &[Arc<Approval>]) -> Vec<pb::Approval> {
        let mut listed = Vec::with_capacity(page.len());
        for approval in page {
            let redacted = self.policies.redactions_for(reader, approval).await;
            listed.push(encode::listed_approval(approval, redacted.as_ref()));
        }
        listed
    }

    /// Follows the request that an invalid one repeats, or returns its violations.
    async fn repeat(
        &self,
        principal: Arc<Principal>,
        InvalidRequest { violations, repetition }: InvalidRequest,
        after: Revision,
    ) -> Result<Follower, Status> {
        let Some(again) = repetition else { return Err(violations.into()) };
        let found = Arc::clone(&self.approvals).repeat(principal, *again, after).await;
        found.map_err(failed)?.ok_or_else(|| violations.into())
    }
}

#[tonic::async_trait]
impl ApprovalService for ApprovalApi {
    type RequestApprovalStream = Messages<pb::RequestApprovalResponse>;
    type WatchApprovalStream = Messages<pb::WatchApprovalResponse>;
    type WatchPendingStream = Messages<pb::WatchPendingResponse>;

    // Streams send their headers immediately, so slow work happens inside the stream.
    async fn request_approval(
        &self,
        request: Request<pb::RequestApprovalRequest>,
    ) -> Reply<Self::RequestApprovalStream> {
        let principal = principal(&request)?;
        let permit = self.streams.open(&request, &principal)?;
        let request = request.into_inner();
        let after = request.after_revision;
        Ok(Response::new(match self.decode_request(&principal.actor, request).await? {
            Ok(new) => follow(Arc::clone(&self.approvals).request(principal, new, after), permit, None, asked),
            Err(invalid) => {
                let follower = self.repeat(principal, invalid, after).await?;
                follow(std::future::ready(Ok(follower)), permit, None, asked)
            }
        }))
    }

    async fn watch_approval(&self, request: Request<pb::WatchApprovalRequest>) -> Reply<Self::WatchApprovalStream> {
        let principal = principal(&request)?;
        let permit = self.streams.open(&request, &principal)?;
        let request = request.into_inner();
        let (id, after) = (decode::approval_id(&request.approval_id)?, request.after_revision);
        let open = Arc::clone(&self.approvals).watch(principal, id, after);
        Ok(Response::new(follow(open, permit, Some(id), |message| {
            use pb::watch_approval_response::Message as Wire;
            let message = match message {
                Message::Update { approval, events } => Wire::Update(update(&approval, &events)),
                Message::Progress { approval, now } => Wire::Progress(encode::progress(&approval, now)),
            };
            pb::WatchApprovalResponse { message: Some(message) }
        })))
    }

    async fn get_approval(&self, request: Request<pb::GetApprovalRequest>) -> Reply<pb::GetApprovalResponse> {
        let principal = principal(&request)?;
        let request = request.into_inner();
        let id = decode::approval_id(&request.approval_id)?;
        let approval = self.approvals.get(&principal, id).await.map_err(|error| Failure::on(id, error))?;
        let events = if request.include_events {
            self.approvals.events(&approval).await.map_err(|error| Failure::on(id, error))?
        } else {
            Vec::new()
        };
        let events = events.iter().map(encode::event).collect();
        Ok(Response::new(pb::GetApprovalResponse { approval: Some(encode::approval(&approval)), events }))
    }

    async fn wait_approval(&self, request: Request<pb::WaitApprovalRequest>) -> Reply<pb::WaitApprovalResponse> {
        let principal = principal(&request)?;
        let _permit = self.streams.open(&request, &principal)?; // a wait uses as much memory as a stream
        let deadline = deadline::of(request.metadata());
        let decode::Wait { id, after, timeout } = decode::wait(&request.into_inner())?;
        let timeout = deadline.map_or(timeout, |left| timeout.min(deadline::in_time(left)));
        let approval = self.approvals.wait(&principal, id, after, timeout).await;
        let approval = approval.map_err(|error| Failure::on(id, error))?;
        Ok(Response::new(pb::WaitApprovalResponse { approval: Some(encode::approval(&approval)) }))
    }

    async fn list_pending(&self, request: Request<pb::ListPendingRequest>) -> Reply<pb::ListPendingResponse> {
        let principal = principal(&request)?;
        let request = request.into_inner();
        let decidable = request.decidable_by_me;
        let query = decode::list_pending(request, &self.limits)?;
        let token = |last| page_token::encode(&query.filter, query.order, last);
        let page = self
            .approvals
            .list(&principal, Method::ListPending, query.clone(), decidable)
            .await
            .map_err(Failure::from)?;
        Ok(Response::new(pb::ListPendingResponse {
            approvals: self.listed(&principal, &page.approvals).await,
            next_page_token: page.next.map(token).unwrap_or_default(),
            unreadable_approval_ids: page.unreadable.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn watch_pending(&self, request: Request<pb::WatchPendingRequest>) -> Reply<Self::WatchPendingStream> {
        let principal = principal(&request)?;
        let permit = self.streams.open(&request, &principal)?;
        let request = request.into_inner();
        let decidable = request.decidable_by_me;
        let filter = decode::watch_pending(request, &self.limits)?;
        let reader = Arc::clone(&principal);
        let queue = Arc::clone(&self.approvals).queue(principal, filter, decidable).map_err(Failure::from)?;
        Ok(Response::new(watch(queue, reader, Arc::clone(&self.policies), permit)))
    }

    async fn list_approvals(&self, request: Request<pb::ListApprovalsRequest>) -> Reply<pb::ListApprovalsResponse> {
        let principal = principal(&request)?;
        let query = decode::list_approvals(request.into_inner(), &self.limits)?;
        let token = |last| page_token::encode(&query.filter, query.order, last);
        let page = self
            .approvals
            .list(&principal, Method::ListApprovals, query.clone(), false)
            .await
            .map_err(Failure::from)?;
        Ok(Response::new(pb::ListApprovalsResponse {
            approvals: self.listed(&principal, &page.approvals).await,
            next_page_token: page.next.map(token).unwrap_or_default(),
            unreadable_approval_ids: page.unreadable.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn decide(&self, request: Request<pb::DecideRequest>) -> Reply<pb::DecideResponse> {
        let principal = principal(&request)?;
        let new = decode::decision(request.into_inner(), &self.limits)?;
        let id = new.id;
        let approval = self.approvals.decide(&principal, new).await.map_err(|error| Failure::on(id, error))?;
        Ok(Response::new(pb::DecideResponse { approval: Some(encode::approval(&approval)) }))
    }

    async fn cancel_approval(&self, request: Request<pb::CancelApprovalRequest>) -> Reply<pb::CancelApprovalResponse> {
        let principal = principal(&request)?;
        let new = decode::cancellation(request.into_inner(), &self.limits)?;
        let id = new.id;
        let approval = self.approvals.cancel(&principal, new).await.map_err(|error| Failure::on(id, error))?;
        Ok(Response::new(pb::CancelApprovalResponse { approval: Some(encode::approval(&approval)) }))
    }

    async fn revoke_approval(&self, request: Request<pb::RevokeApprovalRequest>) -> Reply<pb::RevokeApprovalResponse> {
        let principal = principal(&request)?;
        let new = decode::revocation(request.into_inner(), &self.limits)?;
        let id = new.id;
        let revoked = self.approvals.revoke(&principal, new).await.map_err(|error| Failure::on(id, error))?;
        let approval = match &revoked {
            Revoked::Shown(approval) => encode::approval(approval),
            Revoked::Unseen { id, status, revocation } => encode::revoked_approval(*id, *status, revocation),
        };
        Ok(Response::new(pb::RevokeApprovalResponse { approval: Some(approval) }))
    }

    async fn claim_execution(&self, request: Request<pb::ClaimExecutionRequest>) -> Reply<pb::ClaimExecutionResponse> {
        let principal = principal(&request)?;
        let new = decode::claim(request.into_inner())?;
        let id = new.id;
        let approval = self.approvals.claim(&principal, new).await.map_err(|error| Failure::on(id, error))?;
        let claim_id = approval.claim.as_ref().map(|claim| claim.id.to_string()).unwrap_or_default();
        Ok(Response::new(pb::ClaimExecutionResponse { approval: Some(encode::approval(&approval)), claim_id }))
    }

    async fn report_execution(
        &self,
        request: Request<pb::ReportExecutionRequest>,
    ) -> Reply<pb::ReportExecutionResponse> {
        let principal = principal(&request)?;
        let new = decode::report(request.into_inner(), &self.limits)?;
        let id = new.id;
        let approval = self.approvals.report(&principal, new).await.map_err(|error| Failure::on(id, error))?;
        Ok(Response::new(pb::ReportExecutionResponse { approval: Some(encode::approval(&approval)) }))
    }
}

fn asked(message: Message) -> pb::RequestApprovalResponse {
    use pb::request_approval_response::Message as Wire;
    let message = match message {
        Message::Update { approval, events } => Wire::Update(update(&approval, &events)),
        Message::Progress { approval, now } => Wire::Progress(encode::progress(&approval, now)),
    };
    pb::RequestApprovalResponse { message: Some(message) }
}

fn update(approval: &Approval, events: &[crate::domain::Event]) -> pb::ApprovalUpdate {
    pb::ApprovalUpdate {
        approval: Some(encode::approval(approval)),
        events: events.iter().map(encode::event).collect(),
    }
}

/// The state of a stream.
enum Stage<F> {
    Opening(F),
    Open(Box<Follower>),
}

/// Opens a follower inside the stream, and sends its messages. After an error there are no more messages.
/// `id`: the approval that the call names.
fn follow<T: Send + 'static>(
    open: impl Future<Output = Result<Follower, Error>> + Send + 'static,
    permit: StreamPermit,
    id: Option<ApprovalId>,
    encode: fn(Message) -> T,
) -> Messages<T> {
    let stage = Stage::Opening(Box::pin(open));
    let messages = stream::try_unfold((stage, permit), |(stage, permit)| async move {
        let mut follower = match stage {
            Stage::Opening(open) => Box::new(open.await?),
            Stage::Open(follower) => follower,
        };
        let message = follower.next().await.transpose()?;
        Ok::<_, Error>(message.map(|message| (message, (Stage::Open(follower), permit))))
    });
    let failed = move |error| match id {
        Some(id) => Failure::on(id, error).into(),
        None => failed(error),
    };
    Box::pin(messages.map(move |message| message.map(encode).map_err(failed)))
}

fn watch(
    queue: Queue,
    reader: Arc<Principal>,
    policies: Arc<Policies>,
    permit: StreamPermit,
) -> Messages<pb::WatchPendingResponse> {
    use pb::watch_pending_response::{Change, Removal, SnapshotComplete};
    let changes = stream::try_unfold((queue, permit), move |(mut queue, permit)| {
        let (reader, policies) = (Arc::clone(&reader), Arc::clone(&policies));
        async move {
            let change = match queue.next().await? {
                QueueChange::Pending(approval) => {
                    let redacted = policies.redactions_for(&reader, &approval).await;
                    Change::Pending(encode::listed_approval(&approval, redacted.as_ref()))
                }
                QueueChange::Removed(id, status) => {
                    let status = status.map_or(pb::ApprovalStatus::Unspecified, Code::to_wire) as i32;
                    Change::Removed(Removal { approval_id: id.to_string(), status })
                }
                QueueChange::SnapshotComplete(count) => Change::SnapshotComplete(SnapshotComplete { count }),
            };
            Ok::<_, Error>(Some((pb::WatchPendingResponse { change: Some(change) }, (queue, permit))))
        }
    });
    Box::pin(changes.map(|change| change.map_err(failed)))
}

fn failed(error: Error) -> Status {
    Failure::from(error).into()
}
