//! What a kind of channel is.

use std::{fmt, sync::Arc};

use super::{Channel, Fields, LinkMinter, Links};
use crate::clock::Clock;

/// A kind of channel: the field `kind` of its settings, and its parser. The parser reports its problems to the fields,
/// and returns `None` if there are any.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name, such as `webhook`.
    pub name: &'static str,
    /// Whether people read it, as its [`Habits`](super::Habits) say. Only then can a channel limit interruptions.
    pub for_people: bool,
    /// Parses the settings that only this kind has.
    pub parse: fn(&mut Fields) -> Option<Arc<dyn Build>>,
}

/// The parsed settings of a channel, which can build it. `Debug` shows no secrets.
pub trait Build: fmt::Debug + Send + Sync + 'static {
    /// Builds the channel. Does no I/O.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String>;
}

/// What channels share.
#[derive(Clone)]
pub struct Resources {
    /// The clock, for signatures, deadlines and retries.
    pub clock: Arc<dyn Clock>,
    /// Addresses of the desk.
    pub links: Links,
    /// One-tap links. `None`: messages have none.
    pub minter: Option<Arc<dyn LinkMinter>>,
}
