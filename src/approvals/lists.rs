//! Lists of the approvals that a caller may read.

use super::{Approvals, Error, search::Search};
use crate::{
    domain::{Approval, Time},
    identity::{Method, Principal},
    store::{Page, Query, weight},
};

/// What one page may examine to find the approvals that belong to it.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Maximum number of approvals.
    pub(super) looks: usize,
    /// Maximum bytes of approvals. The store ends its own pages earlier.
    pub(super) bytes: usize,
}

const LIST: Bounds = Bounds { looks: 500, bytes: 384 << 10 };

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
        query: Query,
        decidable: bool,
    ) -> Result<Page, Error> {
        self.examine(query, &Shown { principal, method, decidable, search: None }, LIST).await
    }

    /// One page of the approvals that are shown.
    pub(super) async fn examine(&self, mut query: Query, shown: &Shown<'_>, bounds: Bounds) -> Result<Page, Error> {
        let Shown { principal, method, decidable, search } = *shown;
        principal.require_role(method)?;
        if principal.reaches_own_only(method) {
            let own = principal.actor.to_string();
            if query.filter.caller.replace(own.clone()).is_some_and(|wanted| wanted != own) {
                return Ok(Page::default());
            }
        }
        if principal.reaches_all(method) && !decidable && search.is_none() {
            return Ok(self.store.list(query).await?);
        }
        let now = self.clock.now();
        // There is no index for what a caller may read, or for texts. So examine a limited number, and leave the rest
        // to the next call, which continues where this one ends. Most calls fill a page immediately; a caller that may
        // read little costs no more.
        let (mut found, wanted, mut looks, mut bytes) = (Page::default(), query.limit, bounds.looks, 0);
        loop {
            query.limit = (wanted - found.approvals.len()).max(STEP).min(looks);
            let page = self.store.list(query.clone()).await?;
            looks -= page.approvals.len().min(looks);
            bytes += page.approvals.iter().map(|approval| weight(approval)).sum::<usize>();
            let nothing = page.approvals.is_empty(); // the store ended its page without a match
            for approval in page.approvals {
                if shown.admits(&approval, now).await {
                    found.approvals.push(approval);
                }
            }
            found.unreadable.extend(page.unreadable);
            found.next = page.next;
            if found.approvals.len() > wanted {
                found.approvals.truncate(wanted);
                found.next = found.approvals.last().map(|last| last.id);
            }
            query.after = found.next;
            let enough = found.approvals.len() == wanted || looks == 0 || bytes >= bounds.bytes || nothing;
            if query.after.is_none() || enough {
                break;
            }
        }
        found.keep_before_next(query.order);
        Ok(found)
    }
}

/// Which approvals a list shows.
pub(super) struct Shown<'a> {
    pub(super) principal: &'a Principal,
    pub(super) method: Method,
    /// Only those that the caller can decide now.
    pub(super) decidable: bool,
    /// Only those in which a text occurs.
    pub(super) search: Option<&'a Search<'a>>,
}

impl Shown<'_> {
    async fn admits(&self, approval: &Approval, now: Time) -> bool {
        // Nobody can decide after the deadline, also before the server has recorded that it passed.
        let over = self.decidable && approval.deadline <= now;
        !over
            && shows(self.principal, self.method, self.decidable, approval)
            && match self.search {
                Some(search) => search.finds(approval).await,
                None => true,
            }
    }
}

/// Whether an approval belongs in a list for this caller.
pub(super) fn shows(principal: &Principal, method: Method, decidable: bool, approval: &Approval) -> bool {
    let decidable_now = || approval.is_decidable_by(&principal.actor, &principal.groups, principal.needs_others());
    principal.reaches(method, approval) && (!decidable || decidable_now())
}
