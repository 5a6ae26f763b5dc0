//! `signoff approve`, `reject` and `cancel`: one decision on one approval, on what was looked at.

use clap::Args;
use uuid::Uuid;

use super::{
    arguments,
    connection::{Client, ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    retry::repeat,
    show,
};
use crate::proto::v1::{
    Approval, ApprovalStatus, CancelApprovalRequest, DecideRequest, GetApprovalRequest, VoteChoice,
    decide_request::Seen,
};

#[derive(Debug, Args)]
pub struct ApproveArgs {
    #[command(flatten)]
    decide: DecideArgs,
    /// Approve these arguments, a JSON object, instead of those asked for
    #[arg(long, value_name = "JSON|@FILE")]
    edit: Option<String>,
}

#[derive(Debug, Args)]
pub struct RejectArgs {
    #[command(flatten)]
    decide: DecideArgs,
}

/// Without --digest or --revision, what is to be decided is shown first, and a terminal is asked.
#[derive(Debug, Args)]
struct DecideArgs {
    /// The approval's id
    id: String,
    /// A comment for the requester
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Decide what has this digest, without showing it again
    #[arg(long, value_name = "DIGEST", conflicts_with = "revision")]
    digest: Option<String>,
    /// Decide what had this revision, without showing it again
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Do not ask: decide what is shown
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The approval's id
    id: String,
    /// Why it is withdrawn
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

pub(super) async fn approve(
    args: ApproveArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let edit = args.edit.map(|edit| arguments::object("--edit", &edit)).transpose()?;
    decide(args.decide, VoteChoice::Approve, edit, connection, console).await
}

pub(super) async fn reject(
    args: RejectArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    decide(args.decide, VoteChoice::Reject, None, connection, console).await
}

async fn decide(
    args: DecideArgs,
    choice: VoteChoice,
    edited_arguments: Option<prost_types::Struct>,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let verb = if choice == VoteChoice::Approve { "approve" } else { "reject" };
    let given = args.digest.map(Seen::Digest).or(args.revision.map(Seen::Revision));
    if given.is_none() && !args.yes && !console.can_ask {
        return Err(Failure::Usage(format!(
            "there is no terminal to ask on: to {verb} what you looked at, give its --digest (or --revision); \
             to {verb} it whatever it is, give --yes"
        )));
    }
    let mut client = connection.connect().await?;
    let seen = match given {
        Some(seen) => seen,
        None => review(&args.id, verb, args.yes, edited_arguments.as_ref(), &mut client, console).await?,
    };
    let request = DecideRequest {
        approval_id: args.id,
        request_id: Uuid::new_v4().to_string(),
        choice: choice.into(),
        seen: Some(seen),
        comment: args.comment,
        edited_arguments,
        on_behalf_of: None,
    };
    let response = repeat(async || client.decide(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    report(response.approval.as_ref(), console)
}

/// Shows what is to be decided, and asks unless told not to. Returns the digest that was shown.
async fn review(
    id: &str,
    verb: &str,
    yes: bool,
    edit: Option<&prost_types::Struct>,
    client: &mut Client,
    console: &mut Console,
) -> Result<Seen, Failure> {
    let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: false };
    let response = client.get_approval(unary(request)).await?.into_inner();
    let Some(approval) = response.approval else { return Err(Failure::Protocol("no approval")) };
    if let Some(decision) = approval.decision.as_ref().filter(|_| !is_pending(&approval)) {
        return Err(Failure::Stopped(format!("already {}", describe::plain_decision(decision))));
    }
    for line in show::subject(&approval) {
        console.note(&line)?;
    }
    if let Some(edit) = edit {
        console.note("Edited to")?;
        for line in describe::pretty(Some(edit)) {
            console.note(&format!("  {line}"))?;
        }
    }
    if !yes && !console.confirm(&format!("{verb} this?"))? {
        return Err(Failure::Stopped("not decided".to_owned()));
    }
    Ok(Seen::Digest(approval.digest))
}

pub(super) async fn cancel(
    args: CancelArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut client = connection.connect().await?;
    let request =
        CancelApprovalRequest { approval_id: args.id, request_id: Uuid::new_v4().to_string(), reason: args.reason };
    let response = repeat(async || client.cancel_approval(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    report(response.approval.as_ref(), console)
}

fn is_pending(approval: &Approval) -> bool {
    approval.status == i32::from(ApprovalStatus::Pending)
}

/// Says how the approval stands now.
fn report(approval: Option<&Approval>, console: &mut Console) -> Result<(), Failure> {
    let Some(approval) = approval else { return Err(Failure::Protocol("no approval")) };
    let line = match &approval.decision {
        Some(decision) => describe::decision(decision),
        None => format!(
            "vote recorded; still {}, {}",
            describe::painted(approval.status),
            approval.panels.iter().map(describe::panel).collect::<Vec<_>>().join(", ")
        ),
    };
    Ok(console.line(&line)?)
}
