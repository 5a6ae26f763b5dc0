//! Files that somebody may be writing, followed until their content may be taken.
//!
//! A policy file that is half written could lack its last `auto_reject`. So nothing is taken while it is being written:
//!
//! - Where the system reports changes (`inotify.rs`), content is taken once its writer has closed the file, or a whole
//!   file was renamed into its place. A writer may pause for as long as it likes.
//! - Where a change was not reported (a network file system, a system without inotify), content is taken once it has
//!   been the same for [`Trust::Unreported`].
//!
//! Nothing here waits for a report: the files are read twice a second anyway, and reports only say what to make of what
//! was read. A lost report costs time, never safety.

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

/// How long a start waits for a file that is being written.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// After how long an operator hears of a writer that does not end.
const WARN_AFTER: Duration = Duration::from_secs(60);

/// Files whose content belongs together.
#[async_trait]
pub trait WatchedFiles: Send + Sync + 'static {
    /// What they hold together.
    type Content: PartialEq + Clone + Send + Sync + 'static;

    /// Where they are.
    fn paths(&self) -> Vec<PathBuf>;

    /// What they hold now, or why that cannot be read.
    async fn read(&self) -> Result<Self::Content, String>;
}

/// What was reported about the files since the last poll.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    /// Something was.
    any: bool,
    /// What that says about their content.
    trust: Option<Trust>,
    /// A file is open, and has been written to.
    writing: bool,
}

/// Files, with what is known about them.
pub struct SettledFiles<F: WatchedFiles> {
    files: F,
    watcher: Watcher,
    debounce: Debounce<Result<F::Content, String>>,
}

impl<F: WatchedFiles> SettledFiles<F> {
    /// Waits until nobody writes to the files, and reads them.
    ///
    /// Who opened a file before the server started cannot be known. So a file that was written to within the last
    /// seconds is not taken before it has been the same for [`Trust::Young`].
    ///
    /// # Errors
    /// When they cannot be read, or are still being written after a minute.
    pub(super) async fn settled(files: F, clock: &dyn Clock) -> Result<(Self, F::Content), String> {
        // Watched before its age is looked at: a write in between would be neither reported nor young.
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
                    "written to a moment ago; waiting until nobody writes any more"
                );
            }
            if waited >= START_TIMEOUT {
                let (files, seconds) = (list(&files.paths()), START_TIMEOUT.as_secs());
                return Err(format!(
                    "{files}: somebody is still writing after {seconds} s; close the file, and start again"
                ));
            }
            clock.sleep(POLL_INTERVAL).await;
            waited += POLL_INTERVAL;
        }
    }

    /// Waits until there is content to take: it has changed, or `reload` asks for it, and nobody is writing.
    ///
    /// The same content is due again after a while unless it is [`taken`](Self::taken).
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
            // After reading: a write that was seen in part has been reported by now.
            self.debounce.observe(content.clone(), self.watcher.take_changes());
            if self.debounce.is_due() {
                return content;
            }
            self.log(told);
        }
    }

    /// The content that was due has been taken.
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
                "open for writing for {seconds} s; what was read before stays until the writer closes it"
            );
        } else if writing && told {
            tracing::info!(files, "SIGHUP: the file is being written; it is read once the writer closes it");
        } else if trust == Trust::Unreported && !writing && (told || polls == 1) {
            let seconds = (POLL_INTERVAL * Trust::Unreported.quiet_polls()).as_secs();
            tracing::info!(files, "changed without an inotify event; read after {seconds} s without another change");
        }
    }
}

/// Follows the files' present places. Asks the file system, which may take long, on a thread that may wait.
async fn watch(mut watcher: Watcher, paths: Vec<PathBuf>) -> Watcher {
    tokio::task::spawn_blocking(move || {
        watcher.watch(&paths);
        watcher
    })
    .await
    .unwrap_or_default() // a defect there; polling goes on
}

/// Whether a file was written to so lately that its writer may not have finished.
fn is_young(path: &Path, now: Time) -> bool {
    let written = std::fs::metadata(path).and_then(|found| found.modified());
    let Ok(written) = written.map(Time::from) else { return true };
    written > now || after(written, POLL_INTERVAL * Trust::Young.quiet_polls()) > now
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
