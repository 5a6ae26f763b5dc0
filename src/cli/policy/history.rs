use super::{Console, Failure};
use crate::{
    cli::{
        connection::{ConnectionArgs, unary},
        describe,
        rows::{PAGE, View},
        server_time::ServerTime,
        table::{Column, Table},
        text::escape,
    },
    proto::v1::{ListPolicyVersionsRequest, PolicyVersion},
};

#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// Maximum number of versions to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: &HistoryArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.policies().await?;
    let (mut versions, mut page_token, mut left) = (Vec::new(), String::new(), args.limit);
    let time = loop {
        let page_size = i32::try_from(left.min(PAGE)).unwrap_or(i32::MAX);
        let request = ListPolicyVersionsRequest { page_size, page_token };
        let answer = client.list_policy_versions(unary(request)).await?;
        let time = ServerTime::of(&answer);
        let page = answer.into_inner();
        left = left.saturating_sub(u32::try_from(page.versions.len()).unwrap_or(u32::MAX));
        versions.extend(page.versions);
        page_token = page.next_page_token;
        if page_token.is_empty() || left == 0 {
            break time;
        }
    };
    if console.json {
        return Ok(versions.iter().try_for_each(|version| console.message(version))?);
    }
    if versions.is_empty() {
        return Ok(console.note("no policy is set; the built-in policy requires approval for every call")?);
    }
    console.table(&table(&versions, View { terminal: console.out_width.is_some(), now: time.now() }))?;
    if !page_token.is_empty() {
        console.note(&format!("there are more; raise --limit ({})", args.limit))?;
    }
    Ok(())
}

fn table(versions: &[PolicyVersion], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("VERSION"),
        Column::whole(view.header("AGE", "SET AT")),
        Column::at_least(12, "BY"),
        Column::detail(24, "COMMENT"),
    ]);
    for version in versions {
        table.row([
            version.version.to_string().into(),
            view.ago(version.create_time.as_ref()),
            describe::actor(version.author.as_ref()).into(),
            escape(&version.comment).into(),
        ]);
    }
    table
}
