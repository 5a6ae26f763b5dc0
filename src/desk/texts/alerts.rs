//! Texts of notifications of the browser and of the sound.

pub(in crate::desk) const OPEN: &str = "Notifications";
pub(in crate::desk) const TITLE: &str = "Notifications";
pub(in crate::desk) const EXPLAINED: &str = "For requests that come while this page is open, but hidden. They say the tool and the agent, no arguments. The \
     choice is kept in this browser.";
pub(in crate::desk) const NOTIFY: &str = "Show a notification of the browser";
pub(in crate::desk) const SOUND: &str = "Play a sound";
pub(in crate::desk) const BLOCKED: &str =
    "The browser does not allow notifications. Allow them for this site in the browser's settings.";
pub(in crate::desk) const CLOSE: &str = "Close";
