//! Loads the policy file at start, and reports the policy's status to metrics and health.

use std::path::Path;

use tokio::sync::watch;
use tokio_stream::{StreamExt as _, wrappers::WatchStream};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{StartError, routes, use_cases::PolicyFromFile};
use crate::{
    clock::Clock,
    policies::PolicyStatus,
    policy_file,
    telemetry::Metrics,
    workers::{self, PolicyFile, SettledFiles},
};

/// The policy at start, and the watcher of its file.
pub(super) type Started = (PolicyFromFile, SettledFiles<PolicyFile>);

/// Reads the policy file at start, once no program writes to it.
pub(super) async fn read(path: Option<&Path>, clock: &dyn Clock) -> Result<Option<Started>, StartError> {
    let Some(path) = path else { return Ok(None) };
    let (followed, text) = workers::settled_policy_file(path, clock).await.map_err(StartError::PolicyFile)?;
    let policy = policy_file::load(path, &text).map_err(StartError::PolicyFile)?;
    Ok(Some(((path.to_owned(), policy), followed)))
}

/// Reports the policy's status to metrics and health. While the policy file is invalid, the health of
/// `signoff.v1.PolicyService` is NOT_SERVING; approvals continue. Never returns.
pub(super) async fn report(status: watch::Receiver<PolicyStatus>, metrics: Metrics, health: HealthReporter) {
    let mut statuses = WatchStream::new(status);
    while let Some(PolicyStatus { live, fault }) = statuses.next().await {
        metrics.policy(live.version, fault.is_some());
        let serving = if fault.is_some() { ServingStatus::NotServing } else { ServingStatus::Serving };
        health.set_service_status(routes::POLICY_SERVICE, serving).await;
    }
    std::future::pending::<()>().await; // the server is stopping
}
