//! A fixed address for servers that come and go, like a load balancer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Forwards each connection to the current server; closes it if there is none.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    behind: Arc<Mutex<Option<SocketAddr>>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let behind = Arc::new(Mutex::new(None));
        let mut tasks = JoinSet::new();
        let target = Arc::clone(&behind);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((mut near, _)) = listener.accept().await else { continue };
                let target = *target.lock().expect("nobody panicked");
                connections.spawn(async move {
                    if let Some(target) = target
                        && let Ok(mut far) = TcpStream::connect(target).await
                    {
                        // Both sides see the end, whatever it is.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { address, behind, _tasks: tasks }
    }

    /// The address for clients.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forwards new connections to `server`.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        *self.behind.lock().expect("nobody panicked") = Some(server);
    }
}
