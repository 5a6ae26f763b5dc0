//! `signoff session`: sessions of people who signed in at the desk.

use uuid::Uuid;

use super::{
    connection::{AdminClient, ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    ids::{self, Prefix},
    retry::repeat,
    rows::{PAGE, View},
    server_time::ServerTime,
    subject::SubjectArgs,
    table::{Cell, Column, Table},
    text::escape,
};
use crate::proto::v1::{EndSessionsRequest, ListSessionsRequest, Session, SessionState, end_sessions_request::Scope};

/// The subcommands of `signoff session`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum SessionCommand {
    /// List sessions of people at the desk, newest first
    List(ListArgs),
    /// End sessions: the server rejects their cookies and ends their open pages
    End(EndArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Show only active sessions
    #[arg(long)]
    active: bool,
    /// Maximum number of sessions to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct EndArgs {
    /// Id of the session, or at least its first 8 characters
    #[arg(value_name = "ID")]
    session_id: Option<String>,
    /// End all sessions of this person, as `signoff session list` shows the name
    #[arg(long, num_args = 2, value_names = ["ISSUER", "SUBJECT"])]
    person: Option<Vec<String>>,
    /// End every session
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(
    command: SessionCommand,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    match command {
        SessionCommand::List(args) => list(args, connection, console).await,
        SessionCommand::End(args) => end(args, connection, console).await,
    }
}

async fn list(args: ListArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    let (mut sessions, mut page_token, mut left) = (Vec::new(), String::new(), args.limit);
    let time = loop {
        let page_size = i32::try_from(left.min(PAGE)).unwrap_or(i32::MAX);
        let request = ListSessionsRequest { page_size, page_token, active_only: args.active };
        let answer = client.list_sessions(unary(request)).await?;
        let time = ServerTime::of(&answer);
        let page = answer.into_inner();
        left = left.saturating_sub(u32::try_from(page.sessions.len()).unwrap_or(u32::MAX));
        sessions.extend(page.sessions);
        page_token = page.next_page_token;
        if page_token.is_empty() || left == 0 {
            break time;
        }
    };
    if console.json {
        return Ok(sessions.iter().try_for_each(|session| console.message(session))?);
    }
    if sessions.is_empty() {
        return Ok(console.note("no sessions")?);
    }
    console.table(&table(&sessions, View { terminal: console.out_width.is_some(), now: time.now() }))?;
    if !page_token.is_empty() {
        console.note(&format!("there are more; raise --limit ({})", args.limit))?;
    }
    Ok(())
}

async fn end(args: EndArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    let scope = match (args.session_id, args.person) {
        (Some(id), _) => Scope::SessionId(resolve(id, &mut client).await?),
        (None, Some(names)) => Scope::Person(SubjectArgs::of(names).message()),
        (None, None) => Scope::All(true),
    };
    let request = EndSessionsRequest { request_id: Uuid::new_v4().to_string(), scope: Some(scope) };
    let response = repeat(async || client.end_sessions(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let count = response.ended_count;
    console.line(&format!("ended: {count} {}", if count == 1 { "session" } else { "sessions" }))?;
    Ok(console.note("These people can sign in again. `signoff subject block` keeps a person out.")?)
}

fn table(sessions: &[Session], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("ID"),
        Column::at_least(12, "PERSON"),
        Column::at_least(8, "ROLES"),
        Column::at_least(8, "GROUPS"),
        Column::whole("STATE"),
        Column::whole(view.header("AGE", "SIGNED IN")),
        Column::whole(view.header("USED AGO", "LAST USED")),
        Column::whole(view.header("EXPIRES IN", "EXPIRES")),
        Column::detail(12, "ENDED BY"),
    ]);
    let ids = view.ids(sessions.iter().map(|session| session.session_id.as_str()));
    for (session, id) in sessions.iter().zip(ids) {
        let active = session.state == i32::from(SessionState::Active);
        let end = match &session.expire_time {
            Some(end) if active || !view.terminal => view.until(Some(end)),
            _ => Cell::default(),
        };
        let roles = session.roles.iter().map(|role| describe::role(*role).to_lowercase());
        table.row([
            id,
            describe::actor(session.person.as_ref()).into(),
            roles.collect::<Vec<_>>().join(", ").into(),
            session.groups.iter().map(|group| escape(group)).collect::<Vec<_>>().join(", ").into(),
            describe::session_state(session.state).into(),
            view.ago(session.create_time.as_ref()),
            view.ago(session.last_use_time.as_ref()),
            end,
            session.ended_by.as_ref().map_or_else(String::new, |by| describe::actor(Some(by))).into(),
        ]);
    }
    table
}

/// Resolves the first characters of a session's id, as lists show them on a terminal.
async fn resolve(given: String, client: &mut AdminClient) -> Result<String, Failure> {
    let Some(prefix) = Prefix::parse(&given)? else { return Ok(given) };
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListSessionsRequest { page_size: PAGE.cast_signed(), page_token, active_only: false };
        let page = client.list_sessions(unary(request)).await?.into_inner();
        found.extend(page.sessions.into_iter().filter(|session| prefix.is_of(&session.session_id)).map(|session| {
            let line = format!("{}  {}", escape(&session.session_id), describe::actor(session.person.as_ref()));
            (session.session_id, line)
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let what = format!("ids of sessions that begin with {given}");
    ids::one(found, &what, || format!("no session has an id that begins with {given}"))
}
