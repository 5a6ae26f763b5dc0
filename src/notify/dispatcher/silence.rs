//! The dispatcher's own marks in a lane, in the place of a channel's state.
//!
//! People have no message of their own about some requests: they were part of a bundle, or ended too early. The lane
//! must say so, or a later event would look like the first one of a channel that only wants, say, decisions.

use crate::domain::ChannelState;

/// No state of a channel begins like this.
const OURS: &str = "\u{1}dispatcher:";

/// People have no message of their own about the request.
pub(super) fn silent() -> ChannelState {
    ChannelState(format!("{OURS}silent"))
}

/// People have one since, from a channel that keeps no state.
fn told() -> ChannelState {
    ChannelState(format!("{OURS}told"))
}

/// Whether people have no message of their own.
pub(super) fn is_silent(state: Option<&ChannelState>) -> bool {
    state.is_some_and(|state| *state == silent())
}

/// The channel's own state.
pub(super) fn own(state: Option<ChannelState>) -> Option<ChannelState> {
    state.filter(|state| !state.0.starts_with(OURS))
}

/// The state after a message of its own was sent, given the one before and the one that the channel returned.
pub(super) fn after_message(before: Option<&ChannelState>, returned: Option<ChannelState>) -> Option<ChannelState> {
    returned.or_else(|| is_silent(before).then(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_see_their_own_state_only() {
        let state = Some(ChannelState("ts".into()));
        assert_eq!(own(state.clone()), state);
        assert_eq!(own(Some(silent())), None);
        assert_eq!(own(Some(told())), None);
        assert_eq!(own(None), None);
    }

    #[test]
    fn a_message_of_its_own_ends_the_silence() {
        let state = Some(ChannelState("ts".into()));
        assert_eq!(after_message(Some(&silent()), state.clone()), state);
        assert_eq!(after_message(state.as_ref(), None), None, "the present state is kept");
        let told = after_message(Some(&silent()), None);
        assert!(told.is_some() && !is_silent(told.as_ref()));
    }
}
