use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::settled_files::{SettledFiles, WatchedFiles};
use crate::{
    bounded_file,
    clock::Clock,
    domain::Actor,
    policies::Policies,
    policy_file::{self, TEXT_MAX},
};

/// The path of a policy file.
#[derive(Debug)]
pub struct PolicyFile(PathBuf);

#[async_trait]
impl WatchedFiles for PolicyFile {
    type Content = Vec<u8>;

    fn paths(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        read_policy_file(&self.0).await
    }
}

/// Reads a policy file, even while another program writes to it.
///
/// # Errors
/// When it cannot be read, is not a regular file, or exceeds the maximum size of a policy.
pub async fn read_policy_file(path: &Path) -> Result<Vec<u8>, String> {
    bounded_file::read_named(path, TEXT_MAX).await
}

/// Waits until no program writes to a policy file, and reads it.
///
/// # Errors
/// When it cannot be read, is not a regular file, exceeds the maximum size of a policy, or is still being written after
/// a minute.
pub async fn settled_policy_file(
    path: &Path,
    clock: &dyn Clock,
) -> Result<(SettledFiles<PolicyFile>, Vec<u8>), String> {
    SettledFiles::settled(PolicyFile(path.to_owned()), clock).await
}

/// Reloads the policy after each change of its file, once no program writes to it, and on request. Never ends.
pub async fn follow_policy_file(
    policies: Arc<Policies>,
    mut file: SettledFiles<PolicyFile>,
    clock: Arc<dyn Clock>,
    mut reload: watch::Receiver<()>,
) {
    let version = || policies.status().borrow().live.version;
    policies.log_warnings().await;
    let mut warned_of = version();
    loop {
        let content = file.due(&*clock, &mut reload).await;
        if take(&policies, content).await {
            file.taken();
        }
        if version() != warned_of {
            warned_of = version();
            policies.log_warnings().await;
        }
    }
}

/// Returns whether the content has been handled. If not, it must be retried.
async fn take(policies: &Policies, content: Result<Vec<u8>, String>) -> bool {
    let Some((path, _)) = policies.file() else { return true };
    let path = path.clone();
    let content =
        match policies.blocking_pool().run(&Actor::policy_file(), move || policy_file::load(&path, &content?)).await {
            Ok(content) => content,
            Err(error) => {
                tracing::error!(%error, "cannot compile the policy file; the live policy stays unchanged");
                return false;
            }
        };
    if let Err(error) = &content {
        let error = error.replace('\n', "; ");
        tracing::error!(error, "cannot use the policy file; the live policy stays unchanged");
    }
    match policies.take_file(content).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "cannot record the policy file's content; the live policy stays unchanged");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded_file::samples::endless;

    #[tokio::test]
    async fn what_has_no_end_is_told() {
        let directory = tempfile::tempdir().unwrap();
        for path in endless(directory.path()) {
            let told = PolicyFile(path.clone()).read().await.unwrap_err();
            assert_eq!(told, format!("{}: is not a regular file", path.display()));
        }
    }
}
