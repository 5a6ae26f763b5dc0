use super::{Console, Failure, backend::TokenBackend, table};
use crate::{
    cli::{
        connection::ConnectionArgs,
        rows::{PAGE, View},
        server_time::ServerTime,
        stored::StoredArgs,
    },
    proto::v1::ListTokensRequest,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Show only active tokens
    #[arg(long)]
    active: bool,
    /// Maximum number of tokens to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Read this store, not a running server
    #[command(flatten)]
    stored: StoredArgs,
}

pub(super) async fn run(args: ListArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut backend = TokenBackend::open(&args.stored, false, connection).await?;
    let (mut tokens, mut page_token, mut left) = (Vec::new(), String::new(), args.limit);
    let time = loop {
        let page_size = i32::try_from(left.min(PAGE)).unwrap_or(i32::MAX);
        let answer = backend.list(ListTokensRequest { page_size, page_token, active_only: args.active }).await?;
        let time = ServerTime::of(&answer);
        let page = answer.into_inner();
        left = left.saturating_sub(u32::try_from(page.tokens.len()).unwrap_or(u32::MAX));
        tokens.extend(page.tokens);
        page_token = page.next_page_token;
        if page_token.is_empty() || left == 0 {
            break time;
        }
    };
    if console.json {
        return Ok(tokens.iter().try_for_each(|token| console.message(token))?);
    }
    if tokens.is_empty() {
        return Ok(console.note("no tokens")?);
    }
    console.table(&table(&tokens, View { terminal: console.out_width.is_some(), now: time.now() }))?;
    if !page_token.is_empty() {
        console.note(&format!("there are more; raise --limit ({})", args.limit))?;
    }
    Ok(())
}
