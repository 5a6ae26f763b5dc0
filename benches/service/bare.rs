//! The baseline: a minimal tonic service with the same messages. Canned replies, no store, no policy, no tokens, no
//! layers. RequestApproval's stream stays open until Decide names its `request_id`, through memory alone.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::stream::{self, StreamExt as _};
use prost_types::Timestamp;
use signoff::proto::v1::{
    self as pb,
    approval_service_server::{ApprovalService, ApprovalServiceServer},
};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status};

use crate::{Outcome, payload};

/// Approvals in a page.
const PAGE: usize = 50;

/// The `reason` of requests that the policy approves.
pub(crate) const AUTO_APPROVED_REASON: &str = "auto";

/// Serves until killed. Prints its address as `signoff serve` does.
pub(crate) async fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("the bare service is listening on {}", listener.local_addr()?);
    let incoming = TcpListenerStream::new(listener).map(|accepted| {
        let stream = accepted?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    });
    tonic::transport::Server::builder()
        .add_service(ApprovalServiceServer::new(Bare::default()))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open stream, until dropped.
struct Waiter {
    waiting: Waiting,
    id: String,
    decided: oneshot::Receiver<()>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

#[derive(Default)]
struct Bare {
    waiting: Waiting,
}

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Reply<T> = Result<Response<T>, Status>;

/// The content of a real answer.
fn approval(id: String, status: pb::ApprovalStatus) -> pb::Approval {
    let request = payload::wire_request(id.clone());
    let time = Some(Timestamp { seconds: 1_800_000_000, nanos: 0 });
    let actor = pb::Actor { kind: pb::ActorKind::Agent.into(), issuer: "dev".into(), subject: "agent".into() };
    pb::Approval {
        id,
        revision: 1,
        status: status.into(),
        request_id: request.request_id,
        caller: Some(actor),
        tool_name: request.tool_name,
        arguments: request.arguments,
        digest: format!("sha256:{}", "0f".repeat(32)),
        agent: request.agent,
        reason: request.reason,
        labels: request.labels,
        timeout: request.timeout,
        create_time: time,
        update_time: time,
        deadline: time,
        quorum: 1,
        ..pb::Approval::default()
    }
}

fn update(id: String, status: pb::ApprovalStatus) -> pb::RequestApprovalResponse {
    let approval = Some(approval(id, status));
    let update = pb::ApprovalUpdate { approval, events: vec![pb::Event { revision: 1, ..pb::Event::default() }] };
    pb::RequestApprovalResponse { message: Some(pb::request_approval_response::Message::Update(update)) }
}

/// Repeats the schema and labels of a request in its answer, if it has a schema.
fn echo(request: pb::RequestApprovalRequest, mut response: pb::RequestApprovalResponse) -> pb::RequestApprovalResponse {
    if let Some(pb::request_approval_response::Message::Update(update)) = &mut response.message
        && let Some(approval) = update.approval.as_mut().filter(|_| request.arguments_schema.is_some())
    {
        approval.arguments_schema = request.arguments_schema;
        approval.labels = request.labels;
    }
    response
}

fn not_needed<T>() -> Reply<T> {
    Err(Status::unimplemented("not measured"))
}

#[tonic::async_trait]
impl ApprovalService for Bare {
    type RequestApprovalStream = Messages<pb::RequestApprovalResponse>;
    type WatchApprovalStream = Messages<pb::WatchApprovalResponse>;
    type WatchPendingStream = Messages<pb::WatchPendingResponse>;

    async fn request_approval(
        &self,
        request: Request<pb::RequestApprovalRequest>,
    ) -> Reply<Self::RequestApprovalStream> {
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        if request.reason == AUTO_APPROVED_REASON {
            let only = update(id, pb::ApprovalStatus::AutoApproved);
            return Ok(Response::new(Box::pin(stream::iter([Ok(only)]))));
        }
        let (decide, decided) = oneshot::channel();
        self.waiting.lock().insert(id.clone(), decide);
        let mut waiter = Waiter { waiting: self.waiting.clone(), id: id.clone(), decided };
        let first = stream::iter([Ok(echo(request, update(id.clone(), pb::ApprovalStatus::Pending)))]);
        let last = stream::once(async move {
            let _ = (&mut waiter.decided).await;
            Ok(update(id, pb::ApprovalStatus::Approved))
        });
        Ok(Response::new(Box::pin(first.chain(last))))
    }

    async fn decide(&self, request: Request<pb::DecideRequest>) -> Reply<pb::DecideResponse> {
        let id = request.into_inner().approval_id;
        if let Some(decide) = self.waiting.lock().remove(&id) {
            let _ = decide.send(()); // fails if the waiter has left
        }
        let approval = Some(approval(id, pb::ApprovalStatus::Approved));
        Ok(Response::new(pb::DecideResponse { approval }))
    }

    async fn list_pending(&self, _: Request<pb::ListPendingRequest>) -> Reply<pb::ListPendingResponse> {
        let approvals = (0..PAGE).map(|n| approval(n.to_string(), pb::ApprovalStatus::Pending)).collect();
        Ok(Response::new(pb::ListPendingResponse { approvals, ..Default::default() }))
    }

    async fn watch_approval(&self, _: Request<pb::WatchApprovalRequest>) -> Reply<Self::WatchApprovalStream> {
        not_needed()
    }

    async fn get_approval(&self, _: Request<pb::GetApprovalRequest>) -> Reply<pb::GetApprovalResponse> {
        not_needed()
    }

    async fn wait_approval(&self, _: Request<pb::WaitApprovalRequest>) -> Reply<pb::WaitApprovalResponse> {
        not_needed()
    }

    async fn watch_pending(&self, _: Request<pb::WatchPendingRequest>) -> Reply<Self::WatchPendingStream> {
        not_needed()
    }

    async fn list_approvals(&self, _: Request<pb::ListApprovalsRequest>) -> Reply<pb::ListApprovalsResponse> {
        not_needed()
    }

    async fn revoke_approval(&self, _: Request<pb::RevokeApprovalRequest>) -> Reply<pb::RevokeApprovalResponse> {
        not_needed()
    }

    async fn cancel_approval(&self, _: Request<pb::CancelApprovalRequest>) -> Reply<pb::CancelApprovalResponse> {
        not_needed()
    }

    async fn claim_execution(&self, _: Request<pb::ClaimExecutionRequest>) -> Reply<pb::ClaimExecutionResponse> {
        not_needed()
    }

    async fn report_execution(&self, _: Request<pb::ReportExecutionRequest>) -> Reply<pb::ReportExecutionResponse> {
        not_needed()
    }
}
