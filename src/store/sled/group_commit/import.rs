//! Imports into a group.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{
    super::{
        keys,
        records::{self, Named},
    },
    Group, Known,
};
use crate::{
    domain::{Approval, ApprovalId, Digest, Event, ReplayError},
    store::{Forgotten, History, NAME_MAX, StoreError},
};

impl Group<'_> {
    pub(in super::super) fn import(&mut self, histories: Vec<History>) -> Result<usize, StoreError> {
        let mut new: BTreeMap<ApprovalId, (Arc<Approval>, Vec<Event>)> = BTreeMap::new();
        let mut request_ids = HashSet::new();
        for History { id, events } in histories {
            let approval = Approval::replay(id, &events).map_err(|error| StoreError::BadHistory(id, error))?;
            if names(&approval).any(|name| name.len() > NAME_MAX) {
                return Err(StoreError::BadHistory(id, ReplayError::NameTooLong { limit: NAME_MAX }));
            }
            let stored = match new.get(&id) {
                Some((_, events)) => Some(events.clone()),
                None => match self.get(id) {
                    Ok(_) => Some(self.history(id)?),
                    Err(StoreError::NotFound) => None,
                    Err(error) => return Err(error),
                },
            };
            match stored {
                Some(stored) if stored == events => continue,
                Some(_) => return Err(StoreError::Conflict(id)),
                None => {}
            }
            let key = keys::request_id(&approval.request.caller, &approval.request.request_id);
            let known = self.find(&key)?;
            if matches!(known, Some(Named::Forgotten(_))) {
                continue;
            }
            if known.is_some() || !request_ids.insert(key) {
                return Err(StoreError::Conflict(id));
            }
            new.insert(id, (Arc::new(approval), events));
        }
        let count = new.len();
        let encode = |(approval, events): &(Arc<Approval>, Vec<Event>)| records::encode(approval, events, Digest::ZERO);
        let encoded = new.values().map(encode).collect::<Result<Vec<_>, _>>()?;
        for ((approval, events), (encoded, chain)) in new.into_values().zip(encoded) {
            self.put(None, Known { approval, chain }, events, encoded)?;
        }
        Ok(count)
    }

    pub(in super::super) fn import_forgotten(&mut self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        let bad = |one: &Forgotten| Some(StoreError::BadForgotten(one.request_id.clone(), one.fault()?));
        if let Some(error) = forgotten.iter().find_map(bad) {
            return Err(error);
        }
        let mut new = 0;
        for one in forgotten {
            let key = keys::request_id_of(&one);
            match self.find(&key)? {
                Some(Named::Approval(_)) => continue,
                Some(Named::Forgotten(known)) if known >= one.at => continue,
                Some(Named::Forgotten(known)) => {
                    let entry = keys::forgotten(known, &key);
                    self.batch.remove(&entry[..]);
                    self.tombstones.push(entry);
                }
                None => {}
            }
            self.remember(key, one.at);
            new += 1;
        }
        Ok(new)
    }
}

/// All texts of an approval that become part of a key.
fn names(approval: &Approval) -> impl Iterator<Item = &str> {
    let request = &approval.request;
    let fixed =
        [&request.tool_name, &request.agent.name, &request.caller.issuer, &request.caller.subject, &request.request_id];
    let labels = request.labels.iter().flat_map(|(key, value)| [key, value]);
    fixed.into_iter().chain(labels).map(String::as_str)
}
