//! The two streams that tell what becomes of an approval.

use tonic::{Status, Streaming};

use crate::{
    client::Client,
    v1::{
        RequestApprovalRequest, RequestApprovalResponse, WatchApprovalRequest, WatchApprovalResponse,
        request_approval_response::Message, watch_approval_response,
    },
};

/// What is sent, but for the revision to begin after.
#[derive(Clone)]
pub(crate) enum Asking {
    Request(Box<RequestApprovalRequest>),
    /// A call that was asked for before, by its approval's id.
    Watch(String),
}

impl Asking {
    /// Opens the stream, behind a revision.
    pub(crate) async fn open(self, client: Client, after_revision: u64) -> Result<Messages, Status> {
        let mut approvals = client.approvals();
        Ok(match self {
            Self::Request(request) => {
                let request = RequestApprovalRequest { after_revision, ..*request };
                Messages::Requested(approvals.request_approval(request).await?.into_inner())
            }
            Self::Watch(approval_id) => {
                let request = WatchApprovalRequest { approval_id, after_revision };
                Messages::Watched(approvals.watch_approval(request).await?.into_inner())
            }
        })
    }
}

/// An open stream.
pub(crate) enum Messages {
    Requested(Streaming<RequestApprovalResponse>),
    Watched(Streaming<WatchApprovalResponse>),
}

impl Messages {
    /// The next one; the outer `None` is the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Option<Message>>, Status> {
        Ok(match self {
            Self::Requested(stream) => stream.message().await?.map(|response| response.message),
            Self::Watched(stream) => stream.message().await?.map(|response| {
                response.message.map(|message| match message {
                    watch_approval_response::Message::Update(update) => Message::Update(update),
                    watch_approval_response::Message::Progress(progress) => Message::Progress(progress),
                })
            }),
        })
    }
}
