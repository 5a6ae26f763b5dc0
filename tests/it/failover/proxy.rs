//! A network between a server and PostgreSQL that can fall silent.

use std::{net::SocketAddr, path::PathBuf};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

/// Forwards connections to the socket of a PostgreSQL, unless it is silent: then it drops what arrives, in both
/// directions, and closes nothing. What was dropped never arrives, so such a connection is of no use afterwards.
pub(crate) struct Proxy {
    address: SocketAddr,
    silent: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Forwards to the PostgreSQL whose socket this is.
    pub(crate) async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let silent = watch::Sender::new(false);
        let (mut accepting, current) = (JoinSet::new(), silent.subscribe());
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((near, _)) = listener.accept().await else { continue };
                let (socket, silent) = (socket.clone(), current.clone());
                connections.spawn(async move {
                    let Ok(far) = UnixStream::connect(socket).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(forward(near_in, far_out, silent.clone()), forward(far_in, near_out, silent));
                });
            }
        });
        Self { address, silent, _accepting: accepting }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops everything from now on, or forwards again.
    pub(crate) fn silence(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
}

/// Forwards one direction until it ends. Its end is dropped too while the network is silent.
async fn forward(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut silent: watch::Receiver<bool>) {
    let (mut buffer, mut lost) = (vec![0; 16 * 1024], false);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        lost |= *silent.borrow();
        // After a gap, the rest would be nonsense: TCP would never deliver it.
        if !lost && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    if silent.wait_for(|silent| !silent).await.is_ok() {
        let _ = to.shutdown().await; // the other side may be gone
    }
}
