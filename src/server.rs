//! The composition root: parse everything, build, then serve.

#![expect(
    clippy::disallowed_methods,
    reason = "sockets and the drain are timed by the runtime, as their reads and writes are"
)]

mod accept;
mod arrival;
mod clock;
mod connection;
mod file_limit;
mod metered;
mod observer;
mod policy_status;
mod routes;
mod tls_status;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use self::{
    accept::{Accept, Handshakes},
    observer::Observed,
};
use crate::{
    approvals::{Approvals, Settings},
    clock::{Clock, OutOfRange, ServerClock, SystemWall},
    config::Config,
    connections::Connections,
    grpc::{AccessApi, ApprovalApi, PolicyApi},
    identity::{
        Authenticator, CredentialVerifier, DevTokens, DevTokensError,
        oidc::{Oidc, OidcConfigError},
    },
    policies::{Policies, PolicyError, PolicyStatus, RecordingAuthenticator},
    policy::Judge,
    store::{self, Health, OpenError, SledConfig, Store, StoreConfig, StoreError},
    telemetry::Metrics,
    tls::{TlsError, TlsFiles},
    tokens::Tokens,
    workers,
};

/// How long a failed server still answers health checks and fails calls before it ends.
pub(crate) const FAILED_LINGER: Duration = Duration::from_millis(500);

/// A server that accepts calls.
pub struct Server {
    address: SocketAddr,
    dev_tokens: Option<DevTokens>,
    tokens: Arc<Tokens>,
    approvals: Arc<Approvals>,
    store: Arc<dyn Store>,
    health: HealthReporter,
    stop_accepting: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    workers: JoinSet<()>,
    clock_watch: JoinHandle<OutOfRange>,
    drain_timeout: Duration,
    write_timeout: Duration,
    reload: watch::Sender<()>,
    policy: watch::Receiver<PolicyStatus>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The machine's clock is off by centuries.
    #[error(transparent)]
    Clock(#[from] OutOfRange),
    /// The newest time cannot be kept.
    #[error("cannot open {}: {source}", path.display())]
    KeptTime {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The stored tokens cannot be read.
    #[error("cannot read the tokens: {0}")]
    StoredTokens(StoreError),
    /// Nobody could authenticate.
    #[error(
        "nobody could authenticate: there is no active token, and neither oidc.issuer nor certificates.… is set. Make the first \
         token with `signoff token create --data-dir {} --subject NAME --kind person --role operator`, see docs/security.md; \
         or use --dev on your own machine",
        data_dir.display()
    )]
    NoAuthentication {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The tokens of development mode cannot be read or made.
    #[error(transparent)]
    Tokens(#[from] DevTokensError),
    /// The tokens of an OpenID provider could not be verified.
    #[error("oidc: {0}")]
    Oidc(#[from] OidcConfigError),
    /// The certificate, its key or the authorities of clients cannot be used.
    #[error("the files of TLS cannot be used\n{0}")]
    Tls(#[from] TlsError),
    /// The policy file cannot be read, or is wrong: there is no last good one to go on with.
    #[error("the policy file cannot be used\n{0}")]
    PolicyFile(String),
    /// The stored policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A defect.
    #[error("the start failed: {0}")]
    Panicked(String),
    /// The descriptors that this build carries cannot be served.
    #[error("cannot serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Why a server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// A worker, which works for ever, has ended: deadlines would not fire any more.
    #[error("a worker ended: {0}")]
    Worker(String),
    /// The machine's clock was set to a time that no answer can carry.
    #[error(transparent)]
    Clock(OutOfRange),
    /// The network failed.
    #[error("the server ended: {0}")]
    Network(String),
}

impl Server {
    /// Opens the store and starts to serve. Returns once calls are accepted.
    ///
    /// # Errors
    /// When the store, the tokens or the address cannot be had.
    pub async fn start(config: Config, metrics: Metrics, traces: bool) -> Result<Self, StartError> {
        SystemWall::check()?;
        // First of all: this may wait for whoever is writing them, and holds nothing meanwhile.
        let waiting = ServerClock::start(None, |_| {})?;
        let (tls, policy_file) = tokio::try_join!(
            tls_status::read(TlsFiles::of(&config.tls), &waiting),
            policy_status::read(config.policy.as_deref(), &waiting)
        )?;
        file_limit::raise(config.limits.connections.open);
        let path = config.data_dir.clone();
        let observer = Arc::new(Observed::new(metrics.clone()));
        let write_timeout = config.write_timeout;
        let stored = StoreConfig::Sled(SledConfig { write_timeout, ..SledConfig::new(&path) });
        let store = store::open(&stored, observer).await?;
        let dev_tokens = {
            let (path, dev) = (path.clone(), config.dev);
            let read = move || dev.then(|| DevTokens::in_directory(&path)).transpose();
            // A disk that hangs takes one thread with it, and none that hears signals or serves.
            tokio::task::spawn_blocking(read).await.map_err(|error| StartError::Panicked(error.to_string()))??
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| StartError::Listen { address: config.listen, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: config.listen, source })?;

        let (server_clock, kept) = clock::start(&*store, &path, &metrics)?;
        let clock_watch = tokio::spawn(clock::watch(Arc::clone(&server_clock), kept, metrics.clone()));
        let clock: Arc<dyn Clock> = server_clock;
        let tokens = Tokens::load(Arc::clone(&store), Arc::clone(&clock)).await.map_err(StartError::StoredTokens)?;
        if !config.anybody_authenticates() && !tokens.any_active() {
            return Err(StartError::NoAuthentication { data_dir: config.data_dir });
        }
        let (policies, policy_file) = match policy_file {
            None => {
                let stored = Policies::from_store(Arc::clone(&store), Arc::clone(&clock), config.claim_window);
                (stored.await?, None)
            }
            Some((path, policy, file)) => {
                let (store, clock) = (Arc::clone(&store), Arc::clone(&clock));
                let policies = Policies::from_file(store, clock, config.claim_window, path, policy);
                (policies.await?, Some(file))
            }
        };
        let limits = &config.limits;
        let settings = Settings {
            heartbeat: config.heartbeat,
            max_stream_age: config.max_stream_age,
            pending_per_caller: limits.pending_per_caller,
        };
        let judge = Arc::clone(&policies) as Arc<dyn Judge>;
        let approvals = Approvals::new(Arc::clone(&store), judge, Arc::clone(&clock), settings);
        let approval_api = ApprovalApi::new(Arc::clone(&approvals), limits.request.clone(), &limits.calls);
        let policy_api = PolicyApi::new(Arc::clone(&policies), limits.request.clone());
        let access_api = AccessApi::new(Arc::clone(&tokens), limits.request.clone());

        let apis = (approval_api, policy_api, access_api);
        let oidc = config.oidc.verifier().map(|verifier| Oidc::new(verifier, Arc::clone(&clock))).transpose()?;
        let verifier = CredentialVerifier {
            tokens: tokens.registry(),
            dev: dev_tokens.clone(),
            oidc,
            roles: config.roles.clone(),
            certificates: config.certificates.clone(),
            clock: Arc::<dyn Clock>::clone(&clock),
        };
        let authenticator: Arc<dyn Authenticator> =
            Arc::new(RecordingAuthenticator { authenticator: verifier, seen: policies.seen_reviewers() });
        let recognising = (authenticator, Arc::<dyn Clock>::clone(&clock));
        let telemetry = (metrics.clone(), traces);
        let (health, routes) = routes::routes(apis, recognising, &limits.calls, config.reflection, telemetry).await?;
        let connections = Connections::new(&limits.connections, metrics.clone());
        let live_tls = tls.as_ref().map(|(live, _)| Arc::clone(live));
        let handshakes = Handshakes { tls: live_tls, timeout: limits.connections.handshake_timeout };
        let accept = Accept::new(listener, connections.clone(), handshakes, metrics.clone(), Arc::clone(&clock));
        let stop_accepting = CancellationToken::new();
        let serving = tokio::spawn(routes::serve(routes, accept, &limits.calls, stop_accepting.clone()));
        let mut workers = JoinSet::new();
        workers.spawn(workers::expire(Arc::clone(&approvals)));
        if let Some(retain) = config.retain {
            workers.spawn(workers::prune(Arc::clone(&approvals), retain));
        }
        workers.spawn(workers::keep_token_uses(Arc::clone(&tokens)));
        workers.spawn(accept::sweep(connections, Arc::clone(&clock)));
        let reload = watch::Sender::new(());
        let policy = policies.status();
        workers.spawn(policy_status::report(policy.clone(), metrics.clone(), health.clone()));
        if let Some(file) = policy_file {
            workers.spawn(workers::follow_policy_file(policies, file, Arc::clone(&clock), reload.subscribe()));
        }
        if let Some((tls, files)) = tls {
            workers.spawn(tls_status::report(tls.status(), metrics));
            workers.spawn(workers::follow_tls_files(tls, files, clock, reload.subscribe()));
        }
        let (drain_timeout, write_timeout) = (config.drain_timeout, config.write_timeout);
        Ok(Self {
            address,
            dev_tokens,
            tokens,
            approvals,
            store,
            health,
            stop_accepting,
            serving,
            workers,
            clock_watch,
            drain_timeout,
            write_timeout,
            reload,
            policy,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tokens of development mode.
    #[must_use]
    pub const fn dev_tokens(&self) -> Option<&DevTokens> {
        self.dev_tokens.as_ref()
    }

    /// Version of the policy that is live.
    #[must_use]
    pub fn policy_version(&self) -> u64 {
        self.policy.borrow().live.version
    }

    /// Tells the server to read its files again, once nobody writes to them: the policy, and those of TLS.
    #[must_use]
    pub fn reload(&self) -> watch::Sender<()> {
        self.reload.clone()
    }

    /// Whether the store works.
    #[must_use]
    pub fn store_health(&self) -> watch::Receiver<Health> {
        self.store.health()
    }

    /// Serves until `stop` is done, then drains; or until the store fails. Once either has happened, this takes at most the
    /// drain timeout and twice the write timeout.
    ///
    /// # Errors
    /// When the server ended by itself, or the store failed meanwhile.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let outcome = tokio::select! {
            () = stop => Ok(()),
            reason = failure(self.store.health()) => Err(RunError::Store(reason)),
            Some(ended) = self.workers.join_next() => Err(RunError::Worker(format!("{ended:?}"))),
            ended = &mut self.clock_watch => Err(match ended {
                Ok(wrong) => RunError::Clock(wrong),
                Err(error) => RunError::Worker(error.to_string()),
            }),
            ended = &mut self.serving => Err(RunError::Network(format!("{ended:?}"))),
        };
        let patience = match &outcome {
            Ok(()) => {
                tracing::info!("draining");
                self.drain_timeout
            }
            Err(error) => {
                tracing::error!(%error, "stopping");
                FAILED_LINGER
            }
        };
        let health = self.store.health();
        self.end(patience).await;
        let at_the_end = match &*health.borrow() {
            Health::Failed(reason) => Err(RunError::Store(reason.clone())),
            Health::Working => Ok(()),
        };
        outcome.and(at_the_end)
    }

    /// Health first, so that nobody new is sent here; then our streams, which would otherwise never end; then the
    /// listener; and no waiting for connections that stay open.
    async fn end(mut self, patience: Duration) {
        self.workers.abort_all();
        self.clock_watch.abort();
        for service in routes::SERVICES {
            self.health.set_service_status(service, ServingStatus::NotServing).await;
        }
        self.approvals.drain();
        self.stop_accepting.cancel();
        if !self.serving.is_finished() {
            let _ = tokio::time::timeout(patience, &mut self.serving).await; // idle connections may outlast it
        }
        self.serving.abort();
        match tokio::time::timeout(self.write_timeout, self.tokens.keep_uses()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot keep when tokens were last used"),
            Err(_) => tracing::warn!("cannot keep when tokens were last used: the disk is slow"),
        }
        self.store.close().await;
    }
}

async fn failure(mut health: watch::Receiver<Health>) -> String {
    match health.wait_for(|health| *health != Health::Working).await.as_deref() {
        Ok(Health::Failed(reason)) => reason.clone(),
        _ => "closed".to_owned(),
    }
}
