//! An address that stays while servers behind it come and go, as a load balancer's does.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Passes each connection on to whatever server is behind it then; refuses it when there is none.
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
                        // However it ends, both sides see it end.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { address, behind, _tasks: tasks }
    }

    /// What clients connect to.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// New connections go to `server` from now on.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        *self.behind.lock().expect("nobody panicked") = Some(server);
    }
}
