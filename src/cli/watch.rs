//! `signoff pending --watch`: the live queue, across reconnects.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use signoff_client::{Backoff, is_passing};
use tonic::Status;

use super::{
    connection::{Client, unary},
    console::Console,
    describe,
    failure::Failure,
    rows::{left, short_id},
    server_time::ServerTime,
    table::fit,
    text::{between, escape, instant, span},
};
use crate::proto::v1::{
    Approval, ApprovalStatus, GetApprovalRequest, WatchPendingRequest, WatchPendingResponse,
    watch_pending_response::{Change, Removal},
};

/// Interval at which the live line counts down.
const TICK: Duration = Duration::from_secs(1);

/// Runs until a permanent error of the server, or the end of the process.
#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
pub(super) async fn run(
    request: WatchPendingRequest,
    mut client: Client,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut queue = Queue::default();
    let mut backoff = Backoff::new();
    loop {
        let status = match client.watch_pending(request.clone()).await {
            Ok(response) => {
                queue.begin();
                let mut time = ServerTime::of(&response);
                let mut stream = response.into_inner();
                loop {
                    queue.count_down(time.now(), console)?;
                    let message = tokio::select! {
                        message = stream.message() => message,
                        () = tokio::time::sleep(TICK) => continue,
                    };
                    match message {
                        Ok(Some(response)) => {
                            backoff = Backoff::new();
                            show(&mut queue, response, &mut time, &mut client, console).await?;
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
        console.note(&format!("connection lost ({cause}); reconnecting in {:.1} s", delay.as_secs_f64()))?;
        tokio::time::sleep(delay).await;
    }
}

async fn show(
    queue: &mut Queue,
    response: WatchPendingResponse,
    time: &mut ServerTime,
    client: &mut Client,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(change) = response.change else { return Ok(()) };
    if let Change::Pending(approval) = &change {
        time.follow(approval);
    }
    for mut news in queue.take(change) {
        if console.json {
            if let News::Removed { removal, .. } = &mut news
                && removal.status == i32::from(ApprovalStatus::Unspecified)
            {
                removal.status = now(client, &removal.approval_id).await.map_or(removal.status, |now| now.status);
            }
            console.message(&WatchPendingResponse { change: Some(news.into()) })?;
        } else {
            print(&news, queue, time.now(), client, console).await?;
        }
    }
    Ok(())
}

/// The current approval, if the server returns it: who decided, and what happened while the connection was lost.
async fn now(client: &mut Client, id: &str) -> Option<Approval> {
    let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: false };
    client.get_approval(unary(request)).await.ok()?.into_inner().approval
}

/// A change of the queue, to print.
#[derive(Debug, PartialEq)]
enum News {
    Added(Approval),
    Changed(Approval),
    Removed {
        removal: Removal,
        tool_name: String,
    },
    /// The first snapshot is complete, with this number of approvals.
    Complete(u64),
}

impl From<News> for Change {
    fn from(news: News) -> Self {
        match news {
            News::Added(approval) | News::Changed(approval) => Self::Pending(approval),
            News::Removed { removal, .. } => Self::Removed(removal),
            News::Complete(count) => {
                Self::SnapshotComplete(crate::proto::v1::watch_pending_response::SnapshotComplete { count })
            }
        }
    }
}

async fn print(
    news: &News,
    queue: &Queue,
    time: DateTime<Utc>,
    client: &mut Client,
    console: &mut Console,
) -> Result<(), Failure> {
    let width = console.out_width;
    let id = |id: &str| if width.is_some() { short_id(id, queue.known.keys()) } else { escape(id) };
    match news {
        News::Added(approval) => lines("+", &id(&approval.id), approval, time, console)?,
        News::Changed(approval) => lines("~", &id(&approval.id), approval, time, console)?,
        News::Removed { removal, tool_name } => {
            let end = match now(client, &removal.approval_id).await {
                Some(Approval { decision: Some(decision), .. }) => describe::decision(&decision),
                Some(_) => "still pending, but not in this list".to_owned(),
                None if removal.status == i32::from(ApprovalStatus::Unspecified) => "no longer stored".to_owned(),
                None => describe::painted(removal.status),
            };
            console.line(&format!("- {} {} {end}", id(&removal.approval_id), escape(tool_name)))?;
        }
        News::Complete(count) => console.note(&format!("{count} pending; watching"))?,
    }
    Ok(())
}

/// Prints an approval: short facts and long texts on one line, or on a terminal on two.
fn lines(sign: &str, id: &str, approval: &Approval, time: DateTime<Utc>, console: &mut Console) -> Result<(), Failure> {
    let mut facts = vec![
        format!("{sign} {id} {}", escape(&approval.tool_name)),
        format!("{} left", left(approval, time)),
        format!("votes {}", describe::votes(approval)),
    ];
    facts.extend(describe::raised_priority(approval));
    facts.push(format!("by {}", describe::actor(approval.caller.as_ref())));
    facts.extend(approval.on_behalf_of.as_ref().map(|person| format!("for {}", describe::actor(Some(person)))));
    facts.extend(approval.agent.as_ref().map(|_| format!("agent {}", describe::agent(approval))));
    let mut texts = describe::listed_arguments(approval);
    if !approval.reason.is_empty() {
        texts = format!("{texts}  reason: {}", escape(&approval.reason));
    }
    let facts = facts.join(", ");
    match console.out_width {
        None => console.line(&format!("{facts}, {texts}"))?,
        Some(width) => {
            console.line(&fit(&facts, width))?;
            console.line(&fit(&format!("    {texts}"), width))?;
        }
    }
    Ok(())
}

/// What the queue remembers of an approval.
struct Known {
    revision: u64,
    tool_name: String,
    deadline: Option<DateTime<Utc>>,
}

impl From<&Approval> for Known {
    fn from(approval: &Approval) -> Self {
        let deadline = approval.deadline.as_ref().and_then(instant);
        Self { revision: approval.revision, tool_name: approval.tool_name.clone(), deadline }
    }
}

/// What was printed so far, so that the snapshot of a new stream prints only changes.
#[derive(Default)]
struct Queue {
    /// The pending approvals.
    known: BTreeMap<String, Known>,
    /// Approvals from before the snapshot in progress that have not appeared in it yet.
    missing: Option<BTreeSet<String>>,
    complete: bool,
}

impl Queue {
    /// Starts the snapshot of a new stream.
    fn begin(&mut self) {
        self.missing = Some(self.known.keys().cloned().collect());
    }

    fn remove(&mut self, removal: Removal) -> Option<News> {
        let Known { tool_name, .. } = self.known.remove(&removal.approval_id)?;
        Some(News::Removed { removal, tool_name })
    }

    /// Shows the number of pending approvals and the next deadline on a terminal.
    fn count_down(&self, now: DateTime<Utc>, console: &mut Console) -> Result<(), Failure> {
        if !self.complete || console.json || console.err_width.is_none() {
            return Ok(());
        }
        let due =
            self.known.iter().filter_map(|(id, known)| Some((known.deadline?, id, known))).min_by_key(|due| due.0);
        let line = match due {
            None => format!("{} pending", self.known.len()),
            Some((deadline, id, known)) => format!(
                "{} pending; {} left for {} {}",
                self.known.len(),
                span(between(Some(now), Some(deadline))),
                short_id(id, self.known.keys()),
                known.tool_name,
            ),
        };
        Ok(console.live(&line)?)
    }

    fn take(&mut self, change: Change) -> Vec<News> {
        match change {
            Change::Pending(approval) => {
                if let Some(missing) = &mut self.missing {
                    missing.remove(&approval.id);
                }
                match self.known.insert(approval.id.clone(), Known::from(&approval)) {
                    None => vec![News::Added(approval)],
                    Some(before) if before.revision < approval.revision => vec![News::Changed(approval)],
                    Some(_) => Vec::new(),
                }
            }
            Change::Removed(removal) => {
                if let Some(missing) = &mut self.missing {
                    missing.remove(&removal.approval_id);
                }
                self.remove(removal).into_iter().collect()
            }
            Change::SnapshotComplete(snapshot) => {
                let gone = self.missing.take().unwrap_or_default();
                let gone = gone.into_iter().map(|approval_id| Removal { approval_id, ..Removal::default() });
                let mut news: Vec<_> = gone.filter_map(|removal| self.remove(removal)).collect();
                let first = !std::mem::replace(&mut self.complete, true);
                news.extend(first.then_some(News::Complete(snapshot.count)));
                news
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

    fn removed(removal: Removal) -> News {
        News::Removed { removal, tool_name: String::new() }
    }

    #[test]
    fn a_second_snapshot_prints_only_changes() {
        let complete = |count| Change::SnapshotComplete(SnapshotComplete { count });
        let mut queue = Queue::default();
        queue.begin();
        assert_eq!(queue.take(Change::Pending(pending("a", 1))), [News::Added(pending("a", 1))]);
        assert_eq!(queue.take(Change::Pending(pending("b", 1))), [News::Added(pending("b", 1))]);
        assert_eq!(queue.take(complete(2)), [News::Complete(2)]);
        assert_eq!(queue.take(Change::Pending(pending("a", 2))), [News::Changed(pending("a", 2))]);
        let approved = removal("a", ApprovalStatus::Approved);
        assert_eq!(queue.take(Change::Removed(approved.clone())), [removed(approved.clone())]);
        assert_eq!(queue.take(Change::Removed(approved)), []);
        assert_eq!(queue.take(Change::Pending(pending("c", 1))), [News::Added(pending("c", 1))]);
        assert_eq!(queue.take(Change::Pending(pending("d", 1))), [News::Added(pending("d", 1))]);

        queue.begin();
        assert_eq!(queue.take(Change::Pending(pending("c", 1))), []);
        assert_eq!(queue.take(Change::Pending(pending("d", 4))), [News::Changed(pending("d", 4))]);
        assert_eq!(queue.take(Change::Pending(pending("e", 1))), [News::Added(pending("e", 1))]);
        assert_eq!(queue.take(complete(3)), [removed(removal("b", ApprovalStatus::Unspecified))]);
        queue.begin();
        for id in ["c", "d", "e"] {
            queue.take(Change::Pending(pending(id, 1)));
        }
        assert_eq!(queue.take(complete(3)), []);
    }
}
