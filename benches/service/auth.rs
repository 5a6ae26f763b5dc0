//! The cost of authentication, measured in two ways on one server that accepts every kind of credentials:
//!
//! - For callers: throughput with each kind against that with the development token, which is compared with
//!   three strings and so costs almost nothing. Kinds take turns in short rounds, so that all see the same machine. A
//!   JWT is also compared with a development token plus as many unused bytes: HTTP/2 libraries send, and read, a
//!   token with every call, which is not part of authentication.
//! - For the server: the time of authentication alone, in this process, against all processor time that
//!   the server spends on such a call. The former is wall time, so run nothing else.
//!
//! GetApproval is one of the cheapest calls. In any other call, authentication has a smaller share.

use std::{
    collections::BTreeSet,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use signoff::{
    clock::{Clock, ServerClock},
    control::Control,
    domain::{ActorKind, Grant, NewToken, Role as CallerRole},
    identity::{
        Authenticator, CertificateRoles, CredentialVerifier, Credentials, DevTokens, Principal, RoleGroups,
        TokenRegistry, oidc::Oidc,
    },
    proto::v1 as pb,
    store::{Lifecycle as _, SledStore, Store},
    tokens::Tokens,
};

use crate::{
    Outcome, Sizes, auto,
    load::{Load, drive},
    provider::{AGENTS, Provider},
    rounds::{cpu_per_call, middle},
    scratch::Scratch,
    server::{Client, Headers, Role, Server},
    table::{Aim, Figure, Row, Table},
};

const CALLERS: usize = 64;

/// Turns of each kind. Odd, for the medians.
const ROUNDS: usize = 25;

/// Calls of the authenticator in a turn.
const TIMES: u32 = 10_000;

/// The target for the share of authentication in a call.
const MOST: f64 = 0.10;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let provider = Provider::publish(scratch.path())?;
    let (registry, own) = own_token(&scratch).await?;
    let server = auto::server(&scratch, &provider.settings())?;
    let (dev, jwt) = (server.token(Role::Agent), provider.token()?);
    let kinds = [
        Kind::new("dev token", dev, None, &server).await?,
        Kind::new("dev token beside a JWT's bytes", dev, Some(&jwt), &server).await?,
        Kind::new("cached JWT", &jwt, None, &server).await?.against(&[0, 1]),
        Kind::new("token", &own, None, &server).await?.against(&[0]),
    ];
    let mut cpu = Vec::new();
    for call in [Call::GetApproval, Call::AutoApproved] {
        cpu.push(throughput(&server, call, &kinds, sizes, table).await?);
    }
    let times = alone(&verifier(registry, &scratch, &provider)?, &kinds).await?;
    for (n, (kind, took)) in kinds.iter().zip(times).enumerate().filter(|(_, (kind, _))| !kind.padded) {
        table.add(
            Row::new(format!("authenticating by {}, alone", kind.name), Figure::Time(took))
                .against("CPU per GetApproval", Figure::Time(cpu[0][n]))
                .against("CPU per auto-approved", Figure::Time(cpu[1][n]))
                .aim(Aim::RatioAtMost(MOST)),
        );
    }
    Ok(())
}

/// A token of the server, created in its data directory before it starts, with its registry in this process.
async fn own_token(scratch: &Scratch) -> Outcome<(Arc<TokenRegistry>, String)> {
    let store = Arc::new(SledStore::open(scratch.path(), Arc::new(()))?);
    let clock: Arc<dyn Clock> = Arc::new(ServerClock::start(None, |_| ())?);
    let tokens = Tokens::load(Control::new(Arc::clone(&store) as Arc<dyn Store>), Arc::clone(&clock)).await?;
    let grant = Grant {
        kind: ActorKind::Agent,
        subject: "bench".to_owned(),
        roles: [CallerRole::Agent].into(),
        groups: BTreeSet::new(),
        on_behalf_of: None,
        permissions: BTreeSet::new(),
        decides_for: Default::default(),
        comment: String::new(),
    };
    let holder = Principal::of_data_directory(clock.wall());
    let (_, secret) = tokens.create(&holder, NewToken { request_id: None, grant, ttl: None }).await?;
    let registry = tokens.registry();
    store.close().await;
    Ok((registry, secret.reveal().to_owned()))
}

/// The server's authenticator, in this process.
fn verifier(tokens: Arc<TokenRegistry>, scratch: &Scratch, provider: &Provider) -> Outcome<CredentialVerifier> {
    let clock = Arc::new(ServerClock::start(None, |_| ())?);
    let dev = Some(DevTokens::in_directory(scratch.path())?);
    let oidc = Some(Oidc::new(provider.config(), Arc::clone(&clock) as _)?);
    let roles = RoleGroups { agent: vec![AGENTS.to_owned()], ..RoleGroups::default() };
    Ok(CredentialVerifier { tokens, dev, oidc, roles, certificates: CertificateRoles::default(), clock, newer: None })
}

/// A kind of credentials, and an agent with them.
struct Kind {
    name: &'static str,
    token: String,
    clients: Vec<Client>,
    /// An approval of the agent's.
    approval: String,
    /// Whether there is an additional unused header.
    padded: bool,
    /// Kinds to compare its throughput with.
    against: &'static [usize],
}

impl Kind {
    async fn new(name: &'static str, token: &str, padding: Option<&str>, server: &Server) -> Outcome<Self> {
        let mut headers = Headers::bearer(token)?;
        if let Some(padding) = padding {
            headers = headers.and_cookie(padding)?;
        }
        let clients = server.connect_for_with(CALLERS, headers).await?;
        let approval = auto::approved(clients[0].clone()).await?.id;
        Ok(Self { name, token: token.to_owned(), clients, approval, padded: padding.is_some(), against: &[] })
    }

    fn against(self, against: &'static [usize]) -> Self {
        Self { against, ..self }
    }
}

#[derive(Clone, Copy)]
enum Call {
    GetApproval,
    AutoApproved,
}

impl Call {
    const fn name(self) -> &'static str {
        match self {
            Self::GetApproval => "GetApproval",
            Self::AutoApproved => "auto-approved",
        }
    }

    async fn make(self, mut client: Client, approval: String) -> Outcome<bool> {
        match self {
            Self::GetApproval => {
                let request = pb::GetApprovalRequest { approval_id: approval, ..pb::GetApprovalRequest::default() };
                Ok(client.get_approval(request).await?.into_inner().approval.is_some())
            }
            Self::AutoApproved => auto::approved(client).await.map(|_| true),
        }
    }
}

/// Measures a call by every kind of credentials, and returns the server's processor time per call by each.
async fn throughput(
    server: &Server,
    call: Call,
    kinds: &[Kind],
    sizes: &Sizes,
    table: &mut Table,
) -> Outcome<Vec<Duration>> {
    let mut rounds: Vec<_> = kinds.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for round in 0..ROUNDS {
        for turn in 0..kinds.len() {
            let n = (round + turn) % kinds.len(); // so that no kind is always first
            let (clients, approval) = (kinds[n].clients.clone(), kinds[n].approval.clone());
            let load = drive(CALLERS, sizes.seconds / 10.0, move |caller| {
                call.make(clients[caller % clients.len()].clone(), approval.clone())
            });
            rounds[n].push(server.under(load).await?);
        }
    }
    let loads: Vec<_> = rounds.iter().map(|rounds| middle(rounds)).collect();
    let cpu: Vec<_> = rounds.iter().map(|rounds| cpu_per_call(rounds)).collect();
    for (n, kind) in kinds.iter().enumerate() {
        let what = format!("{}, {CALLERS} callers, {}", call.name(), kind.name);
        let (mut row, mut spent) =
            (Row::load(&what, &loads[n]), Row::new(format!("{what}: CPU per call"), Figure::Time(cpu[n])));
        if n > 0 {
            row = row.against(kinds[0].name, Figure::Rate(loads[0].rate));
            spent = spent.against(kinds[0].name, Figure::Time(cpu[0]));
        }
        table.add(row);
        table.add(spent);
        for &other in kind.against {
            let share = Figure::Share(loss(&rounds[n], &rounds[other]));
            let measure = format!("{what}: throughput lost to\n{}", kinds[other].name);
            table.add(Row::new(measure, share).aim(Aim::AtMost(Figure::Share(MOST))));
        }
    }
    Ok(cpu)
}

/// The median over rounds of how much lower the throughput is than that of another kind in the same round.
fn loss(rounds: &[(Load, Duration)], others: &[(Load, Duration)]) -> f64 {
    let mut losses: Vec<_> = rounds.iter().zip(others).map(|(own, other)| 1.0 - own.0.rate / other.0.rate).collect();
    losses.sort_by(f64::total_cmp);
    losses[losses.len() / 2]
}

/// Median time of authenticating alone, by every kind of credentials.
async fn alone(verifier: &CredentialVerifier, kinds: &[Kind]) -> Outcome<Vec<Duration>> {
    let mut rounds: Vec<_> = kinds.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for _ in 0..ROUNDS {
        for (kind, rounds) in kinds.iter().zip(&mut rounds) {
            let credentials = Credentials { bearer: Some(&kind.token), ..Credentials::default() };
            verifier.authenticate(credentials).await?; // what is cached is there from here on
            let start = Instant::now();
            for _ in 0..TIMES {
                black_box(verifier.authenticate(black_box(credentials)).await?);
            }
            rounds.push(start.elapsed() / TIMES);
        }
    }
    Ok(rounds
        .into_iter()
        .map(|mut rounds| {
            rounds.sort();
            rounds[ROUNDS / 2]
        })
        .collect())
}
