//! The keys of pages with shortcuts, and the sheet that lists them.

pub(in crate::desk) const TITLE: &str = "Keys";
pub(in crate::desk) const OPEN: &str = "Keys (?)";
pub(in crate::desk) const CLOSE: &str = "Close";
pub(in crate::desk) const OFF: &str = "Switch off single keys in this browser, on all pages";

/// The keys of the lists.
pub(in crate::desk) const QUEUE: [(&str, &str); 6] = [
    ("j or ↓", "Next request"),
    ("k or ↑", "Previous request"),
    ("Enter", "Open the request"),
    ("x", "Select the request, or not"),
    ("n", "Show new requests"),
    ("?", "Show these keys"),
];

/// The keys of a request's page. None decides: they move the focus.
pub(in crate::desk) const APPROVAL: [(&str, &str); 8] = [
    ("a", "Go to Approve"),
    ("r", "Go to Reject"),
    ("e", "Go to Edit"),
    ("c", "Go to the comment"),
    ("n", "Next request that waits for you"),
    ("p", "Previous request"),
    ("u", "All that wait for you"),
    ("?", "This list"),
];
