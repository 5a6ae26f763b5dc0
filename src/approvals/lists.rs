//! Lists of the approvals that a caller may read.

use std::sync::Arc;

use super::{Approvals, Error};
use crate::{
    domain::Approval,
    identity::{Method, Principal},
    store::{Page, Query, weight},
};

/// Maximum number of approvals that one page may examine to find those that the caller may read.
const LOOKS: usize = 500;

/// Maximum bytes of approvals that one page may examine. The store ends its own pages earlier.
const LOOK_BYTES: usize = 384 << 10;

/// Number of approvals to read together, which is faster than one after the other.
const STEP: usize = 50;

impl Approvals {
    /// One page of the approvals that the caller may read and, if `decidable` is set, can decide now.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn list(
        &self,
        principal: &Principal,
        method: Method,
        mut query: Query,
        decidable: bool,
    ) -> Result<Page, Error> {
        principal.require_role(method)?;
        if principal.reaches_own_only(method) {
            let own = principal.actor.to_string();
            if query.filter.caller.replace(own.clone()).is_some_and(|wanted| wanted != own) {
                return Ok(Page::default());
            }
        }
        if principal.reaches_all(method) && !decidable {
            return Ok(self.store.list(query).await?);
        }
        // There is no index for what a caller may read. So examine a limited number, and leave the rest to the next
        // call, which continues where this one ends. Most calls fill a page immediately; a caller that may read little
        // costs no more.
        let (mut found, wanted, mut looks, mut bytes) = (Page::default(), query.limit, LOOKS, 0);
        loop {
            query.limit = (wanted - found.approvals.len()).max(STEP).min(looks);
            let page = self.store.list(query.clone()).await?;
            looks -= page.approvals.len().min(looks);
            bytes += page.approvals.iter().map(|approval| weight(approval)).sum::<usize>();
            let nothing = page.approvals.is_empty(); // the store ended its page without a match
            let shown = |approval: &Arc<Approval>| shows(principal, method, decidable, approval);
            found.approvals.extend(page.approvals.into_iter().filter(shown));
            found.unreadable.extend(page.unreadable);
            found.next = page.next;
            if found.approvals.len() > wanted {
                found.approvals.truncate(wanted);
                found.next = found.approvals.last().map(|last| last.id);
            }
            query.after = found.next;
            let enough = found.approvals.len() == wanted || looks == 0 || bytes >= LOOK_BYTES || nothing;
            if query.after.is_none() || enough {
                break;
            }
        }
        found.keep_before_next(query.order);
        Ok(found)
    }
}

/// Whether an approval belongs in a list for this caller.
pub(super) fn shows(principal: &Principal, method: Method, decidable: bool, approval: &Approval) -> bool {
    let decidable_now = || approval.is_decidable_by(&principal.actor, &principal.groups, principal.needs_others());
    principal.reaches(method, approval) && (!decidable || decidable_now())
}
