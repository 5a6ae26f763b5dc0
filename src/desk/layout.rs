//! What all pages have: the title, the navigation, and who is signed in.

use super::{assets, texts, viewer::Viewer};
use crate::identity::Method;

/// A place of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Requests that wait for the viewer.
    Waiting,
    /// All pending requests.
    Pending,
    /// All requests.
    History,
    /// The policy.
    Policy,
    /// Freezes.
    Freezes,
    /// Tokens.
    Tokens,
    /// Sessions.
    Sessions,
    /// Channels of notifications, and their deliveries.
    Deliveries,
    /// The server's status.
    Status,
}

/// The places, their paths, names, and the call that a viewer must be allowed to make.
const PLACES: [(Place, &str, &str, Method); 9] = [
    (Place::Waiting, "/", texts::nav::WAITING, Method::Decide),
    (Place::Pending, "/pending", texts::nav::PENDING, Method::ListPending),
    (Place::History, "/history", texts::nav::HISTORY, Method::ListApprovals),
    (Place::Policy, "/policy", texts::nav::POLICY, Method::GetPolicy),
    (Place::Freezes, "/freezes", texts::nav::FREEZES, Method::ListFreezes),
    (Place::Tokens, "/tokens", texts::nav::TOKENS, Method::ListTokens),
    (Place::Sessions, "/sessions", texts::nav::SESSIONS, Method::GetCaller),
    (Place::Deliveries, "/deliveries", texts::nav::DELIVERIES, Method::ListDeliveries),
    (Place::Status, "/status", texts::nav::STATUS, Method::GetStatus),
];

/// Number of places that are shown on a phone; the others are in a menu.
const FIRST: usize = 3;

/// A link of the navigation.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) current: bool,
}

/// What `layout.html` shows.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) title: String,
    /// Names of the page's scripts, in addition to `desk.js`.
    pub(super) scripts: Vec<String>,
    pub(super) viewer: Option<Signed>,
    pub(super) first: Vec<Link>,
    pub(super) more: Vec<Link>,
}

/// The signed-in person, as the layout shows it.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) name: String,
    pub(super) roles: String,
    pub(super) csrf: String,
}

impl Layout {
    /// A page for people who are not signed in.
    pub(super) fn without_viewer(title: &str) -> Self {
        Self { title: title.to_owned(), scripts: Vec::new(), viewer: None, first: Vec::new(), more: Vec::new() }
    }

    /// A page for a person. `place` is where it is in the navigation, if it is there.
    pub(super) fn of(viewer: &Viewer, title: &str, place: Option<Place>) -> Self {
        let may = PLACES.iter().filter(|(.., method)| viewer.principal.may(*method));
        let links = may.map(|(here, path, name, _)| (*here, Link { path, name, current: place == Some(*here) }));
        let is_first = |(here, _): &(Place, Link)| PLACES.iter().take(FIRST).any(|(first, ..)| first == here);
        let (first, more): (Vec<_>, Vec<_>) = links.partition(is_first);
        let [first, more] = [first, more].map(|links| links.into_iter().map(|(_, link)| link).collect());
        let signed = Signed {
            name: viewer.principal.actor.to_string(),
            roles: viewer.principal.role_names(),
            csrf: viewer.csrf.to_string(),
        };
        Self { title: title.to_owned(), scripts: Vec::new(), viewer: Some(signed), first, more }
    }

    /// Adds a script of the page.
    pub(super) fn with_script(mut self, name: &str) -> Self {
        self.scripts.push(assets::path(name));
        self
    }

    /// Path of an asset, for the template.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::path(name)
    }
}
