use super::{Console, Failure, backend::TokenBackend};
use crate::{
    cli::{
        connection::ConnectionArgs,
        describe,
        ids::{self, Prefix},
        rows::PAGE,
        stored::StoredArgs,
        text::{escape, moment},
    },
    proto::v1::{ListTokensRequest, RevokeTokenRequest},
};

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// Id of the token, or at least its first 8 characters; not the secret
    #[arg(value_name = "ID")]
    token_id: String,
    /// Revoke the token in this store, not through a running server
    #[command(flatten)]
    stored: StoredArgs,
}

pub(super) async fn run(args: RevokeArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut backend = TokenBackend::open(&args.stored, false, connection).await?;
    let token_id = resolve(args.token_id, &mut backend).await?;
    let revoked = backend.revoke(RevokeTokenRequest { token_id }).await?;
    if console.json {
        return Ok(console.message(&revoked)?);
    }
    let token = revoked.token.ok_or(Failure::Protocol("no token"))?;
    let (id, owner) = (escape(&token.token_id), describe::actor(token.owner.as_ref()));
    Ok(console.line(&format!("revoked: {id} of {owner}, at {}", moment(token.revoke_time.as_ref())))?)
}

/// Resolves the first characters of a token's id, as lists show them on a terminal.
async fn resolve(given: String, backend: &mut TokenBackend) -> Result<String, Failure> {
    let Some(prefix) = Prefix::parse(&given)? else { return Ok(given) };
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListTokensRequest { page_size: PAGE.cast_signed(), page_token, active_only: false };
        let page = backend.list(request).await?.into_inner();
        found.extend(page.tokens.into_iter().filter(|token| prefix.is_of(&token.token_id)).map(|token| {
            let line = format!("{}  {}", escape(&token.token_id), describe::actor(token.owner.as_ref()));
            (token.token_id, line)
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let what = format!("ids of tokens that begin with {given}");
    ids::one(found, &what, || format!("no token has an id that begins with {given}"))
}
