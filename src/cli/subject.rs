//! `signoff subject`: keep people and programs out, whatever credentials they have.

use uuid::Uuid;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    retry::repeat,
    rows::View,
    server_time::ServerTime,
    table::{Column, Table},
    text::escape,
};
use crate::proto::v1::{
    BlockSubjectRequest, BlockedSubject, ListBlockedSubjectsRequest, Subject, UnblockSubjectRequest,
};

/// The subcommands of `signoff subject`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum SubjectCommand {
    /// Block a person or a program: the server rejects its credentials and ends its sessions and streams
    Block(BlockArgs),
    /// Unblock a person or a program; its credentials are valid again
    Unblock(SubjectArgs),
    /// List blocked people and programs, oldest block first
    List,
}

/// A name at an authority. Two arguments, because both can contain a `/`.
#[derive(Debug, clap::Args)]
pub(super) struct SubjectArgs {
    /// Authority of the name: the issuer of the OpenID provider, `local` for tokens of the server, or `certificate`
    #[arg(value_name = "ISSUER")]
    issuer: String,
    /// Name at that authority, as `signoff whoami` and `signoff session list` show it
    #[arg(value_name = "SUBJECT")]
    subject: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct BlockArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Reason, for other operators
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

impl SubjectArgs {
    /// From the two values of an option.
    pub(super) fn of(names: Vec<String>) -> Self {
        let mut names = names.into_iter();
        let mut next = || names.next().unwrap_or_default();
        Self { issuer: next(), subject: next() }
    }

    pub(super) fn message(self) -> Subject {
        let Self { issuer, subject } = self;
        Subject { issuer, subject }
    }
}

pub(super) async fn run(
    command: SubjectCommand,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    match command {
        SubjectCommand::Block(args) => block(args, connection, console).await,
        SubjectCommand::Unblock(args) => unblock(args, connection, console).await,
        SubjectCommand::List => list(connection, console).await,
    }
}

async fn block(args: BlockArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    let (request_id, subject, reason) = (Uuid::new_v4().to_string(), args.subject.message(), args.reason);
    let request = BlockSubjectRequest { request_id, subject: Some(subject), reason };
    let response = repeat(async || client.block_subject(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let block = response.block.ok_or(Failure::Protocol("no block"))?;
    let by = describe::actor(block.blocked_by.as_ref());
    console.line(&format!("blocked: {}, by {by}, block {}", name_of(&block), escape(&block.block_id)))?;
    Ok(console.note("Its sessions and streams have ended. Decisions that it made before stay.")?)
}

async fn unblock(args: SubjectArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    let request = UnblockSubjectRequest { request_id: Uuid::new_v4().to_string(), subject: Some(args.message()) };
    let response = repeat(async || client.unblock_subject(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let block = response.block.ok_or(Failure::Protocol("no block"))?;
    console.line(&format!("unblocked: {}, block {}", name_of(&block), escape(&block.block_id)))?;
    Ok(console.note("Its credentials are valid again; its sessions stay ended.")?)
}

async fn list(connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let answer = connection.admin().await?.list_blocked_subjects(unary(ListBlockedSubjectsRequest {})).await?;
    let now = ServerTime::of(&answer).now();
    let response = answer.into_inner();
    if console.json {
        return Ok(response.blocks.iter().try_for_each(|block| console.message(block))?);
    }
    if response.blocks.is_empty() {
        return Ok(console.note("nobody is blocked")?);
    }
    Ok(console.table(&table(&response.blocks, View { terminal: console.out_width.is_some(), now }))?)
}

/// The two names apart, as the commands take them.
fn name_of(block: &BlockedSubject) -> String {
    let Subject { issuer, subject } = block.subject.clone().unwrap_or_default();
    format!("{} {}", escape(&issuer), escape(&subject))
}

fn table(blocks: &[BlockedSubject], view: View) -> Table {
    let mut table = Table::new(&[
        Column::at_least(12, "ISSUER"),
        Column::at_least(12, "SUBJECT"),
        Column::whole(view.header("AGE", "SINCE")),
        Column::at_least(12, "BY"),
        Column::detail(24, "REASON"),
    ]);
    for block in blocks {
        let Subject { issuer, subject } = block.subject.clone().unwrap_or_default();
        table.row([
            escape(&issuer).into(),
            escape(&subject).into(),
            view.ago(block.block_time.as_ref()),
            describe::actor(block.blocked_by.as_ref()).into(),
            escape(&block.reason).into(),
        ]);
    }
    table
}
