//! Frames that cost their sender next to nothing.

use std::{net::SocketAddr, time::Instant};

use tokio_util::sync::CancellationToken;

use super::{raw, served_during, size};
use crate::server::Server;

/// What is sent on each connection after its preface; an iterator that hardly ever ends.
type Flood = fn() -> Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// Frames in one write: the sender is to be the fast one.
const BATCH: usize = 500;

fn repeated(frame: Vec<u8>) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
    Box::new(std::iter::repeat(frame.repeat(BATCH)))
}

fn each_stream(part: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
    let mut ids = raw::streams();
    Box::new(std::iter::from_fn(move || Some(ids.by_ref().take(BATCH).flat_map(&part).collect())))
}

fn call(id: u32, flags: u8) -> Vec<u8> {
    raw::frame(raw::HEADERS, flags, id, &raw::head("/signoff.v1.ApprovalService/ListPending", None))
}

/// Headers that fill the table of compression, and then refer to it again and again.
fn bomb(id: u32) -> Vec<u8> {
    let value = [b'x'; 4_000];
    let mut block = raw::head("/", None);
    block.extend_from_slice(&[0x40, 1, b'x', 0x7f]); // a literal that is indexed; its length in several bytes
    let mut length = value.len() - 127;
    while length >= 128 {
        block.push(u8::try_from(length % 128 + 128).unwrap());
        length /= 128;
    }
    block.push(u8::try_from(length).unwrap());
    block.extend_from_slice(&value);
    block.extend_from_slice(&[0x80 | 62; 8_000]); // 32 MB of headers
    raw::frame(raw::HEADERS, raw::END_HEADERS | raw::END_STREAM, id, &block)
}

/// What a stranger's connection may send: at once, and in a second.
const BURST: u64 = 256 << 10;
const RATE: f64 = (128 << 10) as f64;

/// What the system may keep of a connection before the server reads it.
const BUFFERS: u64 = 4 << 20;

/// Floods a connection. However fast the flood is, the server reads no more of it than a stranger may send.
async fn flood_one(address: SocketAddr, from: u8, parts: impl Iterator<Item = Vec<u8>>, over: &CancellationToken) {
    let start = Instant::now();
    let Ok(mut stream) = raw::try_connect(address, from).await else { return };
    let taken = raw::write_on(&mut stream, parts, over).await;
    let allowed = BURST + (start.elapsed().as_secs_f64() * RATE) as u64 + BUFFERS;
    assert!(taken <= allowed, "the server has read {taken} bytes of one connection; {allowed} were allowed");
}

static FLOODS: [(&str, Flood); 11] = [
    // Which cost least for their size: what bounds them is only that the server stops reading.
    ("unknown frames", || Box::new(std::iter::repeat(raw::frame(0xee, 0, 0, &[0; 16 << 10])))),
    ("pings", || repeated(raw::frame(raw::PING, 0, 0, &[0; 8]))),
    ("settings", || repeated(raw::frame(raw::SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]))),
    ("window updates", || repeated(raw::frame(raw::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))),
    ("priorities", || each_stream(|id| raw::frame(raw::PRIORITY, 0, id, &[0, 0, 0, 0, 1]))),
    ("rapid resets", || {
        let reset = |id| [call(id, raw::END_HEADERS), raw::frame(raw::RESET, 0, id, &[0, 0, 0, 8])].concat();
        each_stream(reset)
    }),
    ("calls whose messages never come", || each_stream(|id| call(id, raw::END_HEADERS))),
    ("calls", || each_stream(|id| call(id, raw::END_HEADERS | raw::END_STREAM))),
    ("empty data", || {
        let first = std::iter::once(call(1, raw::END_HEADERS));
        Box::new(first.chain(std::iter::repeat(raw::frame(raw::DATA, 0, 1, &[]).repeat(BATCH))))
    }),
    ("continuations", || {
        let first = std::iter::once(call(1, 0));
        Box::new(first.chain(std::iter::repeat(raw::frame(raw::CONTINUATION, 0, 1, &[]).repeat(BATCH))))
    }),
    // Each by itself: a batch would take the attacker longer to make than the server to refuse.
    ("header bombs", || Box::new(raw::streams().map(bomb))),
];

/// Floods a server from many connections, in turn with each of these.
async fn flood(server: &Server, floods: &'static [(&str, Flood)]) {
    let address = server.address();
    let connections = u8::try_from(size(11, 128)).unwrap();
    served_during(server, move |over: CancellationToken| async move {
        let attackers = (0..connections).map(|n| {
            let over = over.clone();
            let (_, flood) = floods[usize::from(n) % floods.len()];
            tokio::spawn(async move {
                // The server may end a connection: then there is another.
                while !over.is_cancelled() {
                    flood_one(address, 2 + n % 8, std::iter::once(raw::opening(None)).chain(flood()), &over).await;
                }
            })
        });
        for attacker in attackers.collect::<Vec<_>>() {
            attacker.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn floods_of_frames_cost_little() {
    for one in &FLOODS {
        // A server for each: none is to profit from what another has taken.
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &[]).await;
        eprintln!("{}:", one.0);
        flood(&server, std::slice::from_ref(one)).await;
        assert_eq!(server.stop().await.code(), Some(0), "{}", one.0);
    }
}

#[tokio::test]
async fn floods_of_all_kinds_at_once_cost_no_more() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    flood(&server, &FLOODS).await;
    assert_eq!(server.stop().await.code(), Some(0));
}

/// HTTP/1.1 requests, one after the other without waiting for an answer.
#[tokio::test]
async fn pipelined_requests_cost_little() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let address = server.address();
    served_during(&server, move |over: CancellationToken| async move {
        let attackers = (0..8).map(|n| {
            let over = over.clone();
            tokio::spawn(async move {
                while !over.is_cancelled() {
                    let requests = std::iter::repeat(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(BATCH));
                    flood_one(address, 2 + n % 8, requests, &over).await;
                }
            })
        });
        for attacker in attackers.collect::<Vec<_>>() {
            attacker.await.unwrap();
        }
    })
    .await;
}
