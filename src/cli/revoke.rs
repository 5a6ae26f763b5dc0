//! `signoff revoke`: stops an approved call before it is claimed.

use clap::Args;
use uuid::Uuid;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    ids::{self, Waiting},
    retry::repeat,
    text::escape,
};
use crate::proto::v1::{Approval, RevokeApprovalRequest};

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[arg(help = ids::HELP)]
    id: String,
    /// Reason for the revocation; sent to the requester
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

pub(super) async fn run(args: RevokeArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let client = connection.client().await?;
    let approval_id = ids::resolve(&args.id, Waiting::ForItsClaim, &client).await?;
    let request = RevokeApprovalRequest { approval_id, request_id: Uuid::new_v4().to_string(), reason: args.reason };
    let mut client = client.approvals();
    let response = repeat(async || client.revoke_approval(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let approval = response.approval.ok_or(Failure::Protocol("no approval"))?;
    Ok(console.line(&sentence(&approval)?)?)
}

fn sentence(approval: &Approval) -> Result<String, Failure> {
    let revocation = approval.revocation.as_ref().ok_or(Failure::Protocol("no revocation"))?;
    let (id, by) = (escape(&approval.id), describe::revocation(revocation));
    Ok(format!("{id} was {} and is now {by}. The call can no longer run.", describe::painted(approval.status)))
}
