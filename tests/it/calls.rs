//! Calls that many tests make, and helpers to read the answers.

use prost_types::{Struct, Value, value::Kind};
use signoff::proto::v1::{
    self as pb, Approval, ApprovalStatus, ApprovalUpdate, RequestApprovalRequest, RequestApprovalResponse,
    WatchApprovalResponse, decide_request::Seen, request_approval_response, watch_approval_response,
};
use tonic::{Status, Streaming};
use tonic_types::StatusExt as _;

use crate::server::{Client, soon};

/// A request that needs a reviewer.
pub(crate) fn ask(request_id: &str) -> RequestApprovalRequest {
    RequestApprovalRequest {
        request_id: request_id.into(),
        tool_name: "send_email".into(),
        arguments: Some(arguments(&[("to", "alice@company.com")])),
        agent: Some(pb::Agent { name: "mail-bot".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// Arguments with string values.
pub(crate) fn arguments(texts: &[(&str, &str)]) -> Struct {
    let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Struct { fields: texts.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect() }
}

/// A decision on the state in `approval`.
pub(crate) fn decide(approval: &Approval, request_id: &str, choice: pb::VoteChoice) -> pb::DecideRequest {
    pb::DecideRequest {
        approval_id: approval.id.clone(),
        request_id: request_id.into(),
        choice: choice.into(),
        seen: Some(Seen::Digest(approval.digest.clone())),
        ..Default::default()
    }
}

/// Makes a request; returns the stream and the approval of its first message.
pub(crate) async fn open(
    client: &mut Client,
    request: RequestApprovalRequest,
) -> Result<(Streaming<RequestApprovalResponse>, Approval), Status> {
    let mut stream = client.request_approval(request).await?.into_inner();
    let update = next_update(&mut stream).await?.expect("the current state comes first");
    Ok((stream, update.approval.expect("an update has the approval")))
}

/// A message of a stream that may be an update.
pub(crate) trait MaybeUpdate {
    fn update(self) -> Option<ApprovalUpdate>;
}

impl MaybeUpdate for RequestApprovalResponse {
    fn update(self) -> Option<ApprovalUpdate> {
        match self.message.expect("a message has a content") {
            request_approval_response::Message::Update(update) => Some(update),
            request_approval_response::Message::Progress(_) => None,
        }
    }
}

impl MaybeUpdate for WatchApprovalResponse {
    fn update(self) -> Option<ApprovalUpdate> {
        match self.message.expect("a message has a content") {
            watch_approval_response::Message::Update(update) => Some(update),
            watch_approval_response::Message::Progress(_) => None,
        }
    }
}

/// The stream's next update; `None` at its end.
pub(crate) async fn next_update<T: MaybeUpdate>(stream: &mut Streaming<T>) -> Result<Option<ApprovalUpdate>, Status> {
    loop {
        match soon("the stream says something", stream.message()).await? {
            None => return Ok(None),
            Some(message) => {
                if let Some(update) = message.update() {
                    return Ok(Some(update));
                }
            }
        }
    }
}

/// The `reason` of the error's one ErrorInfo; empty when it has none.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Whether an approval has its decision.
pub(crate) fn terminal(approval: &Approval) -> bool {
    approval.status() != ApprovalStatus::Pending
}
