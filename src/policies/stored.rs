//! Stored policies: recording, decoding and compiling them.

use std::{path::Path, sync::Arc};

use super::{Error, Live};
use crate::{
    domain::{Actor, Time},
    policy::{Document, Policy, Problem},
    store::{NewPolicy, PolicyStore, PolicyVersion, StoreError},
};

/// Records a file's policy as a new version, unless the newest version is equal.
pub(super) async fn record(
    store: &dyn PolicyStore,
    path: &Path,
    policy: Policy,
    now: Time,
) -> Result<Live, StoreError> {
    let document = text(policy.document()).map_err(|error| StoreError::Corrupt(error.to_string().into()))?;
    let stored = match store.policy(None).await? {
        Some(newest) if newest.document == document => newest,
        _ => {
            let (author, comment) = (Actor::policy_file(), format!("from {}", path.display()));
            store.put_policy(NewPolicy { document, author, comment, request_id: None, expected: None, now }).await?
        }
    };
    Ok(Live { version: stored.head.version, head: Some(stored.head.clone()), policy: Arc::new(policy) })
}

pub(super) fn text(document: &Document) -> Result<Arc<str>, Error> {
    serde_json::to_string(document).map(Arc::from).map_err(|error| Error::Internal(error.to_string()))
}

pub(super) fn document(stored: &PolicyVersion) -> Result<Document, Error> {
    let wrong = |what: &dyn std::fmt::Display| Error::Internal(format!("a stored policy: {what}"));
    let document = serde_json::from_str(&stored.document).map_err(|error| wrong(&error))?;
    // Without a restriction that only another build knows, a rule would apply to more calls.
    if text(&document)? != stored.document {
        return Err(wrong(&"it has content that this build does not understand"));
    }
    Ok(document)
}

pub(super) fn compile(stored: &PolicyVersion) -> Result<Policy, Vec<Problem>> {
    let document =
        document(stored).map_err(|error| vec![Problem { path: String::new(), message: error.to_string() }])?;
    Policy::compile_stored(document)
}
