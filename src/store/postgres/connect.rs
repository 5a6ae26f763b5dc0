//! How a connection is made and driven.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use tokio::{sync::watch, task::JoinHandle};
use tokio_postgres::{AsyncMessage, Client, Config, Error, error::Severity};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What the connections of a store share.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// Counts the cuts. Every connection that is older than the last one ends.
    cuts: Arc<watch::Sender<u64>>,
    /// Warnings that PostgreSQL sent.
    warnings: Arc<AtomicU64>,
}

impl Links {
    pub(super) fn new() -> Self {
        Self { cuts: Arc::new(watch::Sender::new(0)), warnings: Arc::default() }
    }

    /// Ends all connections, and so every statement on them. A connection whose packets are dropped would otherwise hold
    /// its statement until the operating system gives up.
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }

    /// The number of warnings so far, on all connections.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::SeqCst)
    }
}

/// Makes connections that end when they are cut, and that count warnings.
///
/// A `COMMIT` that waits for a standby, and is cancelled, succeeds with a warning: the transaction is on the primary's disk
/// only. PostgreSQL sends the warning before the answer.
pub(super) struct Connector {
    pub(super) tls: MakeRustlsConnect,
    pub(super) links: Links,
}

impl Connect for Connector {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, tls, links) = (config.clone(), self.tls.clone(), self.links.clone());
        Box::pin(async move {
            let mut cut = links.cuts.subscribe();
            let (client, mut connection) = config.connect(tls).await?;
            let task = tokio::spawn(async move {
                let drive = async {
                    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                        match message {
                            Ok(AsyncMessage::Notice(notice)) => {
                                if notice.parsed_severity() == Some(Severity::Warning) {
                                    tracing::warn!(warning = %notice, "PostgreSQL warns");
                                    links.warnings.fetch_add(1, Ordering::SeqCst);
                                }
                            }
                            Ok(_) => {}
                            Err(error) => {
                                tracing::debug!(%error, "a connection to PostgreSQL ended");
                                return;
                            }
                        }
                    }
                };
                tokio::select! {
                    () = drive => {}
                    _ = cut.changed() => {}
                }
            });
            Ok((client, task))
        })
    }
}
