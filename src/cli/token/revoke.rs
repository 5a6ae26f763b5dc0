use std::path::PathBuf;

use super::{Console, Failure, backend::TokenBackend};
use crate::{
    cli::{
        connection::ConnectionArgs,
        describe,
        text::{escape, moment},
    },
    proto::v1::RevokeTokenRequest,
};

#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// The token's id, not its secret
    #[arg(value_name = "ID")]
    token_id: String,
    /// Work in this data directory, of a server that is not running, in place of asking a server
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) async fn run(args: RevokeArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let request = RevokeTokenRequest { token_id: args.token_id };
    let revoked = TokenBackend::open(args.data_dir.as_deref(), false, connection).await?.revoke(request).await?;
    if console.json {
        return Ok(console.message(&revoked)?);
    }
    let token = revoked.token.ok_or(Failure::Protocol("no token"))?;
    let (id, owner) = (escape(&token.token_id), describe::actor(token.owner.as_ref()));
    Ok(console.line(&format!("revoked: {id} of {owner}, at {}", moment(token.revoke_time.as_ref())))?)
}
