//! `signoff token`: the server's own tokens, through a running server or in the data directory of a stopped one.

mod backend;
mod create;
mod list;
mod revoke;

use super::{
    connection::ConnectionArgs,
    console::Console,
    describe,
    failure::Failure,
    rows::View,
    table::{Cell, Column, Table},
    text::escape,
};
use crate::proto::v1::{Token, TokenState};

/// What to do with tokens.
#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {
    /// Make a token and print its secret, which is shown this once
    Create(Box<create::CreateArgs>),
    /// List tokens, the newest first
    List(list::ListArgs),
    /// Take a token back: calls with it are refused, and its open streams end
    Revoke(revoke::RevokeArgs),
}

pub(super) async fn run(
    command: TokenCommand,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create::run(*args, connection, console).await,
        TokenCommand::List(args) => list::run(args, connection, console).await,
        TokenCommand::Revoke(args) => revoke::run(args, connection, console).await,
    }
}

fn table(tokens: &[Token], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("ID"),
        Column::at_least(12, "OWNER"),
        Column::at_least(12, "FOR"),
        Column::at_least(12, "ROLES"),
        Column::at_least(8, "GROUPS"),
        Column::whole("STATE"),
        Column::whole(view.header("GOOD FOR", "EXPIRES")),
        Column::whole(view.header("USED AGO", "LAST USED")),
        Column::detail(16, "COMMENT"),
    ]);
    let ids = view.ids(tokens.iter().map(|token| token.token_id.as_str()));
    for (token, id) in tokens.iter().zip(ids) {
        let active = token.state == i32::from(TokenState::Active);
        let end = match &token.expire_time {
            Some(end) if active || !view.terminal => view.until(Some(end)),
            Some(_) => Cell::default(),
            None => "unlimited".into(),
        };
        table.row([
            id,
            describe::actor(token.owner.as_ref()).into(),
            describe::actor(token.on_behalf_of.as_ref()).into(),
            grants(token).into(),
            token.groups.iter().map(|group| escape(group)).collect::<Vec<_>>().join(", ").into(),
            describe::token_state(token.state).into(),
            end,
            view.ago(token.last_use_time.as_ref()),
            escape(&token.comment).into(),
        ]);
    }
    table
}

/// Roles and permissions, and for whom it decides.
fn grants(token: &Token) -> String {
    let roles = token.roles.iter().map(|role| describe::role(*role));
    let permissions = token.permissions.iter().map(|it| describe::permission(*it));
    let grants = roles.chain(permissions).map(|name| name.to_lowercase());
    let scope = token.decides_for.as_ref().map(|scope| format!("decides for {}", describe::decides_for(scope)));
    grants.chain(scope).collect::<Vec<_>>().join(", ")
}
