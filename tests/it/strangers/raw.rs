//! HTTP/2 by hand, for frames that client libraries do not send.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::server::{Server, soon};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A connection from a loopback address. Nothing is read from it implicitly.
pub(super) async fn connect(server: &Server, from: u8) -> TcpStream {
    try_connect(server.address(), from).await.expect("it connects")
}

/// As above, when the server may reject the connection.
pub(super) async fn try_connect(server: SocketAddr, from: u8) -> std::io::Result<TcpStream> {
    connect_from(server, Ipv4Addr::new(127, 0, 0, from)).await
}

/// As above, from any loopback address, with a small send buffer.
pub(super) async fn connect_from(server: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(64 << 10)?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Waits for the server to close a connection, after any data.
pub(super) async fn closed(mut stream: TcpStream) {
    let ended = async { while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {} };
    soon("the server closes the connection", ended).await;
}

/// Reads until this many replies have their headers.
pub(super) async fn heads(stream: &mut TcpStream, mut left: usize) {
    while left > 0 {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let [high, middle, low, kind, ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        stream.read_exact(&mut vec![0; length as usize]).await.expect("its payload");
        left -= usize::from(kind == HEADERS);
    }
}

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface, and settings: the window of each stream, if it is not the default.
pub(super) fn opening(window: Option<u32>) -> Vec<u8> {
    let settings = window.map_or(Vec::new(), |window| [&[0, 4][..], &window.to_be_bytes()].concat());
    [PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat()
}

/// The headers of a gRPC call, without any compression.
pub(super) fn head(path: &str, token: Option<&str>) -> Vec<u8> {
    let length = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 127, "longer texts take more bytes");
        length
    };
    let mut block = vec![0x83, 0x86]; // POST, http
    let mut named = |index: &[u8], text: &str| {
        block.extend_from_slice(index);
        block.push(length(text));
        block.extend_from_slice(text.as_bytes());
    };
    named(&[0x04], path);
    named(&[0x01], "signoff");
    named(&[0x0f, 31 - 15], "application/grpc"); // content-type
    if let Some(token) = token {
        named(&[0x0f, 23 - 15], &format!("Bearer {token}")); // authorization
    }
    block.extend_from_slice(&[0, 2]);
    block.extend_from_slice(b"te");
    block.push(8);
    block.extend_from_slice(b"trailers");
    block
}

/// A whole call with one message: its headers, and a frame that ends it.
pub(super) fn request(path: &str, stream: u32, message: &[u8]) -> Vec<u8> {
    request_with(None, path, stream, message)
}

/// As above, with a token or without.
pub(super) fn request_with(token: Option<&str>, path: &str, stream: u32, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let message = [&[0][..], &length, message].concat();
    [frame(HEADERS, END_HEADERS, stream, &head(path, token)), frame(DATA, END_STREAM, stream, &message)].concat()
}

/// The stream ids of a client.
pub(super) fn streams() -> impl Iterator<Item = u32> {
    (1..0x7fff_ffff).step_by(2)
}

/// Writes until stopped, or until the server closes the connection; reads nothing. Returns the number of bytes sent.
pub(super) async fn write_on(
    stream: &mut TcpStream,
    mut parts: impl Iterator<Item = Vec<u8>>,
    over: &CancellationToken,
) -> u64 {
    let mut taken = 0;
    let writing = async {
        for part in &mut parts {
            let mut left = &part[..];
            while !left.is_empty() {
                let Ok(written) = stream.write(left).await else { return };
                left = &left[written..];
                taken += written as u64;
            }
        }
    };
    over.run_until_cancelled(writing).await;
    taken
}
