use comfy_table::{Cell, Table};

use super::{Console, Failure};
use crate::{
    cli::{
        connection::{ConnectionArgs, unary},
        describe,
        text::{moment, shorten},
    },
    proto::v1::{ListPolicyVersionsRequest, PolicyVersion},
};

const COMMENT_WIDTH: usize = 60;
const PAGE: u32 = 200;

#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// Print at most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: &HistoryArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.policies().await?;
    let (mut versions, mut page_token, mut left) = (Vec::new(), String::new(), args.limit);
    loop {
        let page_size = i32::try_from(left.min(PAGE)).unwrap_or(i32::MAX);
        let request = ListPolicyVersionsRequest { page_size, page_token };
        let page = client.list_policy_versions(unary(request)).await?.into_inner();
        left = left.saturating_sub(u32::try_from(page.versions.len()).unwrap_or(u32::MAX));
        versions.extend(page.versions);
        page_token = page.next_page_token;
        if page_token.is_empty() || left == 0 {
            break;
        }
    }
    if console.json {
        return Ok(versions.iter().try_for_each(|version| console.message(version))?);
    }
    if versions.is_empty() {
        return Ok(console.note("no policy was set: the built-in one asks for every call")?);
    }
    Ok(console.table(&mut table(&versions))?)
}

fn table(versions: &[PolicyVersion]) -> Table {
    let mut table = Table::new();
    table.set_header(["VERSION", "SET AT", "BY", "COMMENT"]);
    for version in versions {
        table.add_row([
            Cell::new(version.version),
            Cell::new(moment(version.create_time.as_ref())),
            Cell::new(describe::actor(version.author.as_ref())),
            Cell::new(shorten(&version.comment, COMMENT_WIDTH)),
        ]);
    }
    table
}
