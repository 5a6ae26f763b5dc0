//! What it costs to know who calls. Two ways to see it, both on one server that accepts every kind of credentials:
//!
//! - What callers see: throughput by each kind against that with the token of development mode, which is compared with
//!   three texts and so costs next to nothing. Kinds take turns in short rounds, so that all see the same machine; what
//!   larger headers cost is included, on both sides.
//! - What the server spends: the time that authenticating alone takes, in this process, against all processor time that
//!   the server spends on such a call. It does not depend on what else the machine does.
//!
//! GetApproval is about the cheapest call that there is: of any other, authentication is a smaller share.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use signoff::{
    clock::SystemClock,
    identity::{Authenticator, Credentials, DevTokens, Gate, RoleGroups, oidc::Oidc},
    proto::v1 as pb,
};

use crate::{
    Outcome, Sizes, auto,
    load::{Load, drive},
    provider::{AGENTS, Provider},
    scratch::Scratch,
    server::{Client, Role, Server},
    table::{Aim, Figure, Row, Table},
};

const CALLERS: usize = 64;

/// Turns of each kind. Odd, for the medians.
const ROUNDS: usize = 9;

/// Calls of the authenticator in a turn.
const TIMES: u32 = 10_000;

/// What authentication may cost of a call.
const MOST: f64 = 0.10;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let provider = Provider::publish(scratch.path())?;
    let server = auto::server(&scratch, &provider.settings())?;
    // The first is what the others are compared with.
    let kinds = [
        Kind::new("dev token", server.token(Role::Agent).to_owned(), &server).await?,
        Kind::new("cached JWT", provider.token()?, &server).await?,
    ];
    let mut cpu = Vec::new();
    for call in [Call::GetApproval, Call::AutoApproved] {
        cpu.push(throughput(&server, call, &kinds, sizes, table).await?);
    }
    let times = alone(&gate(&scratch, &provider)?, &kinds).await?;
    for (n, (kind, took)) in kinds.iter().zip(times).enumerate() {
        table.add(
            Row::new(format!("authenticating by {}, alone", kind.name), Figure::Time(took))
                .against("CPU per GetApproval", Figure::Time(cpu[0][n]))
                .against("CPU per auto-approved", Figure::Time(cpu[1][n]))
                .aim(Aim::RatioAtMost(MOST)),
        );
    }
    Ok(())
}

/// What the server recognises callers by, in this process.
fn gate(scratch: &Scratch, provider: &Provider) -> Outcome<Gate> {
    let clock = Arc::new(SystemClock);
    let tokens = DevTokens::in_directory(scratch.path())?;
    let oidc = Oidc::new(provider.config(), Arc::clone(&clock) as _)?;
    let roles = RoleGroups { agent: vec![AGENTS.to_owned()], ..RoleGroups::default() };
    Ok(Gate::new(Some(tokens), Some(oidc), roles, clock))
}

/// A kind of credentials, and an agent who has them.
struct Kind {
    name: &'static str,
    token: String,
    clients: Vec<Client>,
    /// An approval of the agent's.
    approval: String,
}

impl Kind {
    async fn new(name: &'static str, token: String, server: &Server) -> Outcome<Self> {
        let clients = server.connect_for_bearer(CALLERS, &token).await?;
        let approval = auto::approved(clients[0].clone()).await?.id;
        Ok(Self { name, token, clients, approval })
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
            let n = (round + turn) % kinds.len(); // nobody is always first
            let (clients, approval) = (kinds[n].clients.clone(), kinds[n].approval.clone());
            let load = drive(CALLERS, sizes.seconds / 4.0, move |caller| {
                call.make(clients[caller % clients.len()].clone(), approval.clone())
            });
            rounds[n].push(server.under(load).await?);
        }
    }
    let loads: Vec<_> = rounds.iter().map(|rounds| middle(rounds)).collect();
    let cpu: Vec<_> = rounds.iter().map(|rounds| cpu_per_call(rounds)).collect();
    for (n, kind) in kinds.iter().enumerate() {
        let what = format!("{}, {CALLERS} callers, {}", call.name(), kind.name);
        let (row, spent) =
            (Row::load(&what, &loads[n]), Row::new(format!("{what}: CPU per call"), Figure::Time(cpu[n])));
        if n == 0 {
            table.add(row);
            table.add(spent);
            continue;
        }
        let mut ratios: Vec<_> = rounds[n].iter().zip(&rounds[0]).map(|(own, dev)| own.0.rate / dev.0.rate).collect();
        ratios.sort_by(f64::total_cmp);
        table.add(row.against(kinds[0].name, Figure::Rate(loads[0].rate)));
        table.add(
            Row::new(format!("{what}: median loss of throughput"), Figure::Share(1.0 - ratios[ROUNDS / 2]))
                .aim(Aim::AtMost(Figure::Share(MOST))),
        );
        table.add(spent.against(kinds[0].name, Figure::Time(cpu[0])));
    }
    Ok(cpu)
}

/// The round of median throughput.
fn middle(rounds: &[(Load, Duration)]) -> Load {
    let mut loads: Vec<_> = rounds.iter().map(|(load, _)| *load).collect();
    loads.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    loads[loads.len() / 2]
}

/// Over all rounds: the kernel's clock for it is too coarse for one.
#[expect(clippy::cast_precision_loss, reason = "far fewer calls than a double can count")]
fn cpu_per_call(rounds: &[(Load, Duration)]) -> Duration {
    let calls: f64 = rounds.iter().map(|(load, _)| load.calls as f64).sum();
    let spent: f64 = rounds.iter().map(|(load, each)| each.as_secs_f64() * load.calls as f64).sum();
    Duration::from_secs_f64(spent / calls.max(1.0))
}

/// Median time of authenticating alone, by every kind of credentials.
async fn alone(gate: &Gate, kinds: &[Kind]) -> Outcome<Vec<Duration>> {
    let mut rounds: Vec<_> = kinds.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for _ in 0..ROUNDS {
        for (kind, rounds) in kinds.iter().zip(&mut rounds) {
            let credentials = Credentials { bearer: Some(&kind.token), ..Credentials::default() };
            gate.authenticate(credentials).await?; // what is cached is there from here on
            let start = Instant::now();
            for _ in 0..TIMES {
                black_box(gate.authenticate(black_box(credentials)).await?);
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
