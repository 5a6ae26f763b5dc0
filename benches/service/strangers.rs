//! The effect of unauthenticated attacks on an authenticated caller: latencies of ListPending, which stores nothing,
//! against those without an attack, and the memory that the attack takes.

use std::iter::repeat_n;

use signoff::proto::v1::ListPendingRequest;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    scratch::Scratch,
    server::{Client, Role, Server},
    table::{Figure, Row, Table},
};

/// Concurrent callers.
const CALLERS: usize = 8;
/// Connections of each attack.
const CONNECTIONS: usize = 64;
/// Frames in one write.
const BATCH: usize = 500;

/// An HTTP/2 client's first bytes: the preface, and empty settings.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A ping.
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Headers of a health watch.
const WATCH: &[u8] = b"\x83\x86\x04\x1c/grpc.health.v1.Health/Watch\x0f\x10\x10application/grpc";

/// The bytes that each connection of an attack sends repeatedly.
type Attack = fn(u32) -> Vec<u8>;

const ATTACKS: [(&str, Attack); 4] = [
    ("silent sockets", |_| Vec::new()),
    ("pings", |_| PING.repeat(BATCH)),
    ("health watches", |first| calls(first, &frame(0, 1, &[0; 5]))),
    ("rapid resets", |first| calls(first, &frame(3, 0, &[0, 0, 0, 8]))),
];

/// A frame, whose stream is filled in later.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], &[kind, flags, 0, 0, 0, 0], payload].concat()
}

/// Calls on new streams, each with a frame after its headers.
fn calls(first: u32, second: &[u8]) -> Vec<u8> {
    let head = frame(1, 4, WATCH);
    let mut bytes = Vec::with_capacity(BATCH * (head.len() + second.len()));
    for stream in (first..).step_by(2).take(BATCH) {
        for part in [&head[..], second] {
            let at = bytes.len() + 5;
            bytes.extend_from_slice(part);
            bytes[at..at + 4].copy_from_slice(&stream.to_be_bytes());
        }
    }
    bytes
}

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    for (name, attack) in ATTACKS {
        let scratch = Scratch::new()?;
        let server = Server::signoff(scratch.path(), &[])?;
        let clients = server.connect_for(CALLERS, Role::Reviewer).await?;
        let peace = load(&clients, sizes.seconds).await?;
        let before = server.resident()?;
        let address = server.address().trim_start_matches("http://").to_owned();
        let mut attackers = JoinSet::new();
        for _ in repeat_n((), CONNECTIONS) {
            attackers.spawn(flood(address.clone(), attack));
        }
        let war = load(&clients, sizes.seconds).await?;
        let grown = (server.resident()? - before).max(0.0);
        attackers.abort_all();
        table.add(Row::load(format!("calls beside {name}"), &war).against("in peace", Figure::Rate(peace.rate)));
        table.add(
            Row::new(format!("p99 beside {name}"), Figure::Time(war.p99)).against("in peace", Figure::Time(peace.p99)),
        );
        table.add(Row::new(format!("memory that {name} take"), Figure::Bytes(grown)));
    }
    Ok(())
}

async fn load(clients: &[Client], seconds: f64) -> Outcome<Load> {
    let clients = clients.to_vec();
    drive(CALLERS, seconds, move |caller| list(clients[caller % clients.len()].clone())).await
}

async fn list(mut client: Client) -> Outcome<bool> {
    client.list_pending(ListPendingRequest::default()).await?;
    Ok(true)
}

/// Attacks without end, on a new connection whenever the server has closed one.
async fn flood(address: String, attack: Attack) {
    loop {
        let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
        let mut first = 1;
        let mut sent = if attack(first).is_empty() { Ok(()) } else { stream.write_all(OPENING).await };
        while sent.is_ok() {
            let part = attack(first);
            if part.is_empty() {
                let _ = stream.readable().await; // closed, sooner or later
                break;
            }
            sent = stream.write_all(&part).await;
            first += 2 * u32::try_from(BATCH).unwrap_or(0);
        }
    }
}
