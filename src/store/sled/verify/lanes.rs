//! Lanes of the outbox: each must belong to an approval, and hold deliveries of its events.

use std::collections::BTreeMap;

use super::Findings;
use crate::{
    domain::{ApprovalId, Revision},
    store::{
        import_fault,
        sled::{keys, records, tree_reader::TreeReader},
    },
};

/// Checks every lane. `heads`: the revisions of all approvals; [`Revision::MAX`] for a damaged one.
pub(super) fn check(pages: &TreeReader, heads: &BTreeMap<ApprovalId, Revision>, findings: &mut Findings) {
    for key in pages.keys(keys::lanes()) {
        let Some(key) = findings.take(key) else { break };
        let Some(id) = keys::lane_of(&key) else { continue };
        let (approval, channel) = &id;
        let fault = match (records::lane(pages, &id), heads.get(approval)) {
            (Err(error), _) => error.to_string(),
            (Ok(None), _) => continue,
            (Ok(Some(_)), None) => "their approval is missing".to_owned(),
            (Ok(Some(lane)), Some(newest)) => match import_fault(&lane, *newest) {
                Some(fault) => fault.to_owned(),
                None => {
                    findings.lanes += 1;
                    continue;
                }
            },
        };
        findings.of(*approval, format!("its messages to the channel {channel}: {fault}"));
    }
}
