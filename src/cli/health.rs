//! `signoff health`: for probes and for people.

use clap::Args;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    failure::Failure,
};

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// One service of the server, for example `signoff.v1.ApprovalService`; all of it when not given
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
}

/// Returns 0 when the server says SERVING, else 1.
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
