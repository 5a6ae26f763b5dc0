//! A scripted server: answers as a test defines, and records the requests.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
};

use crate::proto::v1::{
    Actor, ActorKind, Approval, ApprovalUpdate, BackupRequest, BackupResponse, BlockSubjectRequest,
    BlockSubjectResponse, Caller, CancelApprovalRequest, CancelApprovalResponse, ClaimExecutionRequest,
    ClaimExecutionResponse, CreateTokenRequest, CreateTokenResponse, DecideRequest, DecideResponse, EndSessionsRequest,
    EndSessionsResponse, FreezeRequest, FreezeResponse, GetApprovalRequest, GetApprovalResponse, GetCallerRequest,
    GetCallerResponse, GetStatusRequest, GetStatusResponse, ListApprovalsRequest, ListApprovalsResponse,
    ListBlockedSubjectsRequest, ListBlockedSubjectsResponse, ListChannelsRequest, ListChannelsResponse,
    ListDeliveriesRequest, ListDeliveriesResponse, ListFreezesRequest, ListFreezesResponse, ListPendingRequest,
    ListPendingResponse, ListSessionsRequest, ListSessionsResponse, ListTokensRequest, ListTokensResponse,
    ReportExecutionRequest, ReportExecutionResponse, RequestApprovalRequest, RequestApprovalResponse,
    RetryDeliveryRequest, RetryDeliveryResponse, RevokeApprovalRequest, RevokeApprovalResponse, RevokeTokenRequest,
    RevokeTokenResponse, TestChannelRequest, TestChannelResponse, ThawRequest, ThawResponse, UnblockSubjectRequest,
    UnblockSubjectResponse, WaitApprovalRequest, WaitApprovalResponse, WatchApprovalRequest, WatchApprovalResponse,
    WatchPendingRequest, WatchPendingResponse,
    access_service_server::{AccessService, AccessServiceServer},
    admin_service_server::{AdminService, AdminServiceServer},
    approval_service_server::{ApprovalService, ApprovalServiceServer},
    event,
    request_approval_response::Message,
};

type AsciiValue = MetadataValue<Ascii>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One method: its next answers, and the recorded requests.
pub(super) struct Method<Q, A> {
    answers: Mutex<VecDeque<A>>,
    asked: Mutex<Vec<Q>>,
}

impl<Q, A> Default for Method<Q, A> {
    fn default() -> Self {
        Self { answers: Mutex::default(), asked: Mutex::default() }
    }
}

impl<Q: Clone, A> Method<Q, A> {
    pub(super) fn answers(&self, answer: A) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(super) fn asked(&self) -> Vec<Q> {
        self.asked.lock().unwrap().clone()
    }

    fn call(&self, request: Request<Q>) -> Result<A, Status> {
        self.asked.lock().unwrap().push(request.into_inner());
        self.answers.lock().unwrap().pop_front().ok_or_else(|| Status::unimplemented("the test has no answer"))
    }
}

pub(super) enum Step<T> {
    Send(T),
    Fail(Status),
    /// Cuts every connection of the [`Server`].
    Cut,
    /// Says nothing more, and notifies.
    Hang(Arc<Notify>),
}

#[derive(Default)]
pub(super) struct Fake {
    pub(super) request: Method<RequestApprovalRequest, Vec<Step<RequestApprovalResponse>>>,
    pub(super) watch_pending: Method<WatchPendingRequest, Vec<Step<WatchPendingResponse>>>,
    pub(super) get: Method<GetApprovalRequest, Result<GetApprovalResponse, Status>>,
    pub(super) list_pending: Method<ListPendingRequest, Result<ListPendingResponse, Status>>,
    pub(super) list_approvals: Method<ListApprovalsRequest, Result<ListApprovalsResponse, Status>>,
    pub(super) decide: Method<DecideRequest, Result<DecideResponse, Status>>,
    pub(super) cancel: Method<CancelApprovalRequest, Result<CancelApprovalResponse, Status>>,
    pub(super) revoke: Method<RevokeApprovalRequest, Result<RevokeApprovalResponse, Status>>,
    pub(super) freezes: Method<ListFreezesRequest, Result<ListFreezesResponse, Status>>,
    pub(super) list_sessions: Method<ListSessionsRequest, Result<ListSessionsResponse, Status>>,
    pub(super) end_sessions: Method<EndSessionsRequest, Result<EndSessionsResponse, Status>>,
    pub(super) block: Method<BlockSubjectRequest, Result<BlockSubjectResponse, Status>>,
    pub(super) unblock: Method<UnblockSubjectRequest, Result<UnblockSubjectResponse, Status>>,
    pub(super) blocks: Method<ListBlockedSubjectsRequest, Result<ListBlockedSubjectsResponse, Status>>,
    pub(super) channels: Method<ListChannelsRequest, Result<ListChannelsResponse, Status>>,
    pub(super) deliveries: Method<ListDeliveriesRequest, Result<ListDeliveriesResponse, Status>>,
    pub(super) backup: Method<BackupRequest, Vec<Result<BackupResponse, Status>>>,
    pub(super) retry: Method<RetryDeliveryRequest, Result<RetryDeliveryResponse, Status>>,
    pub(super) test: Method<TestChannelRequest, Result<TestChannelResponse, Status>>,
    /// Claims are answered only once this is notified, if it is there.
    pub(super) hold_claims: Mutex<Option<Arc<Notify>>>,
    pub(super) claim: Method<ClaimExecutionRequest, Result<ClaimExecutionResponse, Status>>,
    pub(super) report: Method<ReportExecutionRequest, Result<ReportExecutionResponse, Status>>,
    /// The `date` header of answers, instead of the real time.
    pub(super) date: Mutex<Option<AsciiValue>>,
    /// The request_id of the newest request.
    newest: Mutex<String>,
    /// The `authorization` of each decision.
    pub(super) tokens: Mutex<Vec<String>>,
    cut: Arc<Notify>,
}

impl Fake {
    /// What every honest answer says, unless the test says something else: which request it is for, and whose.
    fn complete(&self, approval: &mut Approval) {
        if approval.request_id.is_empty() {
            approval.request_id = self.newest.lock().unwrap().clone();
        }
        approval.caller.get_or_insert_with(agent);
    }

    fn complete_update(&self, update: &mut ApprovalUpdate, asked: &str) {
        if let Some(approval) = &mut update.approval {
            self.complete(approval);
        }
        for event in &mut update.events {
            if let Some(event::Kind::Requested(requested)) = &mut event.kind {
                asked.clone_into(&mut requested.digest);
            }
        }
    }

    fn dated<T>(&self, answer: T) -> Response<T> {
        let mut response = Response::new(answer);
        if let Some(date) = &*self.date.lock().unwrap() {
            response.metadata_mut().insert("date", date.clone());
        }
        response
    }

    fn play<T: Send + 'static>(&self, steps: Vec<Step<T>>) -> Response<Answers<T>> {
        let cut = Arc::clone(&self.cut);
        let answers = stream::iter(steps).then(move |step| {
            let cut = Arc::clone(&cut);
            async move {
                let notify = match step {
                    Step::Send(message) => return Ok(message),
                    Step::Fail(status) => return Err(status),
                    Step::Cut => cut,
                    Step::Hang(notify) => notify,
                };
                notify.notify_one();
                std::future::pending().await
            }
        });
        let answers: Answers<T> = Box::pin(answers);
        self.dated(answers)
    }
}

/// Whose token the tests have.
pub(super) fn agent() -> Actor {
    Actor { kind: ActorKind::Agent.into(), issuer: "local".to_owned(), subject: "mail-bot".to_owned() }
}

fn missing<T>() -> Result<T, Status> {
    Err(Status::unimplemented("no command calls this"))
}

#[tonic::async_trait]
impl ApprovalService for Fake {
    type RequestApprovalStream = Answers<RequestApprovalResponse>;
    type WatchApprovalStream = Answers<WatchApprovalResponse>;
    type WatchPendingStream = Answers<WatchPendingResponse>;

    async fn request_approval(
        &self,
        request: Request<RequestApprovalRequest>,
    ) -> Result<Response<Self::RequestApprovalStream>, Status> {
        let asked = request.get_ref();
        request.get_ref().request_id.clone_into(&mut self.newest.lock().unwrap());
        let asked = signoff_client::digest(&asked.tool_name, &asked.arguments.clone().unwrap_or_default());
        let mut steps = self.request.call(request)?;
        for step in &mut steps {
            if let Step::Send(RequestApprovalResponse { message: Some(Message::Update(update)) }) = step {
                self.complete_update(update, &asked);
            }
        }
        Ok(self.play(steps))
    }

    async fn watch_pending(
        &self,
        request: Request<WatchPendingRequest>,
    ) -> Result<Response<Self::WatchPendingStream>, Status> {
        Ok(self.play(self.watch_pending.call(request)?))
    }

    async fn get_approval(
        &self,
        request: Request<GetApprovalRequest>,
    ) -> Result<Response<GetApprovalResponse>, Status> {
        self.get.call(request)?.map(|answer| self.dated(answer))
    }

    async fn list_pending(
        &self,
        request: Request<ListPendingRequest>,
    ) -> Result<Response<ListPendingResponse>, Status> {
        self.list_pending.call(request)?.map(|answer| self.dated(answer))
    }

    async fn list_approvals(
        &self,
        request: Request<ListApprovalsRequest>,
    ) -> Result<Response<ListApprovalsResponse>, Status> {
        self.list_approvals.call(request)?.map(|answer| self.dated(answer))
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<DecideResponse>, Status> {
        let token = request.metadata().get("authorization").map(|token| token.to_str().unwrap().to_owned());
        self.tokens.lock().unwrap().extend(token);
        self.decide.call(request)?.map(Response::new)
    }

    async fn revoke_approval(
        &self,
        request: Request<RevokeApprovalRequest>,
    ) -> Result<Response<RevokeApprovalResponse>, Status> {
        self.revoke.call(request)?.map(Response::new)
    }

    async fn cancel_approval(
        &self,
        request: Request<CancelApprovalRequest>,
    ) -> Result<Response<CancelApprovalResponse>, Status> {
        self.cancel.call(request)?.map(Response::new)
    }

    async fn watch_approval(
        &self,
        _: Request<WatchApprovalRequest>,
    ) -> Result<Response<Self::WatchApprovalStream>, Status> {
        missing()
    }

    async fn wait_approval(&self, _: Request<WaitApprovalRequest>) -> Result<Response<WaitApprovalResponse>, Status> {
        missing()
    }

    async fn claim_execution(
        &self,
        request: Request<ClaimExecutionRequest>,
    ) -> Result<Response<ClaimExecutionResponse>, Status> {
        let mut answer = self.claim.call(request)?;
        if let Ok(ClaimExecutionResponse { approval: Some(approval), .. }) = &mut answer {
            self.complete(approval);
        }
        let hold = self.hold_claims.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        answer.map(Response::new)
    }

    async fn report_execution(
        &self,
        request: Request<ReportExecutionRequest>,
    ) -> Result<Response<ReportExecutionResponse>, Status> {
        self.report.call(request)?.map(Response::new)
    }
}

/// Who calls: always [`agent`].
struct FakeAccess(Arc<Fake>);

#[tonic::async_trait]
impl AccessService for FakeAccess {
    async fn get_caller(&self, _: Request<GetCallerRequest>) -> Result<Response<GetCallerResponse>, Status> {
        let caller = Caller { actor: Some(agent()), ..Caller::default() };
        Ok(self.0.dated(GetCallerResponse { caller: Some(caller) }))
    }

    async fn create_token(&self, _: Request<CreateTokenRequest>) -> Result<Response<CreateTokenResponse>, Status> {
        missing()
    }

    async fn list_tokens(&self, _: Request<ListTokensRequest>) -> Result<Response<ListTokensResponse>, Status> {
        missing()
    }

    async fn revoke_token(&self, _: Request<RevokeTokenRequest>) -> Result<Response<RevokeTokenResponse>, Status> {
        missing()
    }
}

/// What is frozen, for those who may know.
struct FakeAdmin(Arc<Fake>);

#[tonic::async_trait]
impl AdminService for FakeAdmin {
    type BackupStream = Answers<BackupResponse>;

    async fn backup(&self, request: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let parts = self.0.backup.call(request)?;
        Ok(Response::new(Box::pin(tokio_stream::iter(parts))))
    }

    async fn freeze(&self, _: Request<FreezeRequest>) -> Result<Response<FreezeResponse>, Status> {
        missing()
    }

    async fn thaw(&self, _: Request<ThawRequest>) -> Result<Response<ThawResponse>, Status> {
        missing()
    }

    async fn list_freezes(
        &self,
        request: Request<ListFreezesRequest>,
    ) -> Result<Response<ListFreezesResponse>, Status> {
        self.0.freezes.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn get_status(&self, _: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        missing()
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        self.0.list_sessions.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn end_sessions(
        &self,
        request: Request<EndSessionsRequest>,
    ) -> Result<Response<EndSessionsResponse>, Status> {
        self.0.end_sessions.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn block_subject(
        &self,
        request: Request<BlockSubjectRequest>,
    ) -> Result<Response<BlockSubjectResponse>, Status> {
        self.0.block.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn unblock_subject(
        &self,
        request: Request<UnblockSubjectRequest>,
    ) -> Result<Response<UnblockSubjectResponse>, Status> {
        self.0.unblock.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn list_blocked_subjects(
        &self,
        request: Request<ListBlockedSubjectsRequest>,
    ) -> Result<Response<ListBlockedSubjectsResponse>, Status> {
        self.0.blocks.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn list_channels(
        &self,
        request: Request<ListChannelsRequest>,
    ) -> Result<Response<ListChannelsResponse>, Status> {
        self.0.channels.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        self.0.deliveries.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn retry_delivery(
        &self,
        request: Request<RetryDeliveryRequest>,
    ) -> Result<Response<RetryDeliveryResponse>, Status> {
        self.0.retry.call(request)?.map(|answer| self.0.dated(answer))
    }

    async fn test_channel(
        &self,
        request: Request<TestChannelRequest>,
    ) -> Result<Response<TestChannelResponse>, Status> {
        self.0.test.call(request)?.map(|answer| self.0.dated(answer))
    }
}

/// The fake on a port of its own, behind a proxy that can cut connections.
pub(super) struct Server {
    pub(super) fake: Arc<Fake>,
    pub(super) address: String,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let fake = Arc::new(Fake::default());
        let mut tasks = JoinSet::new();
        let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = behind.local_addr().unwrap();
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_not_serving::<ApprovalServiceServer<Fake>>().await;
        let router = tonic::transport::Server::builder()
            .add_service(health)
            .add_service(AdminServiceServer::new(FakeAdmin(Arc::clone(&fake))))
            .add_service(AccessServiceServer::new(FakeAccess(Arc::clone(&fake))))
            .add_service(ApprovalServiceServer::from_arc(Arc::clone(&fake)));
        tasks.spawn(async move { router.serve_with_incoming(TcpListenerStream::new(behind)).await.unwrap() });
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", front.local_addr().unwrap());
        let cut = Arc::clone(&fake.cut);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    () = cut.notified() => connections.shutdown().await,
                    accepted = front.accept() => {
                        let (mut client, _) = accepted.unwrap();
                        connections.spawn(async move {
                            let mut server = TcpStream::connect(target).await.unwrap();
                            _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                        });
                    }
                }
            }
        });
        Self { fake, address, _tasks: tasks }
    }
}
