//! Dropping the last handle of sled closes it: sled then writes and syncs, and panics if the disk fails.

use std::{ops::Deref, path::PathBuf};

use super::{catch_panic::guarded, directory::Directory, watermark};

/// A handle of sled that catches a panic while it is dropped.
#[derive(Debug)]
pub(super) struct Handle<T> {
    /// `None` only during drop.
    value: Option<T>,
    watermark: PathBuf,
}

impl<T> Handle<T> {
    pub(super) fn new(value: T, directory: &Directory) -> Self {
        Self { value: Some(value), watermark: directory.watermark() }
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("used during drop"),
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        if let Err(panic) = guarded(|| drop(value)) {
            // Acknowledged data was synced before. The note makes the next start rewrite the log: pages that the kernel
            // reports as clean may not be on the disk.
            tracing::error!(reason = %panic, "cannot close sled; the next start repairs its files");
            watermark::note_failure(&self.watermark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sled::{
        SCHEMA,
        watermark::{Mark, State, Watermark},
    };
    use uuid::Uuid;

    struct Disk(bool);

    impl Drop for Disk {
        fn drop(&mut self) {
            assert!(self.0, "No space left on device");
        }
    }

    #[test]
    fn a_failure_while_sled_closes_is_recorded() {
        for works in [true, false] {
            let path = tempfile::tempdir().unwrap();
            let directory = Directory::open(path.path()).unwrap();
            let mark = Mark::new(Uuid::from_u128(1), SCHEMA, State::Closed);
            drop(Watermark::create(&directory.watermark(), mark).unwrap());
            drop(Handle::new(Disk(works), &directory));
            let state = Mark::read(&directory.watermark()).unwrap().unwrap().state;
            assert_eq!(state, if works { State::Closed } else { State::Failed });
        }
    }
}
