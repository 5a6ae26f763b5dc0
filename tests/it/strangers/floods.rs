//! Floods of frames that are cheap to send.

use std::{net::SocketAddr, time::Instant};

use tokio_util::sync::CancellationToken;

use super::{raw, served_during, size};
use crate::server::Server;

/// The bytes to send on each connection after the preface; a practically endless iterator.
type Flood = fn() -> Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// Frames in one write, so that the sender is fast.
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

/// Headers that fill the HPACK table, and then refer to it repeatedly.
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

/// Bytes that an unauthenticated connection may send: in a burst, and per second.
const BURST: u64 = 256 << 10;
const RATE: f64 = (128 << 10) as f64;

/// Bytes of a connection that the system may buffer before the server reads them.
const BUFFERS: u64 = 4 << 20;

/// Floods a connection. However fast the flood is, the server reads no more of it than is allowed.
async fn flood_one(address: SocketAddr, from: u8, parts: impl Iterator<Item = Vec<u8>>, over: &CancellationToken) {
    let start = Instant::now();
    let Ok(mut stream) = raw::try_connect(address, from).await else { return };
    let taken = raw::write_on(&mut stream, parts, over).await;
    let allowed = BURST + (start.elapsed().as_secs_f64() * RATE) as u64 + BUFFERS;
    assert!(taken <= allowed, "the server has read {taken} bytes of one connection; {allowed} were allowed");
}

static FLOODS: [(&str, Flood); 11] = [
    // These cost least for their size; only the read limit bounds them.
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
    // One at a time: a batch would take the attacker longer to build than the server to reject.
    ("header bombs", || Box::new(raw::streams().map(bomb))),
];

/// Floods a server from many connections, which take turns with these floods.
async fn flood(server: &Server, floods: &'static [(&str, Flood)]) {
    let address = server.address();
    let connections = u8::try_from(size(11, 128)).unwrap();
    served_during(server, move |over: CancellationToken| async move {
        let attackers = (0..connections).map(|n| {
            let over = over.clone();
            let (_, flood) = floods[usize::from(n) % floods.len()];
            tokio::spawn(async move {
                // If the server ends a connection, open another one.
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
        // A new server for each, so that they do not share limits.
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &[]).await;
        eprintln!("{}:", one.0);
        flood(&server, std::slice::from_ref(one)).await;
        assert_eq!(server.stop().await.code(), Some(0), "{}", one.0);
    }
}

#[tokio::test]
async fn simultaneous_floods_of_all_kinds_cost_no_more() {
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
