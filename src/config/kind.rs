//! Kinds of settings: their allowed values, parsing into [`Config`], and writing as TOML.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::raw_value::RawValue;
use super::{Config, LogFormat, ReflectionAccess};
use crate::domain::{ChannelName, PublicUrl, duration_text, host_value, name};
use crate::identity::{NameGlob, oidc::Algorithm};
use crate::store::{PostgresUrl, PostgresUrlError};

/// The place in [`Config`] that a setting fills.
pub(super) type Slot<T> = fn(&mut Config) -> &mut T;

/// The type of a setting, with its range and its slot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Bool(Slot<bool>),
    Address(Slot<SocketAddr>),
    Path(Slot<PathBuf>),
    Store(Slot<Option<PostgresUrl>>),
    File(Slot<Option<PathBuf>>),
    Duration { min: Duration, max: Duration, slot: Slot<Duration> },
    Retention { min: Duration, max: Duration, slot: Slot<Option<Duration>> },
    Bytes { min: usize, max: usize, slot: Slot<usize> },
    Count { min: u32, max: u32, slot: Slot<u32> },
    LogFormat(Slot<LogFormat>),
    LogFilter(Slot<String>),
    Reflection(Slot<ReflectionAccess>),
    Endpoint(Slot<Option<String>>),
    Text(Slot<String>),
    OptionalText(Slot<Option<String>>),
    OptionalName(Slot<Option<String>>),
    Origin(Slot<Option<PublicUrl>>),
    Hosts(Slot<Vec<String>>),
    Scopes(Slot<String>),
    Names(Slot<Vec<String>>),
    Algorithms(Slot<Vec<Algorithm>>),
    CertificateNames(Slot<Vec<NameGlob>>),
    Channels(Slot<Vec<ChannelName>>),
}

/// The value of `store` for a store in the data directory.
const SLED: &str = "sled";
/// The value of `retain` for "no limit".
const FOREVER: &str = "forever";
const REFLECTION: [(&str, ReflectionAccess); 2] =
    [("token", ReflectionAccess::Token), ("open", ReflectionAccess::Open)];
const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

impl Kind {
    /// Puts a value into its slot. If it is not allowed, returns the form in which an error shows it.
    pub(super) fn fill(&self, config: &mut Config, given: RawValue) -> Result<(), String> {
        let shown = given.shown.clone();
        let filled = match *self {
            Self::Bool(slot) => put(slot(config), given.as_bool()),
            Self::Address(slot) => put(slot(config), given.as_text().and_then(|text| text.parse().ok())),
            Self::Path(slot) => put(slot(config), given.as_text().and_then(path)),
            Self::File(slot) => put(slot(config), given.as_text().and_then(path).map(Some)),
            Self::Store(slot) => match given.as_text().map(str::parse) {
                Some(Err(PostgresUrlError::Password)) => return Err("a URL with a password".to_owned()),
                Some(Ok(url)) => put(slot(config), Some(Some(url))),
                _ => put(slot(config), (given.as_text() == Some(SLED)).then_some(None)),
            },
            Self::Duration { min, max, slot } => put(slot(config), given.as_text().and_then(|t| duration(t, min, max))),
            Self::Retention { min, max, slot } => put(
                slot(config),
                match given.as_text() {
                    Some(FOREVER) => Some(None),
                    text => text.and_then(|text| duration(text, min, max)).map(Some),
                },
            ),
            Self::Bytes { min, max, slot } => put(
                slot(config),
                given.as_integer().and_then(|n| usize::try_from(n).ok()).filter(|n| (min..=max).contains(n)),
            ),
            Self::Count { min, max, slot } => put(
                slot(config),
                given.as_integer().and_then(|n| u32::try_from(n).ok()).filter(|n| (min..=max).contains(n)),
            ),
            Self::LogFormat(slot) => put(slot(config), given.as_text().and_then(|text| choice(&LOG_FORMATS, text))),
            Self::Reflection(slot) => put(slot(config), given.as_text().and_then(|text| choice(&REFLECTION, text))),
            Self::LogFilter(slot) => put(slot(config), given.as_text().and_then(log_filter)),
            Self::Endpoint(slot) => match given.as_text() {
                // An error must not write a password to a log.
                Some(text) if text.contains('@') => return Err("a URL with a user name or password".to_owned()),
                text => put(slot(config), text.and_then(endpoint).map(Some)),
            },
            Self::Text(slot) => put(slot(config), given.as_text().and_then(plain)),
            Self::OptionalText(slot) => match given.as_text() {
                Some(text) if text.contains('@') => return Err("a URL with a user name or password".to_owned()),
                text => put(slot(config), text.and_then(plain).map(Some)),
            },
            Self::OptionalName(slot) => put(slot(config), given.as_text().and_then(plain).map(Some)),
            Self::Origin(slot) => match given.as_text() {
                Some(text) if text.contains('@') => return Err("a URL with a user name or password".to_owned()),
                text => put(slot(config), text.and_then(|text| text.parse().ok()).map(Some)),
            },
            Self::Hosts(slot) => put(slot(config), given.as_text().and_then(|text| names(text, host_value))),
            Self::Scopes(slot) => put(slot(config), given.as_text().and_then(scopes)),
            Self::Names(slot) => put(slot(config), given.as_text().and_then(|text| names(text, group))),
            Self::Algorithms(slot) => {
                put(slot(config), given.as_text().and_then(|text| names(text, |name| name.parse().ok())))
            }
            Self::CertificateNames(slot) => {
                put(slot(config), given.as_text().and_then(|text| names(text, |name| name.parse().ok())))
            }
            Self::Channels(slot) => put(slot(config), given.as_items().and_then(|items| channels(&items))),
        };
        if filled { Ok(()) } else { Err(shown) }
    }

    /// The allowed values, as the end of a sentence.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Bool(_) => "true or false".to_owned(),
            Self::Address(_) => "an IP address and port, such as 127.0.0.1:7766 or [::1]:7766".to_owned(),
            Self::Path(_) | Self::File(_) => "a path".to_owned(),
            Self::Store(_) => {
                format!(
                    "{SLED}, or postgres://USER@HOST/DATABASE without a password; its sslmode is disable, require or \
                     verify-full"
                )
            }
            Self::Duration { min, max, .. } => {
                format!("a duration from {} to {}", duration_text(*min), duration_text(*max))
            }
            Self::Retention { min, max, .. } => {
                format!("{FOREVER}, or a duration from {} to {}", duration_text(*min), duration_text(*max))
            }
            Self::Bytes { min, max, .. } => format!("{min}–{max} bytes"),
            Self::Count { min, max, .. } => format!("{min}–{max}"),
            Self::LogFormat(_) => LOG_FORMATS.map(|(word, _)| word).join(" or "),
            Self::Reflection(_) => REFLECTION.map(|(word, _)| word).join(" or "),
            Self::LogFilter(_) => "tracing filter directives, such as info,signoff=debug".to_owned(),
            Self::Endpoint(_) => "http://host:port".to_owned(),
            Self::Origin(_) => {
                "https://HOST, or http://HOST on loopback, without a path, a query or a fragment".to_owned()
            }
            Self::Hosts(_) => "comma-separated hosts, each with its port unless it is the default port".to_owned(),
            Self::Scopes(_) => "scopes separated by spaces, among them openid; 1–1024 characters".to_owned(),
            Self::Text(_) | Self::OptionalText(_) | Self::OptionalName(_) => {
                "1–256 characters, no control characters".to_owned()
            }
            Self::Names(_) => "comma-separated names of 1–256 visible characters".to_owned(),
            Self::Algorithms(_) => {
                format!("comma-separated names from {}", Algorithm::ALL.map(Algorithm::name).join(", "))
            }
            Self::CertificateNames(_) => {
                "comma-separated globs that start with URI:, DNS: or email:, such as DNS:*.example.org".to_owned()
            }
            Self::Channels(_) => "a list of names of channels; in variables and flags, comma-separated".to_owned(),
        }
    }

    /// The slot's value as a TOML literal, if it has one. Takes `&mut` because slots do; changes nothing.
    pub(super) fn literal(&self, config: &mut Config) -> Option<String> {
        Some(match *self {
            Self::Bool(slot) => slot(config).to_string(),
            Self::Address(slot) => quoted(&slot(config).to_string()),
            Self::Path(slot) => quoted(&slot(config).to_string_lossy()),
            Self::File(slot) => quoted(&slot(config).as_ref()?.to_string_lossy()),
            Self::Store(slot) => quoted(&slot(config).as_ref().map_or_else(|| SLED.to_owned(), ToString::to_string)),
            Self::Duration { slot, .. } => quoted(&duration_text(*slot(config))),
            Self::Retention { slot, .. } => quoted(&slot(config).map_or_else(|| FOREVER.to_owned(), duration_text)),
            Self::Bytes { slot, .. } => slot(config).to_string(),
            Self::Count { slot, .. } => slot(config).to_string(),
            Self::LogFormat(slot) => quoted(word(&LOG_FORMATS, *slot(config))?),
            Self::Reflection(slot) => quoted(word(&REFLECTION, *slot(config))?),
            Self::LogFilter(slot) => quoted(slot(config)),
            Self::Origin(slot) => quoted(slot(config).as_ref()?.origin()),
            Self::Endpoint(slot) | Self::OptionalText(slot) | Self::OptionalName(slot) => {
                quoted(slot(config).as_deref()?)
            }
            Self::Text(slot) | Self::Scopes(slot) => quoted(slot(config)),
            Self::Hosts(slot) | Self::Names(slot) if slot(config).is_empty() => return None,
            Self::Hosts(slot) | Self::Names(slot) => quoted(&slot(config).join(",")),
            Self::Algorithms(slot) => {
                quoted(&slot(config).iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(","))
            }
            Self::CertificateNames(slot) if slot(config).is_empty() => return None,
            Self::CertificateNames(slot) => {
                quoted(&slot(config).iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            }
            Self::Channels(slot) => {
                let names = slot(config).iter().map(|name| toml::Value::from(name.as_str()));
                toml::Value::Array(names.collect()).to_string()
            }
        })
    }
}

fn put<T>(slot: &mut T, value: Option<T>) -> bool {
    value.map(|value| *slot = value).is_some()
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn choice<T: Copy>(words: &[(&str, T)], text: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> Option<&'static str> {
    words.iter().find(|(_, known)| *known == value).map(|(word, _)| *word)
}

/// A path, unless it is empty, contains a NUL, or was not UTF-8 in the environment.
fn path(text: &str) -> Option<PathBuf> {
    let usable = !text.is_empty() && !text.contains(['\0', char::REPLACEMENT_CHARACTER]);
    usable.then(|| PathBuf::from(text))
}

/// A name or URL.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let usable = (1..=256).contains(&text.chars().count()) && !text.contains(char::is_control);
    usable.then(|| text.to_owned())
}

/// Items between commas, each parsed by `read`.
fn names<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|name| read(name.trim_matches([' ', '\t']))).collect()
}

/// Names of channels, each once. A single empty item is an empty list.
fn channels(items: &[&str]) -> Option<Vec<ChannelName>> {
    if items == [""] {
        return Some(Vec::new());
    }
    let names: Vec<ChannelName> = items.iter().map(|name| name.parse().ok()).collect::<Option<_>>()?;
    let distinct = names.iter().collect::<BTreeSet<_>>().len();
    (distinct == names.len()).then_some(names)
}

/// Scopes of OAuth (RFC 6749, section 3.3). OpenID requires the first of them.
fn scopes(text: &str) -> Option<String> {
    let allowed = |scope: &str| scope.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'));
    let scopes: Vec<_> = text.split_ascii_whitespace().collect();
    let scopes = (scopes.contains(&"openid") && scopes.iter().all(|scope| allowed(scope))).then(|| scopes.join(" "))?;
    (scopes.len() <= 1024).then_some(scopes)
}

/// A normalized group name.
fn group(text: &str) -> Option<String> {
    let name = name::normal(text).ok()?;
    (1..=256).contains(&name.chars().count()).then(|| name.into_owned())
}

fn duration(text: &str, min: Duration, max: Duration) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| (min..=max).contains(duration))
}

fn log_filter(text: &str) -> Option<String> {
    let parses = !text.trim().is_empty() && EnvFilter::builder().parse(text).is_ok();
    parses.then(|| text.to_owned())
}

fn endpoint(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let plain = uri.scheme_str() == Some("http")
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.port_u16().is_some_and(|port| port > 0)
        && uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    plain.then(|| text.to_owned())
}
