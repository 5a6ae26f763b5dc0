use tokio_util::sync::CancellationToken;

/// Whether credentials were revoked. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Revocation(CancellationToken);

impl Revocation {
    /// Revokes the credentials permanently.
    pub fn revoke(&self) {
        self.0.cancel();
    }

    /// Whether they were revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until they are revoked.
    pub async fn revoked(&self) {
        self.0.cancelled().await;
    }
}
