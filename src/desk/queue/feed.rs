//! What an open page learns: entries that are new or changed, and rows that are no longer pending.
//!
//! The stream follows all pending requests of the list, but sends only the entries of the page's window: its first
//! rows after a place. A page that was not connected, as while the server restarted, gets a snapshot to compare with.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    ops::Bound,
    sync::Arc,
};

use askama::Template as _;
use axum::response::sse::Event;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::{
    ROWS, View,
    entry::{Entry, seen, version},
    fold::{Foldable, Kin, fold},
    order::SortKey,
    row::Row,
};
use crate::{
    approvals::{Error, Queue, QueueChange},
    desk::{Desk, texts},
    domain::{Approval, ApprovalId, Priority, Revision, Status, Time},
    identity::Principal,
    store::Filter,
};

/// Follows a list for one open page.
pub(super) struct Feed {
    desk: Arc<Desk>,
    viewer: Arc<Principal>,
    queue: Queue,
    /// The page shows what comes after this place.
    after: Option<SortKey>,
    /// What the page showed when it was made.
    seen: String,
    /// All pending requests of the list.
    known: BTreeMap<SortKey, Known>,
    places: HashMap<ApprovalId, SortKey>,
    /// The entries that the page has.
    sent: HashSet<String>,
    /// Whether all requests that were pending at the start are known.
    complete: bool,
    ready: VecDeque<Event>,
}

/// What is kept of a pending request.
#[derive(Clone, Debug)]
struct Known {
    id: ApprovalId,
    revision: Revision,
    kin: Kin,
    created_at: Time,
    priority: Priority,
}

impl Foldable for Known {
    fn kin(&self) -> &Kin {
        &self.kin
    }

    fn created_at(&self) -> Time {
        self.created_at
    }

    fn priority(&self) -> Priority {
        self.priority
    }
}

impl Feed {
    /// Follows a list.
    ///
    /// # Errors
    /// As [`Approvals::queue`](crate::approvals::Approvals::queue).
    pub(super) fn new(
        desk: &Arc<Desk>,
        viewer: &Arc<Principal>,
        view: View,
        after: Option<SortKey>,
        seen: String,
    ) -> Result<Self, Error> {
        let approvals = Arc::clone(&desk.approvals);
        let queue = approvals.queue(Arc::clone(viewer), Filter::default(), view.is_decidable())?;
        Ok(Self {
            desk: Arc::clone(desk),
            viewer: Arc::clone(viewer),
            queue,
            after,
            seen,
            known: BTreeMap::new(),
            places: HashMap::new(),
            sent: HashSet::new(),
            complete: false,
            ready: VecDeque::new(),
        })
    }

    /// The events, until the stream must end. The browser then connects again.
    pub(super) fn events(self) -> impl Stream<Item = Event> + Send {
        stream::unfold(self, |mut feed| async move { feed.next().await.map(|event| (event, feed)) })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.queue.next().await {
                Ok(QueueChange::Pending(approval)) => {
                    self.put(&approval);
                    if self.complete && !self.refresh().await {
                        self.say("count", json!({"id": approval.id}));
                    }
                }
                Ok(QueueChange::Removed(id, status)) => {
                    if let Some(place) = self.places.remove(&id) {
                        self.known.remove(&place);
                    }
                    if self.complete {
                        let (status, text) = self.fate(id, status).await;
                        self.say("gone", json!({"id": id, "status": status, "text": text}));
                        self.refresh().await;
                    }
                }
                Ok(QueueChange::SnapshotComplete(_)) => self.snapshot().await,
                Err(error) => {
                    tracing::debug!(%error, "the events of a page end");
                    return None;
                }
            }
        }
    }

    fn put(&mut self, approval: &Approval) {
        let place = SortKey::of(approval);
        if let Some(before) = self.places.insert(approval.id, place) {
            self.known.remove(&before);
        }
        let known = Known {
            id: approval.id,
            revision: approval.revision,
            kin: Kin::of(approval),
            created_at: approval.created_at,
            priority: approval.priority(),
        };
        self.known.insert(place, known);
    }

    /// The requests that the page shows.
    fn window(&self) -> Vec<Known> {
        let from = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        self.known.range((from, Bound::Unbounded)).take(ROWS).map(|(_, known)| known.clone()).collect()
    }

    /// Sends all that the page may lack, and then what is pending: all other rows of the page are not.
    async fn snapshot(&mut self) {
        self.complete = true;
        let window = self.window();
        let ids: Vec<ApprovalId> = window.iter().map(|known| known.id).collect();
        let is_full = window.len() == ROWS;
        let last = window.last().and_then(|known| self.places.get(&known.id)).filter(|_| is_full).copied();
        let versions: Vec<String> = fold(window).iter().map(|entry| version_of(entry)).collect();
        if seen(versions.iter().map(String::as_str)) == self.seen {
            self.sent = versions.into_iter().collect();
        } else {
            self.refresh().await;
        }
        let last = last.map(|last| last.to_string());
        self.say("snapshot", json!({"ids": ids, "last": last}));
    }

    /// Sends the entries that are new or changed. Whether there are any.
    async fn refresh(&mut self) -> bool {
        let entries = fold(self.window());
        let mut sent = HashSet::with_capacity(entries.len());
        let mut changed = false;
        for entry in entries {
            let version = version_of(&entry);
            if !self.sent.contains(&version) {
                changed = true;
                self.send(&entry).await;
            }
            sent.insert(version);
        }
        self.sent = sent;
        changed
    }

    async fn send(&mut self, entry: &[Known]) {
        let now = self.desk.clock.now();
        let mut rows = Vec::with_capacity(entry.len());
        for known in entry {
            // One that was decided meanwhile, or became invisible, is removed by a change that follows.
            let Ok(approval) = self.desk.approvals.get(&self.viewer, known.id).await else { continue };
            if approval.status == Status::Pending {
                rows.push(Row::new(&self.desk, &self.viewer, &approval, now).await);
            }
        }
        if rows.is_empty() {
            return;
        }
        let entry = Entry { rows };
        let ids: Vec<ApprovalId> = entry.rows.iter().map(|row| row.id).collect();
        match entry.render() {
            Ok(html) => self.say("entry", json!({"ids": ids, "sort": entry.sort(), "html": html})),
            Err(error) => tracing::error!(%error, "cannot render an entry"),
        }
    }

    fn say(&mut self, name: &str, mut content: Value) {
        content["count"] = json!(self.known.len());
        self.ready.push_back(Event::default().event(name).data(content.to_string()));
    }

    /// What became of a request that is no longer in the list: its status, and a text.
    async fn fate(&mut self, id: ApprovalId, status: Option<Status>) -> (&'static str, String) {
        let Some(status) = status else { return ("unknown", texts::queue::UNAVAILABLE.to_owned()) };
        let approval = self.desk.approvals.get(&self.viewer, id).await.ok();
        let decision = approval.as_ref().and_then(|approval| approval.decision.as_ref());
        let by_viewer = decision.is_some_and(|decision| decision.actor.is(&self.viewer.actor));
        let by = decision.map(|decision| decision.actor.subject.as_str());
        (super::status_name(status), texts::queue::fate(status, by, by_viewer))
    }
}

fn version_of(entry: &[Known]) -> String {
    version(entry.iter().map(|known| (known.id, known.revision)))
}
