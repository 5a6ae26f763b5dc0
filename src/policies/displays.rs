//! What the policy says about showing approvals, by the version that judged them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Policies, stored::document};
use crate::{
    domain::{Approval, Verdict},
    identity::Principal,
    policy::{Display, Document, RedactedArguments},
};

/// Maximum number of versions to keep in memory. Lists are in order of time, so they rarely need more than two at a
/// time. Each takes at most about the size of its policy.
const KEPT: usize = 32;

/// The most recently used versions. Versions never change, so an entry never expires.
#[derive(Debug, Default)]
pub(super) struct Displays {
    kept: Mutex<VecDeque<(u64, Arc<Display>)>>,
    /// The version of the last failure in the log: a list would otherwise log each of its rows.
    logged: AtomicU64,
}

impl Displays {
    fn find(&self, version: u64) -> Option<Arc<Display>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| *known == version)?;
        let found = kept.remove(at)?;
        let display = Arc::clone(&found.1);
        kept.push_front(found);
        Some(display)
    }

    fn keep(&self, version: u64, display: &Arc<Display>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != version);
        kept.push_front((version, Arc::clone(display)));
        kept.truncate(KEPT);
    }
}

impl Policies {
    /// How an approval is shown in rows, lists and messages: by the version of the policy that judged its current
    /// arguments. If that version cannot be read, everything is redacted.
    pub async fn display(&self, approval: &Approval) -> Arc<Display> {
        self.display_of(&approval.verdict).await
    }

    /// How arguments are shown on which this verdict is, such as those before an edit.
    pub async fn display_of(&self, verdict: &Verdict) -> Arc<Display> {
        let label = verdict.policy_version.as_str();
        // Only a number as the server writes it: a policy under test has none.
        let Some(version) = label.parse::<u64>().ok().filter(|version| version.to_string() == label) else {
            return Arc::new(Display::unreadable(label));
        };
        if let Some(known) = self.displays.find(version) {
            return known;
        }
        let live = self.live();
        let read = match version {
            0 => Ok(Document::default()),
            version if version == live.version => Ok(live.policy.document().clone()),
            // A failure to read may pass, and the version may be imported later. Its content cannot change.
            version => match self.stored(version).await {
                Ok(stored) => document(&stored),
                Err(error) => {
                    if self.displays.logged.swap(version, Ordering::Relaxed) != version {
                        tracing::warn!(version, %error, "cannot read a version of the policy: lists redact its calls");
                    }
                    return Arc::new(Display::unreadable(label));
                }
            },
        };
        let display = read
            .map_err(|error| error.to_string())
            .and_then(|document| Display::new(label, &document).map_err(|error| error.to_string()));
        let display = Arc::new(display.unwrap_or_else(|error| {
            tracing::error!(version, error, "cannot use a version of the policy: lists redact its calls");
            Display::unreadable(label)
        }));
        self.displays.keep(version, &display);
        display
    }

    /// The arguments of an approval as a list shows them to a caller. `None`: in full, because nothing is redacted or
    /// because the caller sent them.
    pub async fn redactions_for(&self, principal: &Principal, approval: &Approval) -> Option<RedactedArguments> {
        if approval.request.caller.is(&principal.actor) {
            return None;
        }
        self.display(approval).await.redactions(approval)
    }
}

#[cfg(test)]
mod tests;
