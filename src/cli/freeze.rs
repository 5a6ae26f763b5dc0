//! `signoff freeze`, `thaw` and `freezes`: stop agents in an emergency, and let them go on.

use clap::Args;
use comfy_table::{Cell, Table};
use tonic::Code;
use uuid::Uuid;

use super::{
    connection::{AdminClient, ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    retry::repeat,
    rows::keep_ids_whole,
    text::{escape, moment, shorten},
};
use crate::proto::v1::{Freeze, FreezeRequest, FreezeScope, ListFreezesRequest, ThawRequest, freeze_scope::Scope};

const REASON_WIDTH: usize = 40;

/// Freezes that are told one by one beside other output.
const TOLD: usize = 3;

#[derive(Debug, Args)]
pub struct FreezeArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Why; sent to those whose calls it stops
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeArgs {
    /// Stop every call
    #[arg(long)]
    all: bool,
    /// Stop the calls of this caller, given as ISSUER/SUBJECT
    #[arg(long, value_name = "CALLER")]
    caller: Option<String>,
    /// Stop the calls of the tools that match, for example "sql.*"
    #[arg(long, value_name = "GLOB")]
    tool: Option<String>,
    /// Stop the calls of the agents that say they have this name; not a barrier to an agent that lies
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
pub struct ThawArgs {
    /// The freeze's id or the beginning of it; - for the only one that stands
    #[arg(value_name = "FREEZE_ID")]
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
    Ok(console.note("What was claimed before runs on. `signoff thaw` ends the freeze.")?)
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
    Ok(console.note("Requests that it rejected stay rejected: agents ask again.")?)
}

pub(super) async fn list(connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let response = connection.admin().await?.list_freezes(unary(ListFreezesRequest {})).await?.into_inner();
    if console.json {
        return Ok(response.freezes.iter().try_for_each(|freeze| console.message(freeze))?);
    }
    if response.freezes.is_empty() {
        return Ok(console.note("nothing is frozen")?);
    }
    Ok(console.table(&mut table(&response.freezes))?)
}

/// The freezes that stand, for commands that show something else: none where the caller may not look, or the server
/// does not know freezes.
#[allow(dead_code, reason = "`pending` tells of freezes with it")]
pub(super) async fn standing(connection: &ConnectionArgs) -> Result<Vec<Freeze>, Failure> {
    match connection.admin().await?.list_freezes(unary(ListFreezesRequest {})).await {
        Ok(response) => Ok(response.into_inner().freezes),
        Err(status) if matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) => Ok(Vec::new()),
        Err(status) => Err(status.into()),
    }
}

/// Lines that say what is frozen; none when nothing is.
pub(super) fn warnings(freezes: &[Freeze]) -> Vec<String> {
    let more = freezes.len().saturating_sub(TOLD);
    let more = (more > 0).then(|| format!("FROZEN: {more} more; see `signoff freezes`"));
    freezes.iter().take(TOLD).map(warning).chain(more).collect()
}

fn warning(freeze: &Freeze) -> String {
    let (scope, by) = (scope_of(freeze), describe::actor(freeze.frozen_by.as_ref()));
    let text = format!("FROZEN: {scope}, by {by} since {}", moment(freeze.freeze_time.as_ref()));
    if freeze.reason.is_empty() { text } else { format!("{text}: {}", shorten(&freeze.reason, REASON_WIDTH)) }
}

fn scope_of(freeze: &Freeze) -> String {
    match freeze.scope.as_ref().and_then(|scope| scope.scope.as_ref()) {
        Some(Scope::All(_)) => "all calls".to_owned(),
        Some(Scope::Caller(caller)) => format!("calls of the caller {}", escape(caller)),
        Some(Scope::Tool(tool)) => format!("calls of the tool {}", escape(tool)),
        Some(Scope::Agent(agent)) => format!("calls of the agent {}", escape(agent)),
        None => "calls that this version cannot name".to_owned(),
    }
}

fn table(freezes: &[Freeze]) -> Table {
    let mut table = Table::new();
    table.set_header(["ID", "SINCE", "FROZEN", "BY", "REASON"]);
    for freeze in freezes {
        table.add_row([
            Cell::new(escape(&freeze.id)),
            Cell::new(moment(freeze.freeze_time.as_ref())),
            Cell::new(scope_of(freeze)),
            Cell::new(describe::actor(freeze.frozen_by.as_ref())),
            Cell::new(shorten(&freeze.reason, REASON_WIDTH)),
        ]);
    }
    keep_ids_whole(&mut table);
    table
}

/// The whole id of the freeze that is meant.
async fn resolve(id: String, client: &mut AdminClient) -> Result<String, Failure> {
    if id.parse::<Uuid>().is_ok() {
        return Ok(id);
    }
    let freezes = client.list_freezes(unary(ListFreezesRequest {})).await?.into_inner().freezes;
    let wanted = if id == "-" { "" } else { id.as_str() };
    let meant: Vec<_> = freezes.iter().filter(|freeze| freeze.id.starts_with(wanted)).collect();
    match meant.as_slice() {
        [only] => Ok(only.id.clone()),
        [] if freezes.is_empty() => Err(Failure::Stopped("nothing is frozen".to_owned())),
        [] => Err(Failure::Stopped(format!("no freeze that stands has an id that begins with {}", escape(&id)))),
        several => Err(Failure::Stopped(format!(
            "{} freezes could be meant; give more of the id, as `signoff freezes` shows it",
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
    fn what_is_frozen_is_told_in_a_line_each() {
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
        let mut table = table(&freezes);
        let text = table.force_no_tty().load_style(comfy_table::presets::NOTHING).trim_fmt();
        for part in ["calls of the caller local/a", "calls of the agent bot", "all calls", "0198c0de", "dev/alice"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
