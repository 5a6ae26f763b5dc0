use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::looks::Looks;
use crate::{
    clock::Clock,
    tls::{LiveTls, TlsContents},
};

/// How often to look at the files. A certificate is replaced days before it ends.
const EVERY: Duration = Duration::from_secs(2);

/// Takes certificates and keys from their files whenever those change, for ever; at once when told to. `taken` is what
/// the files held when the server started.
pub async fn follow_tls_files(
    tls: Arc<LiveTls>,
    taken: TlsContents,
    clock: Arc<dyn Clock>,
    mut reload: watch::Receiver<()>,
) {
    let mut looks = Looks::new(Ok(taken));
    loop {
        let now = tls.files().read().await;
        if looks.due(&now) {
            tls.take(now.clone());
            looks.take(now.clone());
        }
        looks.rest(now, EVERY, &*clock, &mut reload).await;
    }
}
