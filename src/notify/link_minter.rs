//! One-tap links in messages.

use async_trait::async_trait;

use crate::domain::{Actor, ApprovalId, Choice, Revision};

/// Makes one-tap links: addresses of a page with one button, on which one reviewer decides one approval.
///
/// Opening such a link changes nothing, and deciding still needs the reviewer's session. So a scanner that follows it,
/// or a person to whom the message was forwarded, decides nothing.
#[async_trait]
pub trait LinkMinter: Send + Sync + 'static {
    /// A link for a reviewer to a choice on an approval, as it is at this revision. `None` if there is none: the
    /// approval has changed, or the policy does not ask the reviewer.
    async fn mint(&self, approval: ApprovalId, revision: Revision, reviewer: &Actor, choice: Choice) -> Option<String>;
}
