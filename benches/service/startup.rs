//! Start-up with very many stored approvals, one in a hundred pending: from starting the process to its first line,
//! and to the first answered call. sled reads the log that was written since it was last opened, and then writes a
//! snapshot: so the first start after filling reads everything, and the second, after a kill, almost nothing.

use std::time::{Duration, Instant};

use signoff::proto::v1 as pb;

use crate::{
    Outcome, Sizes,
    scratch::Scratch,
    server::{Role, Server},
    stored,
    table::{Aim, Figure, Row, Table},
};

/// One in this many is pending.
const PENDING: usize = 100;

const AIM: Aim = Aim::AtMost(Figure::Time(Duration::from_secs(2)));

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let (empty, full) = (Scratch::new()?, Scratch::new()?);
    stored::fill(full.path(), sizes.stored, |n| n % PENDING != 0).await?;
    let (empty_line, empty_call) = start(&empty).await?;
    for written in ["all", "none"] {
        let (line, call) = start(&full).await?;
        let measure = |until: &str| format!("start-up, {} stored, {written} since the last, to {until}", sizes.stored);
        table.add(Row::new(measure("first line"), Figure::Time(line)).against("empty", Figure::Time(empty_line)));
        table.add(
            Row::new(measure("first answer"), Figure::Time(call)).against("empty", Figure::Time(empty_call)).aim(AIM),
        );
    }
    Ok(())
}

/// Time to the first line, and to the first answer.
async fn start(scratch: &Scratch) -> Outcome<(Duration, Duration)> {
    let start = Instant::now();
    let server = Server::signoff(scratch.path(), &[])?;
    for mut client in server.connect(1, Role::Reviewer).await? {
        client.list_pending(pb::ListPendingRequest::default()).await?;
    }
    Ok((server.started_in, start.elapsed()))
}
