//! Lists of what a caller may see.

use std::sync::Arc;

use super::{Approvals, Error};
use crate::{
    domain::Approval,
    identity::{Method, Principal},
    store::{Page, Query, weight},
};

/// Approvals that one page of a list may look at to find those that the caller may see.
const LOOKS: usize = 500;

/// Bytes of approvals that it may look at, likewise: the store ends a page of its own before that.
const LOOK_BYTES: usize = 384 << 10;

/// Approvals that are read at once: reading one after the other would take longer.
const STEP: usize = 50;

impl Approvals {
    /// One page of the approvals that the caller may see, and, if that is wanted, can decide now.
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
        // What the caller may see is no matter of indexes: look at some, and leave the rest to the next call, which
        // goes on where this one ends. Most calls find a page among the first; one that may see little costs no more
        // for that.
        let (mut found, wanted, mut looks, mut bytes) = (Page::default(), query.limit, LOOKS, 0);
        loop {
            query.limit = (wanted - found.approvals.len()).max(STEP).min(looks);
            let page = self.store.list(query.clone()).await?;
            looks -= page.approvals.len().min(looks);
            bytes += page.approvals.iter().map(|approval| weight(approval)).sum::<usize>();
            let nothing = page.approvals.is_empty(); // the store itself has looked for long enough
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

/// Whether an approval belongs in a list of the caller's.
pub(super) fn shows(principal: &Principal, method: Method, decidable: bool, approval: &Approval) -> bool {
    let decidable_now = || approval.is_decidable_by(&principal.actor, &principal.groups, principal.needs_others());
    principal.reaches(method, approval) && (!decidable || decidable_now())
}
