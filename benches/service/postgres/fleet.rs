//! Equal servers with one store, and callers that each have a token of their own and stay with one server.

use signoff::proto::v1::{
    self as pb, access_service_client::AccessServiceClient, approval_service_client::ApprovalServiceClient,
};
use tonic::transport::Channel;

use crate::{
    Outcome,
    load::CALLERS_PER_CONNECTION,
    scratch::Scratch,
    server::{Client, Headers, Role, Server},
};

/// Running servers.
pub(super) struct Fleet {
    servers: Vec<Server>,
    /// A token for each caller.
    agents: Vec<String>,
    _directories: Vec<Scratch>,
}

impl Fleet {
    /// Starts a server in each directory.
    pub(super) async fn start(directories: Vec<Scratch>, callers: usize, settings: &[String]) -> Outcome<Self> {
        // The others start when all tokens are on record, and so know them.
        let (first, others) = directories.split_first().ok_or("no server")?;
        let first = Server::signoff(first.path(), settings)?;
        let agents = tokens(&first, callers).await?;
        let others = others.iter().map(|directory| Server::signoff(directory.path(), settings));
        let servers = std::iter::once(Ok(first)).chain(others).collect::<Outcome<_>>()?;
        Ok(Self { servers, agents, _directories: directories })
    }

    /// The processes of the servers.
    pub(super) fn processes(&self) -> Vec<u32> {
        self.servers.iter().map(Server::process).collect()
    }

    /// A client for each caller, with its own token.
    pub(super) async fn agents(&self, callers: usize) -> Outcome<Vec<Client>> {
        self.clients(callers, 0, |caller, _| self.agents[caller].as_str()).await
    }

    /// A client for each caller, as the reviewer.
    pub(super) async fn reviewers(&self, callers: usize) -> Outcome<Vec<Client>> {
        self.clients(callers, 0, |_, server| server.token(Role::Reviewer)).await
    }

    /// As above, each with the server after that of the agent with its number.
    pub(super) async fn reviewers_elsewhere(&self, callers: usize) -> Outcome<Vec<Client>> {
        self.clients(callers, 1, |_, server| server.token(Role::Reviewer)).await
    }

    /// Caller `n` uses server `(n + shift) % len`.
    async fn clients<'a>(
        &'a self,
        callers: usize,
        shift: usize,
        token: impl Fn(usize, &'a Server) -> &'a str,
    ) -> Outcome<Vec<Client>> {
        let count = self.servers.len();
        let mut channels: Vec<Vec<Channel>> = vec![Vec::new(); count];
        let mut clients = Vec::with_capacity(callers);
        for caller in 0..callers {
            let (at, number) = ((caller + shift) % count, caller / count);
            if number % CALLERS_PER_CONNECTION == 0 {
                channels[at].push(self.servers[at].channel().await?);
            }
            let channel = channels[at][number / CALLERS_PER_CONNECTION].clone();
            let headers = Headers::bearer(token(caller, &self.servers[at]))?;
            clients.push(ApprovalServiceClient::with_interceptor(channel, headers));
        }
        Ok(clients)
    }
}

/// Creates tokens of agents.
async fn tokens(server: &Server, count: usize) -> Outcome<Vec<String>> {
    let operator = Headers::bearer(server.token(Role::Operator))?;
    let mut access = AccessServiceClient::with_interceptor(server.channel().await?, operator);
    let mut tokens = Vec::with_capacity(count);
    for number in 0..count {
        let request = pb::CreateTokenRequest {
            request_id: format!("token-{number}"),
            subject: format!("agent-{number}"),
            kind: pb::ActorKind::Agent.into(),
            roles: vec![pb::Role::Agent.into()],
            ..pb::CreateTokenRequest::default()
        };
        tokens.push(access.create_token(request).await?.into_inner().secret);
    }
    Ok(tokens)
}
