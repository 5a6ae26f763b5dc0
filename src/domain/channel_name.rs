//! Names of channels.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name of a channel, in bytes.
pub const CHANNEL_NAME_MAX: usize = 32;

/// The name of a configured channel: 1 to 32 of `a-z 0-9 -`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ChannelName(String);

/// The text is not the name of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {CHANNEL_NAME_MAX} of a-z, 0-9 and -, beginning with a letter or digit")]
pub struct ChannelNameError;

impl ChannelName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChannelName {
    type Err = ChannelNameError;

    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let valid = (1..=CHANNEL_NAME_MAX).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-');
        if valid { Ok(Self(text.to_owned())) } else { Err(ChannelNameError) }
    }
}

impl TryFrom<String> for ChannelName {
    type Error = ChannelNameError;

    fn try_from(text: String) -> Result<Self, ChannelNameError> {
        text.parse()
    }
}

impl From<ChannelName> for String {
    fn from(name: ChannelName) -> Self {
        name.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_channels_have_one_form() {
        for name in ["a", "finance-slack", "0", "x".repeat(CHANNEL_NAME_MAX).as_str()] {
            assert_eq!(name.parse::<ChannelName>().unwrap().as_str(), name);
        }
        for name in ["", "-a", "A", "a_b", "a.b", "é", " a", "x".repeat(CHANNEL_NAME_MAX + 1).as_str()] {
            assert_eq!(name.parse::<ChannelName>(), Err(ChannelNameError), "{name:?}");
        }
    }
}
