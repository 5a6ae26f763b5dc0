//! `signoff token`: the server's tokens, through a running server or in the data directory of a stopped one.

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

/// The subcommands of `signoff token`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print its secret, which is shown only once
    Create(Box<create::CreateArgs>),
    /// List tokens, newest first
    List(list::ListArgs),
    /// Revoke a token: the server rejects its calls and ends its open streams
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
        Column::at_least(12, "ON BEHALF OF"),
        Column::at_least(12, "ROLES"),
        Column::at_least(8, "GROUPS"),
        Column::whole("STATE"),
        Column::whole(view.header("EXPIRES IN", "EXPIRES")),
        Column::whole(view.header("USED AGO", "LAST USED")),
        Column::at_least(12, "CREATOR"),
        Column::detail(16, "COMMENT"),
    ]);
    let ids = view.ids(tokens.iter().map(|token| token.token_id.as_str()));
    for (token, id) in tokens.iter().zip(ids) {
        let active = token.state == i32::from(TokenState::Active);
        let end = match &token.expire_time {
            Some(end) if active || !view.terminal => view.until(Some(end)),
            Some(_) => Cell::default(),
            None => "never".into(),
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
            describe::actor(token.creator.as_ref()).into(),
            escape(&token.comment).into(),
        ]);
    }
    table
}

/// The roles and permissions of a token, and the people it may decide for.
fn grants(token: &Token) -> String {
    let roles = token.roles.iter().map(|role| describe::role(*role));
    let permissions = token.permissions.iter().map(|it| describe::permission(*it));
    let grants = roles.chain(permissions).map(|name| name.to_lowercase());
    let scope = token.decides_for.as_ref().map(|scope| format!("decides for {}", describe::decides_for(scope)));
    grants.chain(scope).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Actor, ActorKind};

    #[test]
    fn a_row_names_the_owner_and_the_creator() {
        let local = |subject: &str| {
            Some(Actor { kind: ActorKind::Person.into(), issuer: "local".to_owned(), subject: subject.to_owned() })
        };
        let token = Token { owner: local("mailer"), creator: local("ol\u{202e}ga"), ..Token::default() };
        let view = View { terminal: false, now: chrono::DateTime::UNIX_EPOCH };
        let lines = table(&[token], view).lines(None);
        let column = lines[0].find("CREATOR").unwrap();
        assert!(lines[1][column..].starts_with("local/ol\\u{202e}ga "), "{lines:?}");
        assert!(lines[1].contains("local/mailer"), "{lines:?}");
    }
}
