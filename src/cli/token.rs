//! `signoff token`: the server's own tokens, through a running server or in the data directory of a stopped one.

mod backend;
mod create;
mod list;
mod revoke;

use comfy_table::{Cell, Table};

use super::{
    connection::ConnectionArgs,
    console::Console,
    describe,
    failure::Failure,
    text::{escape, moment, shorten},
};
use crate::proto::v1::Token;

const COMMENT_WIDTH: usize = 40;

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

fn table(tokens: &[Token]) -> Table {
    let mut table = Table::new();
    table.set_header(["ID", "OWNER", "FOR", "ROLES", "GROUPS", "STATE", "EXPIRES", "LAST USED", "COMMENT"]);
    for token in tokens {
        let expires = token.expire_time.as_ref().map_or_else(|| "never".to_owned(), |end| moment(Some(end)));
        table.add_row([
            Cell::new(escape(&token.token_id)),
            Cell::new(describe::actor(token.owner.as_ref())),
            Cell::new(describe::actor(token.on_behalf_of.as_ref())),
            Cell::new(grants(token)),
            Cell::new(token.groups.iter().map(|group| escape(group)).collect::<Vec<_>>().join(", ")),
            Cell::new(describe::token_state(token.state)),
            Cell::new(expires),
            Cell::new(moment(token.last_use_time.as_ref())),
            Cell::new(shorten(&token.comment, COMMENT_WIDTH)),
        ]);
    }
    super::rows::keep_ids_whole(&mut table);
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
