//! `signoff revoke`: stops an approved call before it is claimed.

use clap::Args;
use uuid::Uuid;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    retry::repeat,
    text::escape,
};
use crate::proto::v1::{Approval, RevokeApprovalRequest};

#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The approval's id
    id: String,
    /// Why it is revoked; sent to the requester
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

pub(super) async fn run(args: RevokeArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.connect().await?;
    let request =
        RevokeApprovalRequest { approval_id: args.id, request_id: Uuid::new_v4().to_string(), reason: args.reason };
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
    Ok(format!("{id} was {} and is {by}. It cannot be run any more.", describe::painted(approval.status)))
}
