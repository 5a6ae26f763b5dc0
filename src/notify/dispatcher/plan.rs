//! What the head of a lane leads to: a message, or none.
//!
//! Programs get every event, in order. People get what they still need:
//!
//! - A request that ended before its first message is not sent, and neither is its end.
//! - A request that was sent in a bundle has no message of its own, so votes, edits and its end are not sent. An
//!   escalation is: it asks again.
//! - A request that was escalated before its first message is sent as an escalation, and does not wait for people's
//!   attention.
//! - Once a request has ended, only its end is sent, not the votes before it.
//! - A channel whose messages replace each other gets the newest event only. If it has begun the message of a request,
//!   it completes that message, even if the request has ended.

use super::silence::{is_silent, own, silent};
use crate::{
    domain::{Delivery, Lane, NotificationKind, Revision, Settlement},
    notify::Habits,
};

/// What to do with a leased lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this one.
    Send(Planned),
    /// Send this one, the first message to people about a request, if their attention allows it.
    Ask(Planned),
    /// Send nothing.
    Skip(Settlement),
    /// Nothing waits.
    Nothing,
}

/// A delivery to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// The delivery.
    pub(super) delivery: Delivery,
    /// The head of its lane. A failed attempt counts as one of the head's.
    pub(super) head: Delivery,
    /// Once it is sent, everything up to this revision is.
    pub(super) up_to: Revision,
}

/// What to do with a lane of a channel with these habits. `ended`: whether the approval has ended.
pub(super) fn plan(lane: &Lane, habits: Habits, ended: bool) -> Step {
    let (Some(head), Some(newest)) = (lane.waiting.front(), lane.waiting.back()) else { return Step::Nothing };
    let planned = |delivery: &Delivery, up_to| Planned { delivery: delivery.clone(), head: head.clone(), up_to };
    // A message that was sent before can still be updated.
    let state = lane.state.is_none().then(silent);
    let nothing = Step::Skip(Settlement::Sent { from: head.revision, up_to: newest.revision, state });
    let begun = habits.replaces && own(lane.state.clone()).is_some();
    let asks = head.kind == NotificationKind::Requested && !begun;
    if !habits.for_people {
        let delivery = if habits.replaces { newest } else { head };
        return Step::Send(planned(delivery, delivery.revision));
    }
    if asks && ended {
        return nothing;
    }
    let again = lane.waiting.iter().rfind(|delivery| delivery.kind == NotificationKind::Escalated && !ended);
    if is_silent(lane.state.as_ref()) {
        return again.map_or(nothing, |again| Step::Send(planned(again, newest.revision)));
    }
    if asks {
        // The message shows the request as it is now. A channel with one message per event sends the later ones, too.
        let shown = |delivery: &Delivery| if habits.replaces { newest.revision } else { delivery.revision };
        return match again {
            Some(again) => Step::Send(planned(again, shown(again))),
            None => Step::Ask(planned(head, shown(head))),
        };
    }
    let delivery = if habits.replaces || ended { newest } else { head };
    Step::Send(planned(delivery, delivery.revision))
}

#[cfg(test)]
mod tests {
    use NotificationKind::{Cancelled, Decided, Edited, Escalated, Requested, Revoked, TimedOut, Voted};

    use super::*;
    use crate::domain::{
        ChannelState,
        samples::{at, id},
    };

    const PROGRAM: Habits = Habits { for_people: false, replaces: false, concurrency: 1 };
    const INCIDENT: Habits = Habits { replaces: true, ..PROGRAM };
    const MAIL: Habits = Habits { for_people: true, ..PROGRAM };
    const CHAT: Habits = Habits { replaces: true, ..MAIL };

    /// A lane with these events. The first one has this revision.
    fn lane(first: Revision, kinds: &[NotificationKind], state: Option<ChannelState>) -> Lane {
        let mut lane = Lane::new("a".parse().unwrap(), id(0, 1));
        lane.state = state;
        for (revision, kind) in (first..).zip(kinds) {
            lane.push(Delivery::new(revision, *kind, at(0), at(0)));
        }
        lane
    }

    fn own() -> Option<ChannelState> {
        Some(ChannelState("ts".into()))
    }

    /// The kind that is sent, and what is settled with it. `None`: nothing is sent.
    fn sent(lane: &Lane, habits: Habits, ended: bool) -> (Option<NotificationKind>, Revision) {
        match plan(lane, habits, ended) {
            Step::Send(planned) | Step::Ask(planned) => {
                assert_eq!(Some(&planned.head), lane.waiting.front());
                (Some(planned.delivery.kind), planned.up_to)
            }
            Step::Skip(Settlement::Sent { from, up_to, state }) => {
                assert_eq!(Some(from), lane.waiting.front().map(|head| head.revision));
                assert_eq!(state, lane.state.is_none().then(silent));
                (None, up_to)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn programs_get_every_event_in_order() {
        let lane = lane(1, &[Requested, Voted, Decided], None);
        assert_eq!(sent(&lane, PROGRAM, true), (Some(Requested), 1));
        assert_eq!(sent(&lane, PROGRAM, false), (Some(Requested), 1));
    }

    #[test]
    fn a_channel_that_replaces_gets_the_newest_event() {
        assert_eq!(sent(&lane(1, &[Requested, Voted, Decided], None), INCIDENT, true), (Some(Decided), 3));
        assert_eq!(sent(&lane(2, &[Voted, Edited], own()), CHAT, false), (Some(Edited), 3));
        assert_eq!(sent(&lane(2, &[Voted, TimedOut], own()), CHAT, true), (Some(TimedOut), 3));
    }

    #[test]
    fn people_are_not_told_of_a_request_that_ended_before() {
        for habits in [MAIL, CHAT] {
            assert_eq!(sent(&lane(1, &[Requested, Voted, Cancelled], None), habits, true), (None, 3));
            // Its end may be recorded a moment after the lane was read.
            assert_eq!(sent(&lane(1, &[Requested], None), habits, true), (None, 1));
            assert_eq!(sent(&lane(2, &[Decided], Some(silent())), habits, true), (None, 2));
        }
    }

    #[test]
    fn a_retried_request_that_has_ended_leaves_the_channels_state() {
        let retried = lane(1, &[Requested], own());
        let kept = Step::Skip(Settlement::Sent { from: 1, up_to: 1, state: None });
        assert_eq!(plan(&retried, MAIL, true), kept);
    }

    #[test]
    fn a_message_that_was_begun_is_completed_and_asks_no_attention() {
        assert_eq!(sent(&lane(1, &[Requested], own()), CHAT, true), (Some(Requested), 1));
        assert_eq!(sent(&lane(1, &[Requested, Voted, TimedOut], own()), CHAT, true), (Some(TimedOut), 3));
        let waits = lane(1, &[Requested, Voted], own());
        assert!(
            matches!(plan(&waits, CHAT, false), Step::Send(Planned { up_to: 2, delivery, .. }) if delivery.revision == 2)
        );
    }

    #[test]
    fn a_request_that_was_escalated_before_its_message_waits_for_nothing() {
        let escalated = lane(1, &[Requested, Escalated, Voted], None);
        for (habits, up_to) in [(CHAT, 3), (MAIL, 2)] {
            let Step::Send(planned) = plan(&escalated, habits, false) else { panic!("it could be bundled") };
            assert_eq!((planned.delivery.kind, planned.head.kind, planned.up_to), (Escalated, Requested, up_to));
            assert_eq!(sent(&escalated, habits, true), (None, 3));
        }
    }

    #[test]
    fn the_first_message_asks() {
        let lane = lane(1, &[Requested, Voted], None);
        assert!(
            matches!(plan(&lane, CHAT, false), Step::Ask(Planned { up_to: 2, delivery, .. }) if delivery.revision == 1)
        );
        assert!(
            matches!(plan(&lane, MAIL, false), Step::Ask(Planned { up_to: 1, delivery, .. }) if delivery.revision == 1)
        );
    }

    #[test]
    fn what_was_bundled_is_only_sent_when_it_asks_again() {
        for habits in [MAIL, CHAT] {
            for kind in [Voted, Edited, Decided, TimedOut, Cancelled, Revoked] {
                assert_eq!(sent(&lane(2, &[kind], Some(silent())), habits, kind != Voted), (None, 2), "{kind:?}");
            }
            let escalated = lane(2, &[Voted, Escalated, Voted], Some(silent()));
            assert_eq!(sent(&escalated, habits, false), (Some(Escalated), 4));
            assert_eq!(sent(&escalated, habits, true), (None, 4));
        }
    }

    #[test]
    fn votes_before_an_end_are_not_sent() {
        assert_eq!(sent(&lane(2, &[Voted, Edited, Decided], None), MAIL, true), (Some(Decided), 4));
        assert_eq!(sent(&lane(2, &[Voted, Edited], None), MAIL, false), (Some(Voted), 2));
    }

    #[test]
    fn a_channel_that_only_wants_ends_gets_them() {
        assert_eq!(sent(&lane(2, &[Decided], None), MAIL, true), (Some(Decided), 2));
        assert_eq!(sent(&lane(3, &[Revoked], None), CHAT, true), (Some(Revoked), 3));
    }

    #[test]
    fn an_empty_lane_leads_to_nothing() {
        assert_eq!(plan(&lane(1, &[], own()), CHAT, false), Step::Nothing);
    }
}
