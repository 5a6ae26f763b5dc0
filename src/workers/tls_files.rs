use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;

use super::settled_files::{SettledFiles, WatchedFiles};
use crate::{
    clock::Clock,
    tls::{LiveTls, TlsContents, TlsFiles},
};

#[async_trait]
impl WatchedFiles for TlsFiles {
    type Content = TlsContents;

    fn paths(&self) -> Vec<PathBuf> {
        self.places()
    }

    async fn read(&self) -> Result<TlsContents, String> {
        self.contents().await
    }
}

/// Waits until no program writes to certificates and keys, and reads them.
///
/// # Errors
/// When one of them cannot be read, or is still being written after a minute.
pub async fn settled_tls_files(
    files: &TlsFiles,
    clock: &dyn Clock,
) -> Result<(SettledFiles<TlsFiles>, TlsContents), String> {
    SettledFiles::settled(files.clone(), clock).await
}

/// Reloads certificates and keys after each change of their files, once no program writes to them, and on request.
/// Never ends.
pub async fn follow_tls_files(
    tls: Arc<LiveTls>,
    mut files: SettledFiles<TlsFiles>,
    clock: Arc<dyn Clock>,
    mut reload: watch::Receiver<()>,
) {
    loop {
        let contents = files.due(&*clock, &mut reload).await;
        tls.take(contents);
        files.taken();
    }
}
