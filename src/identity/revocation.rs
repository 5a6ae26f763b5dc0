use tokio_util::sync::CancellationToken;

/// Whether credentials were taken back. Clones are about the same credentials.
#[derive(Clone, Debug, Default)]
pub struct Revocation(CancellationToken);

impl Revocation {
    /// Takes the credentials back, for good.
    pub fn revoke(&self) {
        self.0.cancel();
    }

    /// Whether they were taken back.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until they are taken back.
    pub async fn revoked(&self) {
        self.0.cancelled().await;
    }
}
