//! The policy at start-up, and how it shows from outside.

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

/// The policy that a server starts with, and its file to be followed.
pub(super) type Started = (PolicyFromFile, SettledFiles<PolicyFile>);

/// Reads the policy file that a server starts with, once nobody writes to it.
pub(super) async fn read(path: Option<&Path>, clock: &dyn Clock) -> Result<Option<Started>, StartError> {
    let Some(path) = path else { return Ok(None) };
    let (followed, text) = workers::settled_policy_file(path, clock).await.map_err(StartError::PolicyFile)?;
    let policy = policy_file::load(path, &text).map_err(StartError::PolicyFile)?;
    Ok(Some(((path.to_owned(), policy), followed)))
}

/// Tells metrics and health how things stand with the policy, for ever. While the policy file cannot be used
/// `signoff.v1.PolicyService` does not count as serving; approvals go on.
pub(super) async fn report(status: watch::Receiver<PolicyStatus>, metrics: Metrics, health: HealthReporter) {
    let mut statuses = WatchStream::new(status);
    while let Some(PolicyStatus { live, fault }) = statuses.next().await {
        metrics.policy(live.version, fault.is_some());
        let serving = if fault.is_some() { ServingStatus::NotServing } else { ServingStatus::Serving };
        health.set_service_status(routes::POLICY_SERVICE, serving).await;
    }
    std::future::pending::<()>().await; // the server ends
}
