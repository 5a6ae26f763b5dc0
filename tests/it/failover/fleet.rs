//! Several servers on one store.

use std::sync::{Arc, Mutex};

use crate::{
    kills::SETTINGS,
    load::Clients,
    server::{Client, Server},
};

/// Servers on one store, by number. They share a directory, and so the tokens of development.
pub(crate) struct Fleet {
    data: tempfile::TempDir,
    servers: Vec<Mutex<Option<Member>>>,
}

/// A server that runs, with connections to it.
struct Member {
    server: Server,
    clients: Clients,
    operator: Client,
}

impl Fleet {
    /// Starts a server for each of these settings of the store.
    pub(crate) async fn start(stores: &[String]) -> Arc<Self> {
        let data = tempfile::tempdir().unwrap();
        let fleet = Self { data, servers: stores.iter().map(|_| Mutex::default()).collect() };
        for (number, store) in stores.iter().enumerate() {
            fleet.start_one(number, store).await;
        }
        Arc::new(fleet)
    }

    pub(crate) fn size(&self) -> usize {
        self.servers.len()
    }

    /// Starts a server that does not run.
    pub(crate) async fn start_one(&self, number: usize, store: &str) {
        let settings: Vec<_> = SETTINGS.into_iter().chain([store]).collect();
        let server = Server::start(self.data.path(), &settings).await;
        let clients = Clients { agent: server.agent(), reviewer: server.reviewer() };
        let operator = server.operator();
        *self.servers[number].lock().unwrap() = Some(Member { server, clients, operator });
    }

    /// Kills a server: `kill -9`.
    pub(crate) async fn kill(&self, number: usize) {
        let member = self.servers[number].lock().unwrap().take();
        member.expect("the server runs").server.kill().await;
    }

    /// The clients of a server, unless it was killed.
    pub(crate) fn clients(&self, number: usize) -> Option<Clients> {
        self.servers[number].lock().unwrap().as_ref().map(|member| member.clients.clone())
    }

    /// As [`Self::clients`], for the operator.
    pub(crate) fn operator(&self, number: usize) -> Option<Client> {
        self.servers[number].lock().unwrap().as_ref().map(|member| member.operator.clone())
    }

    /// A connection of its own to a server.
    pub(crate) fn channel(&self, number: usize) -> tonic::transport::Channel {
        self.servers[number].lock().unwrap().as_ref().expect("the server runs").server.channel()
    }
}
