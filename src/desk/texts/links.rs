//! Texts of one-tap links.

use axum::http::StatusCode;

use crate::{domain::Choice, links::LinkState};

pub(in crate::desk) const OPEN_REQUEST: &str = "Open the request";
pub(in crate::desk) const NOT_A_LINK: &str = "This link is not valid";
pub(in crate::desk) const NOT_A_LINK_HINT: &str = "This server did not make it, or a program has cut it off. Nothing was decided. The request is in the list if it still waits \
     for you.";
pub(in crate::desk) const OF_ANOTHER: &str = "This link is for another person";
pub(in crate::desk) const OF_ANOTHER_HINT: &str =
    "Nothing was decided. Only the person to whom the message was sent can use it.";
pub(in crate::desk) const ONCE: &str = "This link decides once. Nothing is decided until you press the button.";

/// The heading of the page.
pub(in crate::desk) const fn question(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "Approve this request?",
        Choice::Reject => "Reject this request?",
    }
}

/// What happened to a link that does not decide, and what to do.
pub(in crate::desk) const fn closed(state: LinkState) -> (StatusCode, &'static str, &'static str) {
    match state {
        LinkState::Used => (StatusCode::OK, "You have used this link", "It decides once. Your decision is on record."),
        LinkState::Decided => (StatusCode::CONFLICT, "This request is decided", "The link has no effect any more."),
        LinkState::Changed => (
            StatusCode::CONFLICT,
            "The arguments have changed",
            "They were edited after the message was sent. Nothing was decided. Look at the request again.",
        ),
        LinkState::Expired => (
            StatusCode::GONE,
            "This link has expired",
            "Nothing was decided. If the request still waits for you, decide on its page.",
        ),
        LinkState::Partial | LinkState::Open => (
            StatusCode::CONFLICT,
            "This request cannot be approved by a link",
            "A message does not show all of it. Nothing was decided. Open the request, and approve it there.",
        ),
    }
}
