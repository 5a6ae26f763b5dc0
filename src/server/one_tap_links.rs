//! One-tap links for messages.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::{
    clock::Clock,
    domain::{Actor, ApprovalId, Choice, PublicUrl, Revision},
    links::Links,
    notify::LinkMinter,
    store::ApprovalStore,
};

/// Makes the links of messages.
pub(super) struct OneTapLinks {
    /// Set once the use-cases are there, which need the channels. Messages are sent later.
    pub(super) links: OnceLock<Arc<Links>>,
    pub(super) approvals: Arc<dyn ApprovalStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) public_url: PublicUrl,
}

#[async_trait]
impl LinkMinter for OneTapLinks {
    async fn mint(&self, approval: ApprovalId, revision: Revision, reviewer: &Actor, choice: Choice) -> Option<String> {
        // A message without links still leads to the approval's page.
        let approval = self.approvals.get(approval).await.ok().filter(|found| found.revision == revision)?;
        let token = self.links.get()?.mint(&approval, reviewer, choice, self.clock.now()).await?;
        Some(self.public_url.join(&format!("/links/{token}")))
    }
}
