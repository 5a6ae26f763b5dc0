//! The history as a page shows it: a list that can be searched for a text.

use super::{
    Approvals, Error,
    lists::{Bounds, Shown},
    search::{Search, SearchableArguments},
};
use crate::{
    domain::{ApprovalId, limits::SEARCH_TEXT_MAX},
    identity::{Method, Principal},
    store::{Filter, Order, Page, Query},
};

/// What one page of a search may examine. More than a list, because a search that finds little would otherwise need
/// many pages.
const SEARCH: Bounds = Bounds { looks: 5_000, bytes: 8 << 20 };

/// A page of the history.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// Which approvals.
    pub filter: Filter,
    /// A text that must occur in the approval, whether in upper or lower case. Empty: any approval.
    pub text: String,
    /// The order, by creation.
    pub order: Order,
    /// Only approvals after this one, in `order`.
    pub after: Option<ApprovalId>,
    /// Maximum number of approvals.
    pub limit: usize,
}

impl Approvals {
    /// One page of the approvals that the caller may read, and in which the text occurs: in the tool, agent, chain,
    /// reason, caller, person on whose behalf it was requested, labels, comments, arguments, or the id.
    ///
    /// A page examines a limited number of approvals. It may therefore be empty although it has a `next`.
    ///
    /// # Errors
    /// [`Error::SearchTextTooLong`], [`Error::Access`], or a failure of the store.
    pub async fn history(
        &self,
        principal: &Principal,
        query: HistoryQuery,
        arguments: &dyn SearchableArguments,
    ) -> Result<Page, Error> {
        self.history_within(principal, query, arguments, SEARCH).await
    }

    /// As above; a search examines what `bounds` allow.
    pub(super) async fn history_within(
        &self,
        principal: &Principal,
        query: HistoryQuery,
        arguments: &dyn SearchableArguments,
        bounds: Bounds,
    ) -> Result<Page, Error> {
        let HistoryQuery { filter, text, order, after, limit } = query;
        let query = Query { filter, order, after, limit };
        let text = text.trim();
        if text.is_empty() {
            return self.list(principal, Method::ListApprovals, query, false).await;
        }
        let found = text.chars().count();
        if found > SEARCH_TEXT_MAX {
            return Err(Error::SearchTextTooLong { found });
        }
        let search = Search::new(text, arguments);
        let (method, search) = (Method::ListApprovals, Some(&search));
        self.examine(query, &Shown { principal, method, decidable: false, search }, bounds).await
    }
}
