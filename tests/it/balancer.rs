//! A balancer of the tests' own: each new connection goes to the next server that accepts it.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Passes connections on until it is dropped.
#[derive(Debug)]
pub(crate) struct Balancer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Balancer {
    /// Listens, and passes connections on to these servers, in turn.
    pub(crate) async fn start(listen: SocketAddr, servers: Vec<SocketAddr>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(balance(listener, servers)) })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort(); // its connections end with it
    }
}

async fn balance(listener: TcpListener, servers: Vec<SocketAddr>) {
    let mut connections = JoinSet::new();
    let mut first = 0;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::task::yield_now().await; // the client has gone, or file descriptors are scarce
            continue;
        };
        while connections.try_join_next().is_some() {}
        let mut order = servers.clone();
        order.rotate_left(first % servers.len());
        first += 1;
        connections.spawn(pass_on(client, order));
    }
}

/// Passes a connection on to the first server that accepts it; closes it if none does.
async fn pass_on(mut client: TcpStream, servers: Vec<SocketAddr>) {
    for server in servers {
        if let Ok(mut server) = TcpStream::connect(server).await {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let _ = copy_bidirectional(&mut client, &mut server).await; // either side may break it
            return;
        }
    }
}
