//! Settings of the reviewers' desk.

/// The pages for reviewers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeskSettings {
    /// Values of `Host` that pages accept in addition to that of the public URL, in lower case: for a proxy that sends
    /// another one.
    pub allowed_hosts: Vec<String>,
}
