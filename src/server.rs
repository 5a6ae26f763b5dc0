//! The composition root: parse everything, build, then serve.

mod accept;
mod channel_secrets;
mod check_files;
mod clock;
mod connection;
mod error;
mod file_limit;
mod notifications;
mod observer;
mod one_tap_links;
mod openid;
mod policy_status;
mod preauth_rate_limit;
mod probes;
mod routes;
mod throttled_stream;
mod tls_status;
mod use_cases;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use self::{
    accept::{Accept, Handshakes},
    observer::{LivePolicy, Observed},
    use_cases::UseCases,
};
use crate::{
    approvals::Approvals,
    clock::{Clock, OutOfRange, ServerClock, SystemWall, WallClock},
    config::Config,
    connections::Connections,
    desk::{self, Desk, DevLink, Hosts},
    domain::PublicUrl,
    grpc::{Admission, Streams},
    identity::{DevEnvFiles, DevTokens},
    notify::Channels,
    policies::PolicyStatus,
    private_files,
    sessions::Sessions,
    store::{self, Health, Store, StoreConfig},
    telemetry::{ApprovalLog, Metrics},
    tls::{LiveTls, TlsFiles},
    tokens::Tokens,
    workers::{self, PolicyFile, SettledFiles},
};

pub use check_files::check_files;
pub use error::{RunError, StartError};

/// How long a failed server still answers health checks and fails calls before it ends.
pub(crate) const FAILED_LINGER: Duration = Duration::from_millis(500);

/// A server that accepts calls.
pub struct Server {
    address: SocketAddr,
    dev_env_files: Option<DevEnvFiles>,
    dev_link: Option<String>,
    tokens: Arc<Tokens>,
    sessions: Arc<Sessions>,
    approvals: Arc<Approvals>,
    store: Arc<dyn Store>,
    log: Arc<ApprovalLog>,
    health: HealthReporter,
    stop_accepting: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    workers: JoinSet<()>,
    channels: Arc<Channels>,
    /// Sends notifications. Ends by a defect only.
    dispatcher: JoinHandle<()>,
    clock_watch: JoinHandle<OutOfRange>,
    drain_timeout: Duration,
    write_timeout: Duration,
    reload: watch::Sender<()>,
    policy: watch::Receiver<PolicyStatus>,
}

impl Server {
    /// Opens the store and starts to serve. Returns once calls are accepted.
    ///
    /// # Errors
    /// When the store or the tokens cannot be loaded, or the address cannot be bound.
    pub async fn start(config: Config, metrics: Metrics, traces: bool) -> Result<Self, StartError> {
        SystemWall::check()?;
        channel_secrets::require(&config.channels).await?;
        let files = SettledAtStart::read(&config).await?;
        file_limit::raise(config.limits.connections.open);
        let log = Arc::new(ApprovalLog::start().map_err(StartError::Thread)?);
        let live_policy = LivePolicy::default();
        let store = open_store(&config, &metrics, &log, Arc::clone(&live_policy)).await?;
        let (listener, address) =
            listen(config.listen, backlog(config.limits.connections.unauthenticated_connections))?;
        let (dev_tokens, dev_env_files) = development(&config, address).await?.unzip();
        let (server_clock, kept) = clock::start(&*store, &config.data_dir, &metrics)?;
        let clock_watch = tokio::spawn(clock::watch(Arc::clone(&server_clock), kept, metrics.clone()));
        let clock: Arc<dyn Clock> = server_clock;
        let (policy, policy_file) = files.policy.unzip();
        let public_url = openid::public_url(&config, scheme(&config), address);
        let (channels, one_tap) = notifications::build(&config, &store, &clock, public_url.clone())?;
        let use_cases = UseCases::load(&config, &store, &clock, policy, &channels).await?;
        live_policy.get_or_init(|| use_cases.policies.status());
        if let Some(one_tap) = one_tap {
            one_tap.links.get_or_init(|| Arc::clone(&use_cases.links));
        }
        let oidc = openid::verifier(&config, &clock)?;
        let sign_in = openid::sign_in(&config, oidc.clone(), public_url.clone(), &clock).await?;
        let authenticator = use_cases.authenticator(&config, dev_tokens.clone(), oidc, &clock);
        let clocks = (Arc::<dyn Clock>::clone(&clock) as Arc<dyn WallClock>, Arc::clone(&clock));
        let admission = Admission::new(authenticator, clocks, &config.limits.calls, metrics.clone());

        let calls = &config.limits.calls;
        let telemetry = (metrics.clone(), traces);
        let streams = Arc::new(Streams::new(calls));
        let apis = use_cases.apis(&config.limits, &streams);
        let (health, routes) =
            routes::routes(apis, &admission, Arc::clone(&clock), calls, config.reflection, telemetry).await?;
        let (dev_link, dev_link_path) = dev_tokens.map(|tokens| DevLink::new(tokens.reviewer)).transpose()?.unzip();
        let desk = Desk {
            approvals: Arc::clone(&use_cases.approvals),
            links: Arc::clone(&use_cases.links),
            policies: Arc::clone(&use_cases.policies),
            tokens: Arc::clone(&use_cases.tokens),
            sessions: Arc::clone(&use_cases.sessions),
            admin: Arc::clone(&use_cases.admin),
            deliveries: Arc::clone(&use_cases.deliveries),
            admission: Arc::clone(&admission),
            streams,
            clock: Arc::clone(&clock),
            limits: config.limits.request.clone(),
            hosts: Hosts::new(
                address,
                config.tls.certificate.is_some(),
                public_url.as_ref().map(PublicUrl::origin),
                &config.desk.allowed_hosts,
            ),
            sign_in,
            dev_link: dev_link.map(Arc::new),
        };
        let answers = channels.router(&use_cases.answering(&store, &admission, &config.limits.request));
        let routes = routes.merge(desk::router(Arc::new(desk))).merge(answers);
        let connections = Connections::new(&config.limits.connections, metrics.clone());
        let (tls, tls_files) = files.tls.unzip();
        let handshakes = Handshakes { tls: tls.clone(), timeout: config.limits.connections.handshake_timeout };
        let accept = Accept::new(listener, connections.clone(), handshakes, metrics.clone(), Arc::clone(&clock));
        let stop_accepting = CancellationToken::new();
        let serving = tokio::spawn(routes::serve(routes, accept, calls, stop_accepting.clone()));

        let UseCases { control, tokens, sessions, policies, approvals, links: _, admin: _, deliveries: _ } = use_cases;
        let scheme = scheme(&config);
        let (reload, policy) = (watch::Sender::new(()), policies.status());
        let dispatcher = notifications::start(&channels, &store, &policies, (&clock, public_url), &metrics);
        let mut workers = JoinSet::new();
        workers.spawn(workers::expire(Arc::clone(&approvals)));
        if let Some(retain) = config.retain {
            workers.spawn(workers::prune(Arc::clone(&approvals), retain));
        }
        workers.spawn(async move { control.follow().await });
        workers.spawn(workers::keep_token_uses(Arc::clone(&tokens)));
        workers.spawn(workers::tidy_sessions(Arc::clone(&sessions)));
        workers.spawn(accept::sweep(connections, Arc::clone(&clock)));
        workers.spawn(policy_status::report(policy.clone(), store.health(), metrics.clone(), health.clone()));
        if let Some(file) = policy_file {
            workers.spawn(workers::follow_policy_file(policies, file, Arc::clone(&clock), reload.subscribe()));
        }
        if let Some((tls, files)) = tls.zip(tls_files) {
            workers.spawn(tls_status::report(tls.status(), metrics));
            workers.spawn(workers::follow_tls_files(tls, files, clock, reload.subscribe()));
        }
        Ok(Self {
            address,
            dev_env_files,
            dev_link: dev_link_path.map(|path| format!("{scheme}://{address}{path}")),
            tokens,
            sessions,
            approvals,
            store,
            log,
            health,
            stop_accepting,
            serving,
            workers,
            channels,
            dispatcher,
            clock_watch,
            drain_timeout: config.drain_timeout,
            write_timeout: config.write_timeout,
            reload,
            policy,
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The shell files with the address and the tokens of development mode.
    #[must_use]
    pub const fn dev_env_files(&self) -> Option<&DevEnvFiles> {
        self.dev_env_files.as_ref()
    }

    /// The link that signs the reviewer of development mode in at the desk, once.
    #[must_use]
    pub fn dev_link(&self) -> Option<&str> {
        self.dev_link.as_deref()
    }

    /// Version of the policy that is live.
    #[must_use]
    pub fn policy_version(&self) -> u64 {
        self.policy.borrow().live.version
    }

    /// Makes the server reload its policy and TLS files, once no program writes to them.
    #[must_use]
    pub fn reload(&self) -> watch::Sender<()> {
        self.reload.clone()
    }

    /// Whether the store works.
    #[must_use]
    pub fn store_health(&self) -> watch::Receiver<Health> {
        self.store.health()
    }

    /// Serves until `stop` completes, then drains; or until the store fails. After that it takes at most the drain
    /// timeout and twice the write timeout.
    ///
    /// # Errors
    /// When the server stopped by itself, or the store failed meanwhile.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let outcome = tokio::select! {
            () = stop => Ok(()),
            reason = failure(self.store.health()) => Err(RunError::Store(reason)),
            Some(ended) = self.workers.join_next() => Err(RunError::Worker(why(ended))),
            ended = &mut self.dispatcher => Err(RunError::Worker(why(ended))),
            ended = &mut self.clock_watch => Err(match ended {
                Ok(wrong) => RunError::Clock(wrong),
                Err(error) => RunError::Worker(error.to_string()),
            }),
            ended = &mut self.serving => Err(RunError::Network(match ended {
                Ok(Err(error)) => error.to_string(),
                Ok(Ok(())) => why(Ok(())),
                Err(error) => why(Err(error)),
            })),
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
            Health::Working | Health::Unreachable(_) => Ok(()),
        };
        outcome.and(at_the_end)
    }

    /// Stops in this order: health first, so that load balancers send no new clients; then our own streams, which would
    /// otherwise never end; then the listener. Connections that stay open do not delay the end beyond `patience`.
    #[expect(clippy::disallowed_methods, reason = "the drain ends even where the injected clock stands still")]
    async fn end(mut self, patience: Duration) {
        self.workers.abort_all();
        self.clock_watch.abort();
        for service in routes::SERVICES {
            self.health.set_service_status(service, ServingStatus::NotServing).await;
        }
        self.approvals.drain();
        self.stop_accepting.cancel();
        let calls = async {
            if !self.serving.is_finished() {
                let _ = tokio::time::timeout(patience, &mut self.serving).await; // idle connections may outlast it
            }
        };
        // What is not sent now is sent after the restart.
        let messages = tokio::time::timeout(patience.min(notifications::DRAIN), self.channels.drain());
        let _ = tokio::join!(calls, messages);
        self.serving.abort();
        self.dispatcher.abort();
        let keep = async {
            self.tokens.keep_uses().await?;
            self.sessions.keep_uses().await
        };
        match tokio::time::timeout(self.write_timeout, keep).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot save the last use of tokens and sessions"),
            Err(_) => tracing::warn!("cannot save the last use of tokens and sessions: the disk is slow"),
        }
        self.store.close().await;
        let log = self.log;
        let _ = tokio::task::spawn_blocking(move || log.flush()).await; // a failure loses only log lines
    }
}

/// The policy and TLS files at start, read once no program writes to them, each with the watcher that reloads it.
struct SettledAtStart {
    policy: Option<(use_cases::PolicyFromFile, SettledFiles<PolicyFile>)>,
    tls: Option<(Arc<LiveTls>, SettledFiles<TlsFiles>)>,
}

impl SettledAtStart {
    /// Comes before everything else: it may wait for a writer, and must not hold the store or the port meanwhile.
    async fn read(config: &Config) -> Result<Self, StartError> {
        let clock = ServerClock::start(None, |_| {})?;
        let tls = tls_status::read(TlsFiles::of(&config.tls), &clock);
        let policy = policy_status::read(config.policy.as_deref(), &clock);
        let (tls, policy) = tokio::try_join!(tls, policy)?;
        Ok(Self { policy, tls })
    }
}

async fn open_store(
    config: &Config,
    metrics: &Metrics,
    log: &Arc<ApprovalLog>,
    policy: LivePolicy,
) -> Result<Arc<dyn Store>, StartError> {
    let kept = match &config.store {
        None => StoreConfig::in_directory(&config.data_dir).with_write_timeout(config.write_timeout),
        Some(url) => {
            private_files::create(&config.data_dir)?;
            StoreConfig::in_postgres(url, config.store_password_file.as_deref())
                .await?
                .with_require_synchronous(config.require_synchronous)
                .with_policy_file(config.policy.is_some())
        }
    };
    let kept = kept.with_routes(Arc::new(config.routes()));
    Ok(store::open(&kept, Arc::new(Observed::new(metrics.clone(), Arc::clone(log), policy))).await?)
}

/// The tokens of development mode, and their shell files; without `--dev` it removes such files. Runs on its own
/// thread: a disk that hangs must not block one that handles signals or calls.
async fn development(config: &Config, address: SocketAddr) -> Result<Option<(DevTokens, DevEnvFiles)>, StartError> {
    let (directory, dev) = (config.data_dir.clone(), config.dev);
    let scheme = scheme(config);
    let prepare = move || {
        let files = DevEnvFiles::in_directory(&directory);
        if !dev {
            return files.remove().map(|()| None);
        }
        let tokens = DevTokens::in_directory(&directory)?;
        files.write(&tokens, &format!("{scheme}://{address}"))?;
        Ok(Some((tokens, files)))
    };
    Ok(tokio::task::spawn_blocking(prepare).await.map_err(|error| StartError::Panicked(error.to_string()))??)
}

/// The scheme of the server's address.
const fn scheme(config: &Config) -> &'static str {
    if config.tls.certificate.is_some() { "https" } else { "http" }
}

/// Number of connections that may wait for `accept`: a quarter of those that may be unauthenticated.
///
/// After a restart many clients reconnect in the same moment. Beyond this number, the system lets them wait for seconds,
/// or resets them; the standard library's 128 is soon reached. But a backlog as large as the limit would be worse: all of
/// it can be accepted in a burst, which would evict a connection that was accepted just before, and has not made its
/// first call yet. Linux caps the number at `net.core.somaxconn`, 4,096 by default.
fn backlog(unauthenticated: u32) -> u32 {
    (unauthenticated / 4).clamp(128, 4_096)
}

fn listen(address: SocketAddr, backlog: u32) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
    // As `TcpListener::bind` does it: a restart need not wait for connections that the system is still closing.
    socket.set_reuseaddr(true).and_then(|()| socket.bind(address)).map_err(failed)?;
    let listener = socket.listen(backlog).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Why a task ended that should run as long as the server.
fn why(ended: Result<(), tokio::task::JoinError>) -> String {
    ended.map_or_else(|error| error.to_string(), |()| "it ended without an error".to_owned())
}

async fn failure(mut health: watch::Receiver<Health>) -> String {
    match health.wait_for(|health| matches!(health, Health::Failed(_))).await.as_deref() {
        Ok(Health::Failed(reason)) => reason.clone(),
        _ => "closed".to_owned(),
    }
}
