//! Texts of all forms.

/// Above the problems of a form.
pub(in crate::desk) const PROBLEMS: &str = "Nothing was changed. Check this:";
pub(in crate::desk) const BACK: &str = "Back";
pub(in crate::desk) const CHANGE: &str = "Change";
pub(in crate::desk) const OLDER: &str = "Older";
pub(in crate::desk) const NEWEST: &str = "Newest";
pub(in crate::desk) const COPY: &str = "Copy";
pub(in crate::desk) const COPIED: &str = "Copied";
