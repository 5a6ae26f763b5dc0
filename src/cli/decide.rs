//! `signoff approve`, `reject` and `cancel`: one decision on one approval, as the user saw it.

use clap::Args;
use uuid::Uuid;

use signoff_client::Client;

use super::{
    arguments,
    connection::{ConnectionArgs, unary},
    console::Console,
    describe, difference,
    failure::Failure,
    ids::{self, Waiting},
    retry::repeat,
    review,
    server_time::ServerTime,
    text::escape,
};
use crate::proto::v1::{
    Approval, ApprovalStatus, CancelApprovalRequest, DecideRequest, GetApprovalRequest, VoteChoice,
    decide_request::Seen,
};

#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    decide: DecideArgs,
    /// Approve with these arguments instead of the requested ones; a JSON object
    #[arg(long, value_name = "JSON|@FILE")]
    edit: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RejectArgs {
    #[command(flatten)]
    decide: DecideArgs,
}

/// Before it approves, the command always shows the whole approval: a list may have redacted or cut its arguments.
/// Without --digest and --revision it also asks, on a terminal.
#[derive(Debug, Args)]
struct DecideArgs {
    #[arg(help = ids::HELP)]
    id: String,
    /// Comment for the requester
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Decide only if the approval has this digest; do not ask
    #[arg(long, value_name = "DIGEST", conflicts_with = "revision")]
    digest: Option<String>,
    /// Decide only if the arguments have not changed since this revision; do not ask
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Show the approval and decide on it without asking
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    #[arg(help = ids::HELP)]
    id: String,
    /// Reason for the cancellation
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
    let seen = args.digest.map(Seen::Digest).or(args.revision.map(Seen::Revision));
    if seen.is_none() && !args.yes && !console.can_ask {
        return Err(Failure::Usage(format!(
            "cannot ask without a terminal: set --digest (or --revision) to {verb} what you reviewed, \
             or --yes to {verb} the current state"
        )));
    }
    // The user cannot have reviewed `-`: it resolves only now.
    if ids::is_only(&args.id) && (seen.is_some() || args.yes) {
        return Err(Failure::Usage(format!("`-` always asks first: to {verb} without a question, give the id")));
    }
    let client = connection.client().await?;
    let approval_id = ids::resolve(&args.id, Waiting::ForMyDecision, &client).await?;
    // Where the user saw the digest, the arguments may have been redacted. To reject them unseen is safe.
    let seen = match seen {
        Some(seen) if choice == VoteChoice::Reject => seen,
        seen => {
            let yes = args.yes || seen.is_some();
            let review = Review { verb, yes, comment: &args.comment, edit: edited_arguments.as_ref() };
            let shown = review.ask(&approval_id, &client, console).await?;
            seen.unwrap_or(shown)
        }
    };
    let request = DecideRequest {
        approval_id,
        request_id: Uuid::new_v4().to_string(),
        choice: choice.into(),
        seen: Some(seen),
        comment: args.comment,
        edited_arguments,
        on_behalf_of: None,
    };
    let mut client = client.approvals();
    let response = repeat(async || client.decide(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    report(response.approval.as_ref(), console)
}

/// The review before a decision.
struct Review<'a> {
    verb: &'static str,
    yes: bool,
    comment: &'a str,
    edit: Option<&'a prost_types::Struct>,
}

impl Review<'_> {
    /// Shows the approval, and asks unless the options say yes. Returns the digest that was shown.
    async fn ask(&self, id: &str, client: &Client, console: &mut Console) -> Result<Seen, Failure> {
        let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: true };
        let answer = client.approvals().get_approval(unary(request)).await?;
        let mut time = ServerTime::of(&answer);
        let response = answer.into_inner();
        let Some(approval) = response.approval else { return Err(Failure::Protocol("no approval")) };
        time.follow(&approval);
        if let Some(decision) = approval.decision.as_ref().filter(|_| !is_pending(&approval)) {
            return Err(Failure::Stopped(format!("already {}", describe::plain_decision(decision))));
        }
        // The decision names the digest, so it must be the digest of the arguments that are shown.
        let arguments = approval.arguments.clone().unwrap_or_default();
        if signoff_client::digest(&approval.tool_name, &arguments) != approval.digest {
            return Err(Failure::Protocol("the digest does not match the tool and its arguments"));
        }
        console.note(&review::field("Approval", &escape(&approval.id)))?;
        let lines = review::subject(&approval, &response.events);
        for line in lines.into_iter().chain(review::standing(&approval, time.now())) {
            console.note(&line)?;
        }
        console.note(&review::field("Digest", &escape(&approval.digest)))?;
        if let Some(edit) = self.edit {
            self.show_edit(&approval, edit, console)?;
        }
        if approval.comment_required && self.comment.is_empty() {
            return Err(Failure::Usage(format!(
                "the policy requires a comment: set --comment to {} the call",
                self.verb
            )));
        }
        if !self.yes && !console.confirm(&format!("{} this?", self.verb))? {
            return Err(Failure::Stopped("not decided".to_owned()));
        }
        Ok(Seen::Digest(approval.digest))
    }

    fn show_edit(&self, approval: &Approval, edit: &prost_types::Struct, console: &mut Console) -> Result<(), Failure> {
        if !approval.edits_allowed {
            return Err(Failure::Stopped("the policy does not allow edits to this call".to_owned()));
        }
        let changes = difference::lines(approval.arguments.as_ref(), Some(edit), ["as shown", "as you edit it"]);
        if changes.is_empty() {
            return Err(Failure::Usage("--edit changes nothing: the arguments are already the same".to_owned()));
        }
        console.note("Your edit")?;
        Ok(review::indented(changes).try_for_each(|line| console.note(&line))?)
    }
}

pub(super) async fn cancel(
    args: CancelArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let client = connection.client().await?;
    let approval_id = ids::resolve(&args.id, Waiting::Mine, &client).await?;
    let request = CancelApprovalRequest { approval_id, request_id: Uuid::new_v4().to_string(), reason: args.reason };
    let mut client = client.approvals();
    let response = repeat(async || client.cancel_approval(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    report(response.approval.as_ref(), console)
}

fn is_pending(approval: &Approval) -> bool {
    approval.status == i32::from(ApprovalStatus::Pending)
}

/// Prints the status of the approval after the call.
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
