use std::path::PathBuf;

use super::Changes;

/// On a system without inotify nothing is reported, so every change counts as unreported.
#[derive(Debug, Default)]
pub(super) struct Watcher(());

impl Watcher {
    #[cfg(test)]
    pub(super) const fn mute() -> Self {
        Self(())
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "as on Linux")]
    pub(super) const fn watch(&mut self, _: &[PathBuf]) {}

    #[expect(clippy::needless_pass_by_ref_mut, reason = "as on Linux")]
    pub(super) fn take_changes(&mut self) -> Changes {
        Changes::default()
    }
}
