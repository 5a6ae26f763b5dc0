//! Lists of what a caller may see.

use std::sync::Arc;

use super::{Approvals, Error, permit};
use crate::{
    domain::Approval,
    identity::{Method, Principal},
    store::{Page, Query},
};

/// Pages of the store that one page of a list may take.
const PAGES: usize = 8;

impl Approvals {
    /// One page of the approvals that the caller may see, and, if that is wanted, can decide now.
    ///
    /// # Errors
    /// [`Error::RoleNotAllowed`], or a failure of the store.
    pub async fn list(
        &self,
        principal: &Principal,
        method: Method,
        mut query: Query,
        decidable: bool,
    ) -> Result<Page, Error> {
        permit(principal, method)?;
        if principal.reaches_own_only(method) {
            let own = principal.actor.to_string();
            if query.filter.caller.replace(own.clone()).is_some_and(|wanted| wanted != own) {
                return Ok(Page::default());
            }
        }
        if principal.reaches_all(method) && !decidable {
            return Ok(self.store.list(query).await?);
        }
        // What the caller may see is no matter of indexes: look through some pages, and leave the rest to the next call.
        let (mut found, wanted) = (Page::default(), query.limit);
        for _ in 0..PAGES {
            let page = self.store.list(query.clone()).await?;
            let large = page.approvals.len() < query.limit; // it ended before its time: so must this one
            let shown = |approval: &Arc<Approval>| shows(principal, method, decidable, approval);
            found.approvals.extend(page.approvals.into_iter().filter(shown));
            found.next = page.next;
            query.after = page.next;
            query.limit = wanted - found.approvals.len();
            if query.after.is_none() || query.limit == 0 || (large && !found.approvals.is_empty()) {
                break;
            }
        }
        Ok(found)
    }
}

/// Whether an approval belongs in a list of the caller's.
pub(super) fn shows(principal: &Principal, method: Method, decidable: bool, approval: &Approval) -> bool {
    principal.reaches(method, approval) && (!decidable || approval.is_decidable_by(&principal.actor, &principal.groups))
}
