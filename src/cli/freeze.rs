//! `signoff freeze`, `thaw` and `freezes`: stop agents in an emergency, and let them continue.

use clap::Args;
use signoff_client::Client;
use tonic::Code;
use uuid::Uuid;

use super::{
    connection::{AdminClient, ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    retry::repeat,
    rows::View,
    server_time::ServerTime,
    table::{Column, Table},
    text::{escape, moment},
};
use crate::proto::v1::{Freeze, FreezeRequest, FreezeScope, ListFreezesRequest, ThawRequest, freeze_scope::Scope};

/// Maximum number of freezes that other commands list one by one.
const LISTED: usize = 3;

#[derive(Debug, Args)]
pub(super) struct FreezeArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Reason; sent to the callers that the freeze stops
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeArgs {
    /// Stop every call
    #[arg(long)]
    all: bool,
    /// Stop the calls of this caller (ISSUER/SUBJECT)
    #[arg(long, value_name = "CALLER")]
    caller: Option<String>,
    /// Stop the calls of matching tools, for example "sql.*"
    #[arg(long, value_name = "GLOB")]
    tool: Option<String>,
    /// Stop the calls of agents with this name; agents report their own name, so a malicious agent can evade this
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

impl ScopeArgs {
    fn message(self) -> FreezeScope {
        let Self { all: _, caller, tool, agent } = self;
        let named = caller.map(Scope::Caller).or(tool.map(Scope::Tool)).or(agent.map(Scope::Agent));
        FreezeScope { scope: Some(named.unwrap_or(Scope::All(true))) }
    }
}

#[derive(Debug, Args)]
pub(super) struct ThawArgs {
    /// Id of the freeze or its first characters, or - for the only active freeze
    #[arg(value_name = "FREEZE_ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
}

pub(super) async fn freeze(
    args: FreezeArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    let (scope, reason) = (Some(args.scope.message()), args.reason);
    let request = FreezeRequest { request_id: Uuid::new_v4().to_string(), scope, reason };
    let response = repeat(async || client.freeze(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let freeze = response.freeze.ok_or(Failure::Protocol("no freeze"))?;
    console.line(&format!("frozen: {}, freeze {}", scope_of(&freeze), escape(&freeze.id)))?;
    Ok(console.note("Calls that were already claimed keep running. `signoff thaw` ends the freeze.")?)
}

pub(super) async fn thaw(args: ThawArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    let freeze_id = resolve(args.id, &mut client).await?;
    let request = ThawRequest { request_id: Uuid::new_v4().to_string(), freeze_id };
    let response = repeat(async || client.thaw(unary(request.clone())).await).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let freeze = response.freeze.ok_or(Failure::Protocol("no freeze"))?;
    console.line(&format!("thawed: {}, freeze {}", scope_of(&freeze), escape(&freeze.id)))?;
    Ok(console.note("Requests that the freeze rejected stay rejected; agents must ask again.")?)
}

pub(super) async fn list(connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let answer = connection.admin().await?.list_freezes(unary(ListFreezesRequest {})).await?;
    let now = ServerTime::of(&answer).now();
    let response = answer.into_inner();
    if console.json {
        return Ok(response.freezes.iter().try_for_each(|freeze| console.message(freeze))?);
    }
    if response.freezes.is_empty() {
        return Ok(console.note("nothing is frozen")?);
    }
    Ok(console.table(&table(&response.freezes, View { terminal: console.out_width.is_some(), now }))?)
}

/// The active freezes, for commands that show something else. Empty if the caller may not list them, or the server is
/// too old.
pub(super) async fn standing(client: &Client) -> Result<Vec<Freeze>, Failure> {
    match client.admin().list_freezes(unary(ListFreezesRequest {})).await {
        Ok(response) => Ok(response.into_inner().freezes),
        Err(status) if matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) => Ok(Vec::new()),
        Err(status) => Err(status.into()),
    }
}

/// A warning for each active freeze.
pub(super) fn warnings(freezes: &[Freeze]) -> Vec<String> {
    let more = freezes.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("FROZEN: {more} more; see `signoff freezes`"));
    freezes.iter().take(LISTED).map(warning).chain(more).collect()
}

fn warning(freeze: &Freeze) -> String {
    let (scope, by) = (scope_of(freeze), describe::actor(freeze.frozen_by.as_ref()));
    let text = format!("FROZEN: {scope}, by {by} since {}", moment(freeze.freeze_time.as_ref()));
    if freeze.reason.is_empty() { text } else { format!("{text}: {}", escape(&freeze.reason)) }
}

fn scope_of(freeze: &Freeze) -> String {
    match freeze.scope.as_ref().and_then(|scope| scope.scope.as_ref()) {
        Some(Scope::All(_)) => "all calls".to_owned(),
        Some(Scope::Caller(caller)) => format!("calls of the caller {}", escape(caller)),
        Some(Scope::Tool(tool)) => format!("calls of the tool {}", escape(tool)),
        Some(Scope::Agent(agent)) => format!("calls of the agent {}", escape(agent)),
        None => "unknown scope".to_owned(),
    }
}

fn table(freezes: &[Freeze], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("ID"),
        Column::whole(view.header("AGE", "SINCE")),
        Column::at_least(16, "FROZEN"),
        Column::at_least(12, "BY"),
        Column::detail(24, "REASON"),
    ]);
    let ids = view.ids(freezes.iter().map(|freeze| freeze.id.as_str()));
    for (id, freeze) in ids.into_iter().zip(freezes) {
        table.row([
            id,
            view.ago(freeze.freeze_time.as_ref()),
            scope_of(freeze).into(),
            describe::actor(freeze.frozen_by.as_ref()).into(),
            escape(&freeze.reason).into(),
        ]);
    }
    table
}

/// Resolves the first characters of a freeze's id, or `-`.
async fn resolve(id: String, client: &mut AdminClient) -> Result<String, Failure> {
    if id.parse::<Uuid>().is_ok() {
        return Ok(id);
    }
    let freezes = client.list_freezes(unary(ListFreezesRequest {})).await?.into_inner().freezes;
    let wanted = if id == "-" { "" } else { id.as_str() };
    let matching: Vec<_> = freezes.iter().filter(|freeze| freeze.id.starts_with(wanted)).collect();
    match matching.as_slice() {
        [only] => Ok(only.id.clone()),
        [] if freezes.is_empty() => Err(Failure::Stopped("nothing is frozen".to_owned())),
        [] => Err(Failure::Stopped(format!("no active freeze has an id that begins with {}", escape(&id)))),
        several => Err(Failure::Stopped(format!(
            "{} active freezes match; give more of the id (see `signoff freezes`)",
            several.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Actor, ActorKind};

    fn frozen(scope: Scope, reason: &str) -> Freeze {
        let frozen_by = Actor { kind: ActorKind::Person.into(), issuer: "dev".to_owned(), subject: "alice".to_owned() };
        Freeze {
            id: "0198c0de".to_owned(),
            scope: Some(FreezeScope { scope: Some(scope) }),
            reason: reason.to_owned(),
            frozen_by: Some(frozen_by),
            freeze_time: Some(prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 }),
        }
    }

    #[test]
    fn each_freeze_is_a_line() {
        assert_eq!(warnings(&[]), [""; 0]);
        let all = frozen(Scope::All(true), "incident\u{202e} 12");
        let line = "FROZEN: all calls, by dev/alice since 2026-01-01T00:00:00Z: incident\\u{202e} 12";
        assert_eq!(warnings(std::slice::from_ref(&all)), [line]);
        let tool = warnings(&[frozen(Scope::Tool("sql.*".into()), "")]);
        assert_eq!(tool, ["FROZEN: calls of the tool sql.*, by dev/alice since 2026-01-01T00:00:00Z"]);
        let many = warnings(&vec![all; 5]);
        assert_eq!((many.len(), many[3].as_str()), (4, "FROZEN: 2 more; see `signoff freezes`"));
    }

    #[test]
    fn a_table_names_scopes() {
        let scopes = [Scope::Caller("local/a".into()), Scope::Agent("bot".into()), Scope::All(true)];
        let freezes: Vec<_> = scopes.into_iter().map(|scope| frozen(scope, "r")).collect();
        let view = View { terminal: false, now: chrono::DateTime::UNIX_EPOCH };
        let text = table(&freezes, view).lines(None).join("\n");
        for part in ["calls of the caller local/a", "calls of the agent bot", "all calls", "0198c0de", "dev/alice"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
