//! `signoff health`: the server's health, for probes and for people.

use clap::Args;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    failure::Failure,
};

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Service to check, for example `signoff.v1.ApprovalService` [default: the whole server]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
}

/// Returns 0 if the server answers SERVING, otherwise 1.
pub(super) async fn run(args: HealthArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
    let mut client = HealthClient::new(connection.client().await?.transport());
    let response = client.check(unary(HealthCheckRequest { service: args.service })).await?.into_inner();
    if console.json {
        console.message(&response)?;
    } else {
        let known = ServingStatus::try_from(response.status);
        console.line(known.map_or("UNKNOWN", |status| status.as_str_name()))?;
    }
    Ok(u8::from(response.status != i32::from(ServingStatus::Serving)))
}
