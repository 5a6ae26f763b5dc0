//! The words of e-mail that are not a card's.

use std::time::Duration;

use crate::domain::Choice;

pub(super) const REPLY: &str = "Re: ";
pub(super) const URGENT: &str = "[Urgent] ";
pub(super) const OPEN: &str = "Open";
pub(super) const OPEN_QUEUE: &str = "Open the queue";
pub(super) const WARNINGS: &str = "Look closely";
pub(super) const ARGUMENTS: &str = "Arguments";
pub(super) const DETAILS: &str = "About this request";
pub(super) const VOTES: &str = "Votes";
pub(super) const NOT_ALL_SHOWN: &str = "Not everything is shown here. Open the request to see all of it.";
pub(super) const LINKS_ARE_YOURS: &str = "These links are for you alone, for 15 minutes. Each opens a page on which you confirm; opening it decides \
     nothing.";
pub(super) const AUTOMATIC: &str = "An automatic message of Signoff. Replies are not read.";
pub(super) const FOR_REQUESTER: &str = "You receive this message because the request was made on your behalf.";
pub(super) const OTHERS_LATER: &str = "the next attempt is for the other recipients";
pub(super) const OTHERS_HAVE_IT: &str = ". The other recipients have the message";

/// The subject of the messages about one approval: the same for all, so that mail programs keep them together.
pub(super) fn subject(tool: &str, id: &str) -> String {
    format!("Approval request: {tool} ({id})")
}

/// When the message was written.
pub(super) fn as_of(time: &str) -> String {
    format!("As of {time}.")
}

/// The label of a one-tap link. It opens a page that asks.
pub(super) const fn choice(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "Approve…",
        Choice::Reject => "Reject…",
    }
}

pub(super) fn no_answer_within(time: Duration) -> String {
    format!("no answer within {} s", time.as_secs())
}
