use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{approvals::Policies, policy_file};

/// How often to look at the file. What it holds is taken when two looks in a row see the same: a file that is being
/// written could be a policy that lacks its last rules.
const EVERY: Duration = Duration::from_millis(500);

/// Takes the policy from its file whenever that changes, for ever; at once when told to. `seen` is what the file held
/// when the server started.
pub async fn follow_policy_file(policies: Arc<Policies>, mut seen: Option<Vec<u8>>, reload: Arc<Notify>) {
    let Some(path) = policies.file().map(|(path, _)| path.clone()) else { return std::future::pending().await };
    let (mut before, mut told) = (None, false);
    loop {
        let now = read(&path).await;
        if told || (seen.as_ref() != now.as_ref().ok() && before.as_ref() == Some(&now)) {
            take(&policies, &path, now.clone()).await;
            seen = now.as_ref().ok().cloned();
        }
        // A file that cannot be read is told of once.
        before = Some(now);
        let next = policies.clock().now() + EVERY;
        tokio::select! {
            () = policies.clock().sleep_until(next) => told = false,
            () = reload.notified() => told = true,
        }
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|error| format!("{}: {error}", path.display()))
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
