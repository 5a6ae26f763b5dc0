//! The kinds of channels.

use std::{sync::Arc, time::Duration};

use toml::Table;

use super::{Build, FieldProblem, Fields, Kind, SecretSource, settings::Finished};
use crate::domain::{ChannelName, Subscription};

/// Every kind. A new one is one line here.
pub static KINDS: &[Kind] = &[
    super::email::KIND,
    super::webhook::KIND,
    super::pagerduty::KIND,
    super::ntfy::KIND,
    super::teams::KIND,
    super::slack::KIND,
    super::slack_webhook::KIND,
    #[cfg(test)]
    super::test_kind::KIND,
];

/// Maximum number of channels.
pub const CHANNELS_MAX: usize = 32;

/// A limit of interruptions counts those of this long.
pub const INTERRUPTIONS_WINDOW: Duration = Duration::from_secs(15 * 60);

/// The limit of interruptions, unless a channel sets one.
pub const INTERRUPTIONS_DEFAULT: u32 = 20;

/// The greatest limit of interruptions.
const INTERRUPTIONS_MAX: u32 = 1_000;

/// A configured channel.
#[derive(Clone, Debug)]
pub struct ChannelSettings {
    /// Its name.
    pub name: ChannelName,
    /// The events to send to it.
    pub subscription: Subscription,
    /// Maximum number of interruptions in a quarter of an hour. `None` for channels that no people read.
    pub interruptions: Option<u32>,
    /// The name of its kind, such as `webhook`.
    pub kind_name: &'static str,
    /// The fields that only its kind has, as in the configuration. They hold no secrets, only their places.
    pub fields: Table,
    /// The secrets by their fields, without `_file` or `_env`.
    pub secrets: Vec<(String, SecretSource)>,
    /// What its kind needs.
    pub kind: Arc<dyn Build>,
}

/// Why a table of the configuration is no channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelProblems {
    /// What is wrong with fields that the channel can have.
    pub wrong: Vec<FieldProblem>,
    /// Fields that it cannot have.
    pub unknown: Vec<FieldProblem>,
}

impl ChannelSettings {
    /// Parses the table of a channel.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: ChannelName, table: Table) -> Result<Self, ChannelProblems> {
        let mut fields = Fields::new(table);
        let (has_kind, given) = (fields.has("kind"), fields.text("kind"));
        let subscription = fields.subscription();
        let limits = fields.has("interruptions");
        let limit = fields.count("interruptions", 1, INTERRUPTIONS_MAX).unwrap_or(INTERRUPTIONS_DEFAULT);
        let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let kind = given.as_deref().and_then(|given| KINDS.iter().find(|kind| kind.name == given));
        match (&given, kind) {
            (Some(given), None) => fields.problem("kind", format!("has no value {given:?}; allowed: {}", known())),
            (None, _) if !has_kind => fields.problem("kind", format!("is missing; allowed: {}", known())),
            (_, Some(Kind { for_people: false, .. })) if limits => {
                fields.problem("interruptions", "has no effect on this kind of channel");
            }
            _ => {}
        }
        let interruptions = kind.filter(|kind| kind.for_people).map(|_| limit);
        let own: Table = fields.rest().map(|(key, value)| (key.clone(), value.clone())).collect();
        let parsed = kind.and_then(|kind| Some((kind.name, (kind.parse)(&mut fields)?)));
        let Finished { secrets, problems: wrong, unknown } = fields.finished(parsed.is_some());
        let mut problems = ChannelProblems { wrong, unknown };
        match parsed {
            Some((kind_name, kind)) if problems == ChannelProblems::default() => {
                Ok(Self { name, subscription, interruptions, kind_name, fields: own, secrets, kind })
            }
            None if problems == ChannelProblems::default() => {
                // A parser that gives up without a reason. Not an internal error, because an operator can act on it.
                let problem = "and the other fields do not fit together".to_owned();
                problems.wrong.push(FieldProblem { field: "kind".to_owned(), problem });
                Err(problems)
            }
            _ => Err(problems),
        }
    }
}

/// Two channels are equal if they were configured with the same values: a [`Build`] cannot be compared.
impl PartialEq for ChannelSettings {
    fn eq(&self, other: &Self) -> bool {
        let parts = |settings: &Self| {
            let Self { name, subscription, interruptions, kind_name, fields, secrets: _, kind: _ } = settings.clone();
            (name, subscription, interruptions, kind_name, fields.to_string())
        };
        parts(self) == parts(other)
    }
}

impl Eq for ChannelSettings {}
