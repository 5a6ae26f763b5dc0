//! Loads the policy file at start, and reports the status of the policy and of the store to metrics and health.

use std::path::Path;

use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{StartError, routes, use_cases::PolicyFromFile};
use crate::{
    clock::Clock,
    policies::PolicyStatus,
    policy_file,
    store::Health,
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

/// Reports the status of the policy and of the store to metrics and health. While the store does not answer, every service
/// is NOT_SERVING, so that balancers choose another server. While the policy file is invalid, or differs from that of
/// another server, `signoff.v1.PolicyService` is; approvals continue. Never returns.
pub(super) async fn report(
    mut policy: watch::Receiver<PolicyStatus>,
    mut store: watch::Receiver<Health>,
    metrics: Metrics,
    health: HealthReporter,
) {
    loop {
        let works = *store.borrow_and_update() == Health::Working;
        let (version, faulty) = {
            let status = policy.borrow_and_update();
            (status.live.version, status.fault.is_some())
        };
        metrics.policy(version, faulty);
        for service in routes::SERVICES {
            let serves = works && (service != routes::POLICY_SERVICE || !faulty);
            let serving = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status(service, serving).await;
        }
        let stopping = tokio::select! {
            changed = policy.changed() => changed.is_err(),
            changed = store.changed() => changed.is_err(),
        };
        if stopping {
            return std::future::pending().await;
        }
    }
}
