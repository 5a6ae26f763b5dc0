use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    approvals::Policies,
    policy_file::{self, TEXT_MAX},
};

/// How often to look at the file. What it holds is taken when two looks in a row see the same: a file that is being
/// written could be a policy that lacks its last rules.
const EVERY: Duration = Duration::from_millis(500);

/// Takes the policy from its file whenever that changes, for ever; at once when told to. `taken` is what the file held
/// when the server started.
pub async fn follow_policy_file(policies: Arc<Policies>, taken: Vec<u8>, reload: Arc<Notify>) {
    let Some(path) = policies.file().map(|(path, _)| path.clone()) else { return std::future::pending().await };
    // What was taken last, and what the look before saw: contents, or why there are none.
    let mut taken = Ok(taken);
    let (mut before, mut told) = (None, false);
    loop {
        let now = read_policy_file(&path).await;
        if told || (now != taken && before.as_ref() == Some(&now)) {
            take(&policies, &path, now.clone()).await;
            taken = now.clone();
        }
        before = Some(now);
        let next = policies.clock().now() + EVERY;
        tokio::select! {
            () = policies.clock().sleep_until(next) => told = false,
            () = reload.notified() => told = true,
        }
    }
}

/// What a policy file holds.
///
/// # Errors
/// When it cannot be read, is no file, or is larger than any policy.
pub async fn read_policy_file(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let found = tokio::fs::metadata(path).await.map_err(|error| failed(&error))?;
    if !found.is_file() {
        return Err(failed(&"is no file"));
    }
    if found.len() > TEXT_MAX as u64 {
        return Err(failed(&format_args!("has {} bytes; at most {TEXT_MAX} are allowed", found.len())));
    }
    tokio::fs::read(path).await.map_err(|error| failed(&error))
}

async fn take(policies: &Policies, path: &Path, content: Result<Vec<u8>, String>) {
    let path = path.to_owned();
    let loading = policies.heavy().run(move || policy_file::load(&path, &content?)).await;
    let content = loading.unwrap_or_else(|error| Err(error.to_string()));
    let outcome = match &content {
        Ok(_) => None,
        Err(error) => Some(error.clone()),
    };
    if let Err(error) = policies.take_file(content).await {
        tracing::error!(%error, "cannot record the policy file's content; the policy stays as it is");
    } else if let Some(error) = outcome {
        let error = error.replace('\n', "; ");
        tracing::error!(error, "the policy file cannot be used; the policy stays as it is");
    }
}
