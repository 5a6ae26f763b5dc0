//! Watches files that other programs may be writing, until their content can be used.
//!
//! A half-written policy file could lack its last `auto_reject`. So content is used only after its writer has finished:
//!
//! - If the system reports changes (`inotify.rs`), content is used once its writer has closed the file, or has renamed
//!   a complete file into its place. A writer may pause for any time.
//! - If a change was not reported (a network file system, a system without inotify), content is used once it has not
//!   changed for [`Trust::Unreported`].
//!
//! The files are polled twice a second in any case. Reports only say how far to trust what was read, and nothing waits
//! for one. So a lost report delays a reload, but never causes half a file to be loaded.

mod debounce;
#[cfg(target_os = "linux")]
mod inotify;
mod links;
#[cfg(test)]
mod tests;
#[cfg(not(target_os = "linux"))]
mod unreported;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use self::debounce::{Debounce, Trust, Waiting};
#[cfg(target_os = "linux")]
use self::inotify::Watcher;
#[cfg(not(target_os = "linux"))]
use self::unreported::Watcher;
use crate::{
    clock::Clock,
    domain::{Time, after},
};

/// Time between two polls of the files.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum time that a start waits for a file that is being written.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Time after which the log warns about a writer that has not finished.
const WARN_AFTER: Duration = Duration::from_secs(60);

/// Files whose contents belong together.
#[async_trait]
pub trait WatchedFiles: Send + Sync + 'static {
    /// Their combined content.
    type Content: PartialEq + Clone + Send + Sync + 'static;

    /// Their paths.
    fn paths(&self) -> Vec<PathBuf>;

    /// Reads their current content, or returns why it cannot be read.
    async fn read(&self) -> Result<Self::Content, String>;
}

/// Reported changes since the last poll.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    /// Whether there were any.
    any: bool,
    /// How far they allow to trust the content.
    trust: Option<Trust>,
    /// Whether a file is open and has been written to.
    writing: bool,
}

/// Watched files, and their state.
pub struct SettledFiles<F: WatchedFiles> {
    files: F,
    watcher: Watcher,
    debounce: Debounce<Result<F::Content, String>>,
}

impl<F: WatchedFiles> SettledFiles<F> {
    /// Waits until no program writes to the files, and reads them.
    ///
    /// Programs that opened a file before the server started are unknown. So a file that was written to within the last
    /// seconds must not change for [`Trust::Young`] first.
    ///
    /// # Errors
    /// When they cannot be read, or are still being written after a minute.
    pub(super) async fn settled(files: F, clock: &dyn Clock) -> Result<(Self, F::Content), String> {
        // Watch before checking the age: a write in between would be neither reported nor young.
        let mut watcher = watch(Watcher::default(), files.paths()).await;
        let young = files.paths().iter().any(|path| is_young(path, clock.wall()));
        let mut debounce = Debounce::new(Err(String::new()), if young { Trust::Young } else { Trust::Reported });
        let mut waited = Duration::ZERO;
        loop {
            watcher = watch(watcher, files.paths()).await;
            let content = files.read().await?;
            debounce.observe(Ok(content.clone()), watcher.take_changes());
            if debounce.is_settled() {
                debounce.take();
                return Ok((Self { files, watcher, debounce }, content));
            }
            if waited == POLL_INTERVAL {
                tracing::info!(
                    files = list(&files.paths()),
                    "the file was written to recently; waiting until its writer has finished"
                );
            }
            if waited >= START_TIMEOUT {
                let (files, seconds) = (list(&files.paths()), START_TIMEOUT.as_secs());
                return Err(format!(
                    "{files}: still being written after {seconds} s; close the file, and start the server again"
                ));
            }
            clock.sleep(POLL_INTERVAL).await;
            waited += POLL_INTERVAL;
        }
    }

    /// Waits until there is content to use: it has changed, or `reload` requests it, and no program is writing.
    ///
    /// Returns the same content again after a while, unless [`taken`](Self::taken) is called.
    pub(super) async fn due(
        &mut self,
        clock: &dyn Clock,
        reload: &mut watch::Receiver<()>,
    ) -> Result<F::Content, String> {
        loop {
            clock.sleep(POLL_INTERVAL).await;
            self.watcher = watch(std::mem::take(&mut self.watcher), self.files.paths()).await;
            let content = self.files.read().await;
            let told = reload.has_changed().unwrap_or(false);
            if told {
                reload.mark_unchanged();
                self.debounce.ask();
            }
            // After reading: a write that was read in part has been reported by now.
            self.debounce.observe(content.clone(), self.watcher.take_changes());
            if self.debounce.is_due() {
                return content;
            }
            self.log(told);
        }
    }

    /// Marks the content as used.
    pub(super) fn taken(&mut self) {
        self.debounce.take();
    }

    fn log(&self, told: bool) {
        let Some(Waiting { polls, writing, trust }) = self.debounce.waiting() else { return };
        let files = list(&self.files.paths());
        if writing && POLL_INTERVAL * polls == WARN_AFTER {
            let seconds = WARN_AFTER.as_secs();
            tracing::warn!(
                files,
                "open for writing for {seconds} s; the previous content stays in use until the writer closes it"
            );
        } else if writing && told {
            tracing::info!(files, "SIGHUP: the file is being written; it is read once the writer closes it");
        } else if trust == Trust::Unreported && !writing && (told || polls == 1) {
            let seconds = (POLL_INTERVAL * Trust::Unreported.quiet_polls()).as_secs();
            tracing::info!(files, "changed without an inotify event; read after {seconds} s without another change");
        }
    }
}

/// Watches the files' current locations. Runs on a blocking thread, because the file system may be slow.
async fn watch(mut watcher: Watcher, paths: Vec<PathBuf>) -> Watcher {
    tokio::task::spawn_blocking(move || {
        watcher.watch(&paths);
        watcher
    })
    .await
    .unwrap_or_default() // a bug there; polling continues
}

/// Whether a file was written to so recently that its writer may not have finished.
fn is_young(path: &Path, now: Time) -> bool {
    let written = std::fs::metadata(path).and_then(|found| found.modified());
    let Ok(written) = written.map(Time::from) else { return true };
    written > now || after(written, POLL_INTERVAL * Trust::Young.quiet_polls()) > now
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
