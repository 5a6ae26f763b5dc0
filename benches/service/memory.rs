//! Server memory per open stream: the growth of the process's resident memory by many waiting RequestApproval streams,
//! divided by their number. It includes the store's cache of their approvals.

use tokio::task::JoinSet;
use tonic::Streaming;

use crate::{
    Outcome, Sizes, payload,
    requests::first_update,
    scratch::Scratch,
    server::{Client, Role, Server},
    table::{Aim, Figure, Row, Table},
};

/// Connections that the streams share.
const CONNECTIONS: usize = 10;

/// Streams that are opened concurrently on each connection.
const OPENING: usize = 16;

/// 20 KiB.
const AIM: Aim = Aim::AtMost(Figure::Bytes(20.0 * 1024.0));

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let bare = per_stream(&Server::bare()?, sizes.streams).await?;
    let scratch = Scratch::new()?;
    let server = Server::signoff(scratch.path(), &[])?;
    let served = per_stream(&server, sizes.streams).await?;
    table.add(
        Row::new(format!("memory per open stream, {} open", sizes.streams), Figure::Bytes(served))
            .against("bare tonic", Figure::Bytes(bare))
            .aim(AIM),
    );
    Ok(())
}

/// Bytes per stream.
async fn per_stream(server: &Server, count: usize) -> Outcome<f64> {
    let clients = server.connect(CONNECTIONS, Role::Agent).await?;
    let mut opened = Vec::new();
    for client in &clients {
        opened.push(open(client.clone()).await?); // what the first stream of a connection costs is not per stream
    }
    let before = server.resident()?;
    let mut opening = JoinSet::new();
    for n in 0..CONNECTIONS * OPENING {
        let client = clients[n % CONNECTIONS].clone();
        let share = count / (CONNECTIONS * OPENING) + usize::from(n < count % (CONNECTIONS * OPENING));
        opening.spawn(async move {
            let mut streams = Vec::with_capacity(share);
            for _ in 0..share {
                streams.push(open(client.clone()).await?);
            }
            Outcome::Ok(streams)
        });
    }
    while let Some(streams) = opening.join_next().await {
        opened.extend(streams??);
    }
    let grown = server.resident()? - before;
    #[expect(clippy::cast_precision_loss, reason = "thousands of streams")]
    Ok(grown / count as f64)
}

/// A stream that waits for a decision.
async fn open(mut client: Client) -> Outcome<Streaming<signoff::proto::v1::RequestApprovalResponse>> {
    let mut stream = client.request_approval(payload::wire_request(payload::uuid().to_string())).await?.into_inner();
    first_update(stream.message().await?)?;
    Ok(stream)
}
