//! Limits of connections: which are accepted, and which are evicted.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    call, raise_file_limit,
    raw::{self, closed, connect},
    served_during, size,
};
use crate::{
    serve::metrics,
    server::{Server, soon},
};

pub(super) async fn count(server: &Server, line: &str) -> u64 {
    let metrics = metrics(server).await;
    let found = metrics.lines().find_map(|found| found.strip_prefix(line));
    found.unwrap_or_else(|| panic!("{line} is missing:\n{metrics}")).trim().parse().expect("a number")
}

pub(super) async fn ended(server: &Server, reason: &str) -> u64 {
    count(server, &format!("signoff_connections_closed_total{{reason=\"{reason}\"}}")).await
}

/// The server is stopped, so that nothing but the backlog of its socket holds the connections.
#[tokio::test]
async fn a_thousand_connections_wait_for_a_busy_server() {
    raise_file_limit();
    let data = tempfile::tempdir().unwrap();
    let settings = ["limits.unauthenticated_connections=4096", "limits.unauthenticated_per_address=4096"];
    let server = Server::start(data.path(), &settings).await;
    let process = Pid::from_raw(server.pid().try_into().unwrap()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let connecting = join_all((0..1_000).map(|_| TcpStream::connect(server.address())));
    let connected = soon("every connection is in the backlog", connecting).await;
    kill_process(process, Signal::CONT).unwrap();
    assert!(connected.iter().all(Result::is_ok), "{connected:?}");
    call(&mut server.operator()).await;
}

#[tokio::test]
async fn a_new_connection_evicts_an_unauthenticated_one_and_never_a_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.connections=3"]).await;
    let mut caller = server.operator();
    call(&mut caller).await;
    let (oldest, second) = (connect(&server, 1).await, connect(&server, 1).await);
    let third = connect(&server, 1).await;
    closed(oldest).await;
    call(&mut server.operator()).await; // takes the place of the second
    closed(second).await;
    closed(third).await; // for the connection that asks for metrics
    assert!(ended(&server, "evicted").await >= 2);
    call(&mut caller).await;
}

/// An idle streaming reply, with a part of the next request received: HTTP/1 then neither reads nor
/// writes.
#[tokio::test]
async fn an_idle_http1_stream_can_be_evicted_too() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_per_address=1"]).await;
    let mut watcher = connect(&server, 2).await;
    let head = "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: signoff\r\nx-grpc-web: 1\r\n\
                content-type: application/grpc-web+proto\r\ncontent-length: 5\r\n\r\n";
    watcher.write_all(&[head.as_bytes(), &[0; 5], b"GET /metrics HTTP/1.1\r\n"].concat()).await.unwrap();
    let mut answer = Vec::new();
    let status = [0, 0, 0, 0, 2, 8, 1]; // the message: SERVING
    let told = async {
        while !answer.windows(status.len()).any(|part| part == status) {
            assert!(watcher.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
        }
    };
    soon("the first status", told).await;
    let _newcomer = connect(&server, 2).await;
    closed(watcher).await;
    assert_eq!(ended(&server, "evicted").await, 1);
}

#[tokio::test]
async fn a_server_full_of_callers_accepts_no_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.connections=2"]).await;
    let (mut first, mut second) = (server.operator(), server.operator());
    call(&mut first).await;
    call(&mut second).await;
    closed(connect(&server, 1).await).await;
    call(&mut first).await;
    call(&mut second).await;
    drop(first);
    let served = async {
        while server.operator().list_pending(signoff::proto::v1::ListPendingRequest::default()).await.is_err() {}
    };
    soon("there is room again", served).await;
}

/// The server has not closed it.
async fn open(stream: TcpStream) {
    let mut byte = [0];
    let peeked = tokio::time::timeout(Duration::ZERO, stream.peek(&mut byte)).await;
    assert!(peeked.is_err(), "it is closed: {peeked:?}");
}

#[tokio::test]
async fn each_address_has_its_own_limit() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_per_address=2"]).await;
    let elsewhere = connect(&server, 9).await;
    let oldest = connect(&server, 2).await;
    let (second, third) = (connect(&server, 2).await, connect(&server, 2).await);
    closed(oldest).await;
    for stream in [elsewhere, second, third] {
        open(stream).await;
    }
}

/// They send, in turn: nothing, a part of the HTTP/2 preface, and a part of an HTTP/1 head.
#[tokio::test]
async fn connections_that_are_slow_to_start_are_closed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.handshake_timeout=1s"]).await;
    let mut opened = Vec::new();
    for said in [&b""[..], &raw::PREFACE[..20], b"GET /metrics HTTP/1.1\r\nhost: signoff\r\n"] {
        let mut stream = connect(&server, 1).await;
        stream.write_all(said).await.unwrap();
        opened.push(stream);
    }
    for stream in opened {
        closed(stream).await;
    }
    assert_eq!((ended(&server, "silent").await, ended(&server, "slow_head").await), (1, 2));
}

/// A head that arrives byte by byte gets no additional time.
#[tokio::test]
async fn a_head_in_small_pieces_times_out() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.handshake_timeout=1s"]).await;
    let mut stream = connect(&server, 1).await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ").await.unwrap();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let dripping = async {
        loop {
            tick.tick().await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    soon("the server closes the connection", dripping).await;
    assert_eq!(ended(&server, "slow_head").await, 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_health_watch_stays_open() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_idle=1s"]).await;
    let mut health = HealthClient::new(server.channel());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(soon("the first status", watch.message()).await.unwrap().is_some());
    let mut idle = connect(&server, 1).await;
    idle.write_all(&raw::opening(None)).await.unwrap();
    closed(idle).await;
    assert_eq!(ended(&server, "idle").await, 1);
    health.check(HealthCheckRequest::default()).await.expect("its connection is open");
    let waiting = tokio::time::timeout(Duration::ZERO, watch.message()).await;
    assert!(waiting.is_err(), "the watch has ended: {waiting:?}");
}

/// Scrapes until an idle connection is closed. Returns whether that could be: where the test itself stood still for the
/// idle time, the server closes both with good reason.
async fn probed(server: &Server, idle_time: Duration) -> bool {
    let mut scrapes = connect(server, 1).await;
    let mut idle = connect(server, 1).await;
    idle.write_all(&raw::opening(None)).await.unwrap();
    let mut last = Instant::now();
    let scraping = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let mut answer = vec![0; 1 << 20];
        loop {
            tick.tick().await;
            let before = std::mem::replace(&mut last, Instant::now());
            let asked = scrapes.write_all(b"GET /metrics HTTP/1.1\r\nhost: signoff\r\n\r\n").await;
            if asked.is_err() || scrapes.read(&mut answer).await.unwrap_or(0) == 0 {
                return before;
            }
        }
    };
    tokio::select! {
        () = closed(idle) => true,
        before = scraping => {
            assert!(before.elapsed() >= idle_time, "the server closed a connection that is in use");
            false
        }
    }
}

#[tokio::test]
async fn a_probe_keeps_its_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_idle=2s"]).await;
    while !probed(&server, Duration::from_secs(2)).await {}
}

/// Opens more silent sockets than are allowed, and keeps them while a caller is served.
async fn silent_sockets(server: &Server, from: fn(usize) -> Ipv4Addr) {
    raise_file_limit();
    let address = server.address();
    let sockets = size(2_000, 10_000);
    served_during(server, move |over| async move {
        let mut silent = Vec::new();
        for n in 0..sockets {
            silent.push(raw::connect_from(address, from(n)).await.expect("it connects"));
        }
        over.cancelled().await;
    })
    .await;
    assert!(ended(server, "evicted").await >= u64::try_from(sockets).unwrap() - 700);
}

/// More than all unauthenticated clients together may have.
#[tokio::test]
async fn thousands_of_silent_sockets_do_not_block_callers() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_connections=600"]).await;
    silent_sockets(&server, |n| Ipv4Addr::new(127, 0, 0, 2 + (n % 8) as u8)).await;
}

/// As behind a load balancer: more than one address may have.
#[tokio::test]
async fn silent_sockets_of_its_own_address_do_not_block_a_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_per_address=600"]).await;
    silent_sockets(&server, |_| Ipv4Addr::LOCALHOST).await;
}

/// No address has more than one.
#[tokio::test]
async fn silent_sockets_of_many_addresses_do_not_block_callers() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_connections=600"]).await;
    silent_sockets(&server, |n| Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + n as u32)).await;
}

/// Each of them has fewer than the limit per address.
#[tokio::test]
async fn two_addresses_do_not_close_a_newcomers_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.unauthenticated_connections=20"]).await;
    let newcomer = connect(&server, 9).await;
    let mut crowd = Vec::new();
    for n in 0..100 {
        crowd.push(connect(&server, 2 + n % 2).await);
    }
    let evicted = async { while ended(&server, "evicted").await < 80 {} };
    soon("the crowd makes room for itself", evicted).await;
    open(newcomer).await;
}
