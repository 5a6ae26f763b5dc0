//! Builds the channels of notifications, and starts their dispatcher.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::task::JoinHandle;

use super::one_tap_links::OneTapLinks;
use crate::{
    clock::Clock,
    config::Config,
    domain::PublicUrl,
    notify::{BuildError, Channels, LinkMinter, Links, Resources, Sources},
    policies::Policies,
    store::{ApprovalStore, OutboxStore, Store},
    telemetry::{Metrics, OutboxBacklog},
};

/// Maximum time that messages in flight delay the end of the server.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// The channels of the configuration, and what makes the links in their messages.
pub(super) fn build(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    public_url: Option<PublicUrl>,
) -> Result<(Arc<Channels>, Option<Arc<OneTapLinks>>), BuildError> {
    let one_tap = public_url.clone().map(|public_url| {
        let approvals = Arc::clone(store) as Arc<dyn ApprovalStore>;
        Arc::new(OneTapLinks { links: OnceLock::new(), approvals, clock: Arc::clone(clock), public_url })
    });
    let minter = one_tap.clone().map(|one_tap| one_tap as Arc<dyn LinkMinter>);
    let resources = Resources { clock: Arc::clone(clock), links: Links::new(public_url), minter };
    Ok((Channels::build(&config.channels, &resources)?, one_tap))
}

/// Starts the dispatcher.
pub(super) fn start(
    channels: &Arc<Channels>,
    store: &Arc<dyn Store>,
    policies: &Arc<Policies>,
    (clock, public_url): (&Arc<dyn Clock>, Option<PublicUrl>),
    metrics: &Metrics,
) -> JoinHandle<()> {
    let counted = Arc::clone(store);
    metrics.outbox(channels.names(), move || counted.backlog().into_iter().map(backlog).collect());
    let sources = Sources {
        outbox: Arc::clone(store) as Arc<dyn OutboxStore>,
        approvals: Arc::clone(store) as Arc<dyn ApprovalStore>,
        policies: Arc::clone(policies),
        clock: Arc::clone(clock),
        links: Links::new(public_url),
        metrics: metrics.clone(),
    };
    tokio::spawn(Arc::clone(channels).run(sources))
}

fn backlog(backlog: crate::store::Backlog) -> OutboxBacklog {
    let crate::store::Backlog { channel, waiting, dead, oldest_since } = backlog;
    OutboxBacklog { channel, waiting, dead, oldest_since }
}
