//! Backups: a snapshot of the store as a file, streamed to an operator.
//!
//! A task reads the snapshot, and waits for the operator's client with each chunk. It is not the call itself, because a
//! call whose client does not read is not polled: it could not end. But a snapshot must end, since it keeps old records
//! in memory, and the store forgets nothing meanwhile.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
};
use tracing::Instrument as _;

use super::{Admin, Error};
use crate::{
    clock::{Clock, timeout},
    export_file::{Export, Summary},
    identity::{AccessDenied, Method, Principal},
};

/// Maximum size of a chunk, in bytes.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Maximum time that a client may take for a chunk.
pub const CHUNK_TIME: Duration = Duration::from_secs(60);

/// Maximum time that a backup may take.
pub const BACKUP_TIME: Duration = Duration::from_secs(6 * 60 * 60);

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPart {
    /// The next bytes of the file: at least 1, at most [`CHUNK_BYTES`].
    Data(Vec<u8>),
    /// The file is complete. Nothing follows.
    Complete(Summary),
}

/// A running backup. Dropping it ends the backup.
#[derive(Debug)]
pub struct Backup {
    chunks: mpsc::Receiver<Vec<u8>>,
    /// `None` after its result was returned.
    task: Option<JoinHandle<Result<Summary, Error>>>,
}

impl Admin {
    /// Begins a backup: of everything that was acknowledged before this call, and of no later change.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::BackupRunning`], [`Error::Draining`], or a failure of the store.
    pub async fn backup(self: &Arc<Self>, by: Arc<Principal>) -> Result<Backup, Error> {
        by.require_role(Method::Backup)?;
        by.ensure_not_revoked()?;
        if self.process.draining.is_cancelled() {
            return Err(Error::Draining);
        }
        let permit = Arc::clone(&self.backups).try_acquire_owned().map_err(|_| Error::BackupRunning)?;
        let export = Export::of(self.store.snapshot().await?);
        let (sender, chunks) = mpsc::channel(1);
        let work = Arc::clone(self).back_up(by, export, sender, permit);
        Ok(Backup { chunks, task: Some(tokio::spawn(work.in_current_span())) })
    }

    /// Sends a file. Ends early when its reader leaves, or may not read on.
    async fn back_up(
        self: Arc<Self>,
        by: Arc<Principal>,
        mut export: Export,
        chunks: mpsc::Sender<Vec<u8>>,
        _permit: OwnedSemaphorePermit,
    ) -> Result<Summary, Error> {
        let name = by.actor.to_string();
        tracing::info!(by = name.as_str(), "backup started");
        let ended = tokio::select! {
            biased;
            () = self.process.draining.cancelled() => Err(Error::Draining),
            () = by.revocation.revoked() => Err(AccessDenied::Revoked.into()),
            () = chunks.closed() => Err(Error::BackupReaderLeft),
            () = self.clock.sleep(BACKUP_TIME) => Err(Error::BackupTooLong { limit: BACKUP_TIME }),
            sent = send(&*self.clock, &mut export, &chunks) => sent,
        };
        match &ended {
            Ok(Summary { counts, bytes, .. }) => {
                tracing::info!(by = name.as_str(), bytes, approvals = counts.approvals, "backup completed");
            }
            Err(error) => tracing::warn!(by = name.as_str(), %error, "backup ended early"),
        }
        ended
    }
}

async fn send(clock: &dyn Clock, export: &mut Export, chunks: &mpsc::Sender<Vec<u8>>) -> Result<Summary, Error> {
    while let Some(lines) = export.next().await? {
        for chunk in lines.chunks(CHUNK_BYTES) {
            match timeout(clock, CHUNK_TIME, chunks.send(chunk.to_vec())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::BackupReaderLeft),
                Err(_) => return Err(Error::BackupReaderSlow { limit: CHUNK_TIME }),
            }
        }
    }
    export.summary().cloned().ok_or_else(|| Error::Internal("the backup has no end".into()))
}

impl Backup {
    /// The next part. `None` after the last one, and after an error.
    ///
    /// # Errors
    /// [`Error::Draining`], [`Error::Access`] once the caller's credentials are revoked, [`Error::BackupReaderSlow`],
    /// [`Error::BackupTooLong`], or a failure of the store. Parts received before it are not a backup.
    pub async fn next(&mut self) -> Result<Option<BackupPart>, Error> {
        if let Some(data) = self.chunks.recv().await {
            return Ok(Some(BackupPart::Data(data)));
        }
        let Some(task) = self.task.take() else { return Ok(None) };
        let summary = task.await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))?;
        Ok(Some(BackupPart::Complete(summary)))
    }
}

#[cfg(test)]
mod tests;
