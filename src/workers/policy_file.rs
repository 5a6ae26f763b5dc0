use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    approvals::Policies,
    clock::Clock,
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
        let due = told || (now != taken && before.as_ref() == Some(&now));
        if due && take(&policies, &path, now.clone()).await {
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

/// What a policy file holds once nobody writes to it: what two looks in a row see.
///
/// # Errors
/// When it cannot be read, is no file, or is larger than any policy.
pub async fn settled_policy_file(path: &Path, clock: &dyn Clock) -> Result<Vec<u8>, String> {
    let mut before = read_policy_file(path).await?;
    loop {
        clock.sleep_until(clock.now() + EVERY).await;
        let now = read_policy_file(path).await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

/// What a policy file holds.
///
/// # Errors
/// When it cannot be read, is no file, or is larger than any policy.
async fn read_policy_file(path: &Path) -> Result<Vec<u8>, String> {
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

/// Whether it is settled what becomes of it; else it is to be taken again.
async fn take(policies: &Policies, path: &Path, content: Result<Vec<u8>, String>) -> bool {
    let file = path.to_owned();
    let content = match policies.heavy().run(move || policy_file::load(&file, &content?)).await {
        Ok(content) => content,
        Err(error) => {
            tracing::error!(%error, "the policy file cannot be compiled; the policy stays as it is");
            return false;
        }
    };
    if let Err(error) = &content {
        let error = error.replace('\n', "; ");
        tracing::error!(error, "the policy file cannot be used; the policy stays as it is");
    }
    match policies.take_file(content).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "cannot record the policy file's content; the policy stays as it is");
            false
        }
    }
}
