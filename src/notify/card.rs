//! Cards: messages in plain words, once for all channels that people read.
//!
//! A card says what will happen, to what, who wants it and why, why the reader is asked, and how long there is time. A
//! channel renders it in its own format, and adds no words of its own. Every text that this server did not write is an
//! [`AgentText`] inside a [`Phrase`], so that a renderer cannot take it for the server's words.
//!
//! A card is as long as its [`Budget`]. It says what it leaves out, and then nobody can approve from it.

mod agent_text;
mod budget;
mod details;
mod facts;
mod people;
mod phrase;
mod status;
mod texts;
mod warnings;

pub use agent_text::AgentText;
pub use budget::Budget;
#[cfg(test)]
use budget::NAME_MAX;
pub use details::{Detail, DetailKey};
pub use facts::Fact;
pub use phrase::{Phrase, Span};

use super::{Bundle, Message, Subject};
use crate::{
    domain::{ApprovalId, NotificationKind, Priority, Revision, Time},
    policy::RedactedApproval,
};
use facts::Facts;
use warnings::Warnings;

/// A message in plain words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// How things are, for a colour or a sign beside the words.
    pub tone: Tone,
    /// `process_payment: approval needed`.
    pub heading: Phrase,
    /// How things are: `Waiting for approval from group finance, 4 min left`, `Approved by alice, 14:02 UTC: comment`.
    pub status: Phrase,
    /// The arguments, those that matter first. Lists and objects are gone through.
    pub facts: Vec<Fact>,
    /// Number of values of which nothing is shown.
    pub facts_left_out: usize,
    /// Who asks, why, which rule asks whom, and when: in the order in which they are shown.
    pub details: Vec<Detail>,
    /// The votes on the current arguments, one line each.
    pub votes: Vec<Phrase>,
    /// The time until which it can be decided. `None` if nothing is to decide.
    pub deadline: Option<Deadline>,
    /// Its priority.
    pub priority: Priority,
    /// What can deceive the reader, and what is redacted. Each is one sentence without a full stop.
    pub warnings: Vec<Phrase>,
    /// Number of characters left out of everything that agents and people wrote.
    pub cut: usize,
    /// Whether everything that decides is shown, and nothing needs a warning. Otherwise a message must not offer to
    /// approve: only to open the page, or to reject.
    pub everything_shown: bool,
    /// The approval and the revision that is shown. `None` if it is about no single one.
    pub approval: Option<(ApprovalId, Revision)>,
    /// The approval's page.
    pub open: Option<String>,
    /// The page of everything that waits for the reader.
    pub queue: Option<String>,
}

/// How things are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// There is nothing to decide: a test, or several requests.
    #[default]
    Neutral,
    /// It waits for a decision.
    Waiting,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// It ended otherwise: timed out, cancelled or revoked.
    Ended,
}

/// A deadline in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The time.
    pub at: Time,
    /// The time in words, such as `14:02 UTC`.
    pub text: String,
    /// The time left when the card was made, such as `4 min left`. It is wrong as soon as it is read later.
    pub left: String,
}

impl Card {
    /// The card of a message.
    #[must_use]
    pub fn of(message: &Message, budget: &Budget) -> Self {
        let queue = message.links.queue();
        match &message.subject {
            Subject::Approval { kind, approval, .. } => {
                let open = message.links.approval(approval.id);
                Self { open, queue, ..Self::about(approval, *kind, message.now, budget) }
            }
            Subject::Bundle(bundle) => Self { queue, ..Self::bundle(bundle, message.now) },
            Subject::Test => {
                let (heading, status) = (Phrase::new(texts::TEST), Phrase::new(texts::TEST_EXPLAINED));
                Self { heading, status, queue, ..Self::default() }
            }
        }
    }

    /// Whether a decision is still possible.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.tone == Tone::Waiting
    }

    /// Whether a message may offer to approve.
    #[must_use]
    pub fn may_offer_approve(&self) -> bool {
        self.waits() && self.everything_shown
    }

    /// A detail.
    #[must_use]
    pub fn detail(&self, key: DetailKey) -> Option<&Phrase> {
        self.details.iter().find(|detail| detail.key == key).map(|detail| &detail.value)
    }

    fn about(approval: &RedactedApproval, kind: NotificationKind, now: Time, budget: &Budget) -> Self {
        let mut warnings = Warnings::new(budget.warnings);
        details::warn(approval, &mut warnings);
        let facts = Facts::of(approval, budget, &mut warnings);
        let is_plain = warnings.is_empty();
        warnings.redacted(&approval.arguments);
        let (details, details_are_whole) = details::of(approval, now, budget);
        let votes = status::votes(approval, now, budget);
        let heading = status::heading(approval, kind, now);
        let status = status::status(approval, now);
        let others = details.iter().map(|detail| &detail.value).chain(&votes).chain([&heading, &status]);
        let cut = facts.cut + others.map(Phrase::cut).sum::<usize>();
        let everything_shown = is_plain
            && details_are_whole
            && people::is_whole(&heading)
            && !approval.arguments.is_redacted()
            && facts.cut == 0
            && facts.left_out == 0;
        let deadline = status::waits(approval, now).then(|| Deadline {
            at: approval.deadline,
            text: texts::moment(approval.deadline, now),
            left: texts::left((approval.deadline - now).to_std().unwrap_or_default()),
        });
        Self {
            tone: status::tone(approval, now),
            heading,
            status,
            facts: facts.shown,
            facts_left_out: facts.left_out,
            details,
            votes,
            deadline,
            priority: approval.priority,
            warnings: warnings.finish(),
            cut,
            everything_shown,
            approval: Some((approval.id, approval.revision)),
            ..Self::default()
        }
    }

    /// Says what happened, not how things are, so that it is still true when it is read later.
    fn bundle(bundle: &Bundle, now: Time) -> Self {
        let count = bundle.approvals.len();
        let agent = bundle
            .agent
            .as_deref()
            .map(|name| if name.is_empty() { Phrase::new(texts::AN_AGENT) } else { people::quoted(name) });
        let agent = agent.unwrap_or_else(|| Phrase::new(texts::AGENTS));
        let since = texts::moment(bundle.since, now);
        let heading = agent.clone().say(texts::more_requests(count));
        let status = agent.say(texts::asked_more(count, &since));
        let details = details::tools(&bundle.tools);
        let cut = [&heading, &status].into_iter().chain(details.iter().map(|one| &one.value)).map(Phrase::cut).sum();
        Self { heading, status, details, cut, ..Self::default() }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(in crate::notify) mod samples;
#[cfg(test)]
mod tests;
