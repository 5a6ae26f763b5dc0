//! What clicks and forms do: they decide, with the same rules as everywhere, or explain to one person why not.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    api::CallError,
    endpoint::Interactions,
    modal::{self, Form},
    payload::{Carried, Click, Posted, Shown, SlackUser, Submission},
    render::Rendered,
    text::escape,
    texts,
};
use crate::{
    approvals::Error,
    domain::{Approval, ApprovalId, Choice, NewDecision, Seen, Status, Surface},
    identity::{AccessDenied, Principal},
    notify::{SendError, card::Card},
    policy::Display,
    store::StoreError,
};

/// How often an update of a message is tried. The next event of the approval updates it, too.
const UPDATES: u32 = 3;

/// Delay before the next try, unless Slack asks for more.
const UPDATE_PAUSE: Duration = Duration::from_secs(1);

/// Longest delay that Slack may ask for between two tries.
const UPDATE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// A decision that was not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NotRecorded {
    /// What the person sees.
    explanation: String,
    /// Whether the message may show an old state.
    outdated: bool,
}

impl NotRecorded {
    fn because(explanation: impl Into<String>) -> Self {
        Self { explanation: explanation.into(), outdated: false }
    }

    fn outdated(explanation: impl Into<String>) -> Self {
        Self { explanation: explanation.into(), outdated: true }
    }
}

/// The failures of use-cases.
impl From<Error> for NotRecorded {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(StoreError::Refused(refusal)) => Self::outdated(texts::refused(&refusal)),
            Error::NotFound(_) => Self::outdated(texts::NOT_ASKED),
            Error::Access(AccessDenied::SubjectBlocked(_) | AccessDenied::Revoked) => Self::because(texts::BLOCKED),
            Error::Access(denied) => Self::because(format!("Not recorded: {denied}.")),
            error => {
                tracing::warn!(%error, "cannot record a decision from Slack");
                Self::outdated(texts::UNAVAILABLE)
            }
        }
    }
}

/// An approval that a person may decide, as the message shows it.
struct Open {
    approval: Arc<Approval>,
    display: Arc<Display>,
    card: Card,
}

impl Interactions {
    /// Handles a click. What becomes of it is in the message, or in a note that only the person sees.
    pub(super) async fn click(&self, click: Click, key: String) {
        let Err(NotRecorded { explanation, outdated }) = self.try_click(&click, key).await else { return };
        self.explain(&click, &explanation).await;
        if outdated {
            self.refresh(click.shown.approval, &click.message).await;
        }
    }

    async fn try_click(&self, click: &Click, key: String) -> Result<(), NotRecorded> {
        let Click { shown, approves, message, .. } = click;
        let person = self.reviewer(&click.user)?;
        let open = self.open(&person, *shown, *approves, message).await?;
        if !approves || open.approval.requirement().comment_required {
            if open.approval.is_asked_by(&person.actor) {
                return Err(NotRecorded::because(texts::OWN));
            }
            return self.ask(click, &open).await;
        }
        // A vote that will be refused leaves the buttons to others.
        if open.approval.is_decidable_by(&person.actor, &person.groups, person.needs_others()) {
            self.channel.show_recording(message, &open.card, &open.approval).await;
        }
        let recorded = self.record(&person, *shown, Choice::Approve, String::new(), key).await;
        // The message may show that the decision is being recorded.
        recorded.map_err(|why| NotRecorded { outdated: true, ..why })?;
        self.refresh(shown.approval, message).await;
        Ok(())
    }

    /// Opens the form.
    async fn ask(&self, click: &Click, open: &Open) -> Result<(), NotRecorded> {
        let Click { shown, approves, message, trigger_id, .. } = click;
        let carried = Carried { shown: *shown, message: message.clone(), approves: *approves };
        let form = Form {
            carried: &carried,
            heading: &open.card.heading.unescaped(),
            reasons: open.display.reject_reasons(&open.approval),
            comment_required: open.approval.requirement().comment_required,
            comment_bytes: self.answering.limits.text_bytes,
        };
        self.channel.open(trigger_id, &form.view()).await.map_err(|error| {
            tracing::warn!(%error, "cannot open a form in Slack");
            NotRecorded::because(texts::NO_MODAL)
        })
    }

    /// Handles a submitted form. Returns the answer to Slack.
    pub(super) async fn submit(self: Arc<Self>, submission: Submission, key: String) -> Value {
        let Carried { shown, message, .. } = submission.carried.clone();
        let (answer, outdated) = match self.try_submit(submission, key).await {
            Ok(()) => (modal::done(), true),
            Err(NotRecorded { explanation, outdated }) => (modal::problem(&explanation), outdated),
        };
        if outdated {
            // Slack waits for the answer, not for the message.
            tokio::spawn(async move { self.refresh(shown.approval, &message).await });
        }
        answer
    }

    async fn try_submit(&self, submission: Submission, key: String) -> Result<(), NotRecorded> {
        let person = self.reviewer(&submission.user)?;
        let Carried { shown, message, approves } = &submission.carried;
        let Open { approval, display, .. } = self.open(&person, *shown, *approves, message).await?;
        let comment = modal::comment(&submission, display.reject_reasons(&approval));
        let max = self.answering.limits.text_bytes;
        if comment.len() > max {
            return Err(NotRecorded::because(texts::comment_too_long(max)));
        }
        if comment.is_empty() && approval.requirement().comment_required {
            return Err(NotRecorded::because(texts::COMMENT_MISSING));
        }
        let choice = if *approves { Choice::Approve } else { Choice::Reject };
        self.record(&person, *shown, choice, comment, key).await
    }

    /// The reviewer who used Slack.
    fn reviewer(&self, user: &SlackUser) -> Result<Principal, NotRecorded> {
        let person = self.people.reviewer(user, &self.answering.blocked, self.channel.clock.now());
        let person = person.ok_or_else(|| NotRecorded::because(texts::unknown(&user.id)))?;
        if person.revocation.is_blocked() { Err(NotRecorded::because(texts::BLOCKED)) } else { Ok(person) }
    }

    /// The approval, if the message shows it as it is, and may decide it in this way. Whatever was cut or redacted is
    /// not approved from a message, even if a message had the button.
    async fn open(
        &self,
        person: &Principal,
        shown: Shown,
        approves: bool,
        message: &Posted,
    ) -> Result<Open, NotRecorded> {
        if message.channel != self.channel.channel {
            return Err(NotRecorded::because(texts::ELSEWHERE));
        }
        let approval = self.answering.approvals.get(person, shown.approval).await?;
        if approval.status.is_terminal() {
            return Err(NotRecorded::outdated(texts::decided(approval.status)));
        }
        if self.is_late(&approval) {
            return Err(NotRecorded::outdated(texts::decided(Status::TimedOut)));
        }
        if !approval.shows_current_arguments(shown.revision) {
            return Err(NotRecorded::outdated(texts::STALE));
        }
        let display = self.answering.policies.display(&approval).await;
        let redacted = display.redacted(&approval);
        let card = self.channel.card(&redacted);
        if approves && !self.channel.rendered(&card, &redacted).offers_approve {
            let everything = card.may_offer_approve();
            let why = if everything { texts::NOT_BY_CHAT } else { texts::NOT_EVERYTHING };
            return Err(NotRecorded::outdated(format!("Not recorded. {why}")));
        }
        Ok(Open { approval, display, card })
    }

    /// Whether its deadline has passed, and that is not on record yet.
    fn is_late(&self, approval: &Approval) -> bool {
        !approval.status.is_terminal() && self.channel.clock.now() >= approval.deadline
    }

    async fn record(
        &self,
        person: &Principal,
        shown: Shown,
        choice: Choice,
        comment: String,
        key: String,
    ) -> Result<(), NotRecorded> {
        let new = NewDecision {
            id: shown.approval,
            request_id: Some(key),
            choice,
            seen: Seen::Revision(shown.revision),
            comment,
            edit: None,
            on_behalf_of: None,
            surface: Surface::Slack,
            opened: Vec::new(),
        };
        self.answering.approvals.decide(person, new).await?;
        Ok(())
    }

    /// Tells one person something that only they see.
    async fn explain(&self, click: &Click, explanation: &str) {
        let Some(url) = &click.response_url else { return };
        let note = json!({ "response_type": "ephemeral", "replace_original": false, "text": escape(explanation) });
        if let Err(error) = self.channel.api.respond(url, &note).await {
            tracing::warn!(%error, "cannot answer a click in Slack");
        }
    }

    /// Makes a message show the present state. It may be a copy that the outbox does not know, after a crash.
    async fn refresh(&self, id: ApprovalId, message: &Posted) {
        for attempt in 1..=UPDATES {
            let pause = match self.try_refresh(id, message).await {
                Ok(()) => return,
                Err(SendError::Retry { after, .. }) if attempt < UPDATES => after.unwrap_or(UPDATE_PAUSE),
                Err(error) => return tracing::warn!(approval = %id, %error, "cannot update a message in Slack"),
            };
            self.channel.clock.sleep(pause.min(UPDATE_PAUSE_MAX)).await;
        }
    }

    async fn try_refresh(&self, id: ApprovalId, message: &Posted) -> Result<(), SendError> {
        // Held until the message is updated: whoever reads later updates later.
        let mut board = self.channel.boards.lock(id).await;
        let is_known = board.message.as_ref().is_none_or(|known| known == message);
        let (rendered, revision) = match self.answering.store.get(id).await {
            Ok(approval) => {
                let is_shown = is_known && board.message.is_some() && board.revision == Some(approval.revision);
                if is_shown && !self.is_late(&approval) {
                    return Ok(());
                }
                let redacted = self.answering.policies.display(&approval).await.redacted(&approval);
                let card = self.channel.card(&redacted);
                (self.channel.rendered(&card, &redacted), Some(approval.revision))
            }
            Err(StoreError::NotFound) => (Rendered::note(texts::GONE), None),
            Err(error) => return Err(SendError::Retry { reason: error.to_string(), after: None }),
        };
        if is_known {
            board.revision = None;
        }
        match self.channel.update(message, &rendered).await {
            Ok(()) if is_known => {
                board.message = Some(message.clone());
                board.revision = revision;
                Ok(())
            }
            Ok(()) | Err(CallError::NoMessage) => Ok(()),
            Err(CallError::Failed(error)) => Err(error),
        }
    }
}
