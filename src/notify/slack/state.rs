//! What the channel keeps about an approval: the message that shows it.

use serde::{Deserialize, Serialize};

use super::payload::Posted;
use crate::domain::ChannelState;

/// The state of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LaneState {
    /// The message.
    pub(super) message: Posted,
}

impl LaneState {
    /// Reads a state. One that cannot be read, such as that of another kind of channel with the same name, is none.
    pub(super) fn read(state: Option<&ChannelState>) -> Option<Self> {
        serde_json::from_str(&state?.0).ok()
    }

    pub(super) fn write(&self) -> ChannelState {
        // A struct of texts has no value that JSON cannot hold.
        ChannelState(serde_json::to_string(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_on_record_can_be_read() {
        let state = ChannelState(r#"{"message":{"channel":"C01","ts":"1503435956.000247"}}"#.into());
        let message = Posted { channel: "C01".into(), ts: "1503435956.000247".into() };
        let read = LaneState::read(Some(&state)).unwrap();
        assert_eq!(read, LaneState { message });
        assert_eq!(read.write().0, state.0);
        for other in ["", "{}", r#"{"dedup_key":"x"}"#] {
            assert_eq!(LaneState::read(Some(&ChannelState(other.into()))), None);
        }
    }
}
