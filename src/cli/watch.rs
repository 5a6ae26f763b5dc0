//! `signoff pending --watch`: the live queue, continued over any number of connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use signoff_client::{Backoff, is_passing};
use tonic::Status;

use super::{
    connection::{Client, ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    rows::{arguments, left},
    text::{escape, shorten},
};
use crate::proto::v1::{
    Approval, ApprovalStatus, GetApprovalRequest, WatchPendingRequest, WatchPendingResponse,
    watch_pending_response::{Change, Removal},
};

const REASON_WIDTH: usize = 60;

/// Runs until the server refuses for good, or the process is ended.
#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
pub(super) async fn run(
    request: WatchPendingRequest,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut client = connection.connect().await?;
    let mut queue = Queue::default();
    let mut backoff = Backoff::new();
    loop {
        let status = match client.watch_pending(request.clone()).await {
            Ok(response) => {
                queue.begin();
                let mut stream = response.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(response)) => {
                            backoff = Backoff::new();
                            show(&mut queue, response, &mut client, console).await?;
                        }
                        Ok(None) => break Status::unavailable("the stream ended"),
                        Err(status) => break status,
                    }
                }
            }
            Err(status) => status,
        };
        if !is_passing(&status) {
            return Err(status.into());
        }
        let delay = backoff.delay(&status);
        let cause = escape(status.message());
        console.note(&format!("connection lost ({cause}); connecting again in {:.1} s", delay.as_secs_f64()))?;
        tokio::time::sleep(delay).await;
    }
}

async fn show(
    queue: &mut Queue,
    response: WatchPendingResponse,
    client: &mut Client,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(change) = response.change else { return Ok(()) };
    for mut news in queue.take(change) {
        if let News::Removed(removal) = &mut news
            && removal.status == i32::from(ApprovalStatus::Unspecified)
        {
            removal.status = status_now(client, &removal.approval_id).await;
        }
        if console.json {
            console.message(&WatchPendingResponse { change: Some(news.into()) })?;
        } else {
            news.print(console)?;
        }
    }
    Ok(())
}

/// Best effort: what left the queue while nobody was connected has a status that was not streamed.
async fn status_now(client: &mut Client, id: &str) -> i32 {
    let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: false };
    let response = client.get_approval(unary(request)).await;
    let approval = response.ok().and_then(|response| response.into_inner().approval);
    approval.map_or(ApprovalStatus::Unspecified.into(), |approval| approval.status)
}

/// Something to tell about the queue.
#[derive(Debug, PartialEq)]
enum News {
    Added(Approval),
    Changed(Approval),
    Removed(Removal),
    /// The first snapshot is complete, with so many.
    Complete(u64),
}

impl From<News> for Change {
    fn from(news: News) -> Self {
        match news {
            News::Added(approval) | News::Changed(approval) => Self::Pending(approval),
            News::Removed(removal) => Self::Removed(removal),
            News::Complete(count) => {
                Self::SnapshotComplete(crate::proto::v1::watch_pending_response::SnapshotComplete { count })
            }
        }
    }
}

impl News {
    fn print(&self, console: &mut Console) -> Result<(), Failure> {
        match self {
            Self::Added(approval) => console.line(&format!("+ {}", line(approval)))?,
            Self::Changed(approval) => console.line(&format!("~ {}", line(approval)))?,
            Self::Removed(Removal { approval_id, status }) => {
                let unknown = *status == i32::from(ApprovalStatus::Unspecified);
                let status = if unknown { "no longer stored".to_owned() } else { describe::painted(*status) };
                console.line(&format!("- {} {status}", escape(approval_id)))?;
            }
            Self::Complete(count) => console.note(&format!("{count} pending; watching"))?,
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
fn line(approval: &Approval) -> String {
    let mut line = format!(
        "{} {} by {}, agent {}, {} left, {}",
        escape(&approval.id),
        escape(&approval.tool_name),
        describe::actor(approval.caller.as_ref()),
        describe::agent(approval),
        left(approval, SystemTime::now().into()),
        arguments(approval),
    );
    if !approval.reason.is_empty() {
        line = format!("{line}: {}", shorten(&approval.reason, REASON_WIDTH));
    }
    line
}

/// What was told so far, so that a new stream's snapshot is told as changes only.
#[derive(Default)]
struct Queue {
    /// Revision of each approval that is pending.
    known: BTreeMap<String, u64>,
    /// What was known before the snapshot that is arriving, and has not come up in it.
    missing: Option<BTreeSet<String>>,
    complete: bool,
}

impl Queue {
    /// A stream begins, with a snapshot.
    fn begin(&mut self) {
        self.missing = Some(self.known.keys().cloned().collect());
    }

    fn take(&mut self, change: Change) -> Vec<News> {
        match change {
            Change::Pending(approval) => {
                if let Some(missing) = &mut self.missing {
                    missing.remove(&approval.id);
                }
                match self.known.insert(approval.id.clone(), approval.revision) {
                    None => vec![News::Added(approval)],
                    Some(revision) if revision < approval.revision => vec![News::Changed(approval)],
                    Some(_) => Vec::new(),
                }
            }
            Change::Removed(removal) => {
                if let Some(missing) = &mut self.missing {
                    missing.remove(&removal.approval_id);
                }
                self.known.remove(&removal.approval_id).map(|_| News::Removed(removal)).into_iter().collect()
            }
            Change::SnapshotComplete(snapshot) => {
                let gone = self.missing.take().unwrap_or_default();
                self.known.retain(|id, _| !gone.contains(id));
                let removal = |approval_id| News::Removed(Removal { approval_id, ..Removal::default() });
                let first = !std::mem::replace(&mut self.complete, true);
                gone.into_iter().map(removal).chain(first.then_some(News::Complete(snapshot.count))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::watch_pending_response::SnapshotComplete;

    fn pending(id: &str, revision: u64) -> Approval {
        Approval { id: id.to_owned(), revision, ..Approval::default() }
    }

    fn removal(id: &str, status: ApprovalStatus) -> Removal {
        Removal { approval_id: id.to_owned(), status: status.into() }
    }

    #[test]
    fn a_second_snapshot_is_told_as_changes() {
        let complete = |count| Change::SnapshotComplete(SnapshotComplete { count });
        let mut queue = Queue::default();
        queue.begin();
        assert_eq!(queue.take(Change::Pending(pending("a", 1))), [News::Added(pending("a", 1))]);
        assert_eq!(queue.take(Change::Pending(pending("b", 1))), [News::Added(pending("b", 1))]);
        assert_eq!(queue.take(complete(2)), [News::Complete(2)]);
        assert_eq!(queue.take(Change::Pending(pending("a", 2))), [News::Changed(pending("a", 2))]);
        let approved = removal("a", ApprovalStatus::Approved);
        assert_eq!(queue.take(Change::Removed(approved.clone())), [News::Removed(approved.clone())]);
        assert_eq!(queue.take(Change::Removed(approved)), []);
        assert_eq!(queue.take(Change::Pending(pending("c", 1))), [News::Added(pending("c", 1))]);
        assert_eq!(queue.take(Change::Pending(pending("d", 1))), [News::Added(pending("d", 1))]);

        queue.begin();
        assert_eq!(queue.take(Change::Pending(pending("c", 1))), []);
        assert_eq!(queue.take(Change::Pending(pending("d", 4))), [News::Changed(pending("d", 4))]);
        assert_eq!(queue.take(Change::Pending(pending("e", 1))), [News::Added(pending("e", 1))]);
        assert_eq!(queue.take(complete(3)), [News::Removed(removal("b", ApprovalStatus::Unspecified))]);
        queue.begin();
        for id in ["c", "d", "e"] {
            queue.take(Change::Pending(pending(id, 1)));
        }
        assert_eq!(queue.take(complete(3)), []);
    }
}
