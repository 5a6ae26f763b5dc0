//! The demo's server: the one that `serve --dev` starts, in this process, with a temporary data directory.

use std::{
    fs::{self, DirBuilder},
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use signoff_client::{Client, Options};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    cli::failure::Failure,
    config::{Config, ReflectionAccess},
    identity::{DevEnvFiles, DevTokens},
    policy_file,
    proto::v1::SetPolicyRequest,
    server::{RunError, Server},
    telemetry::Metrics,
    wire::encode,
};

/// The policy, as its file has it.
const POLICY: &[u8] = include_bytes!("../../../examples/demo-policy.yaml");
/// Where that is, for messages.
const POLICY_PATH: &str = "examples/demo-policy.yaml";

/// Time between two Progress messages. A person sees the time left; a script decides after the first one.
const HEARTBEAT: Duration = Duration::from_secs(1);
const SCRIPTED_HEARTBEAT: Duration = Duration::from_millis(100);
/// Short: the demo closes its clients first.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// A server that runs, and its credentials.
pub(super) struct Stage {
    directory: Directory,
    address: SocketAddr,
    tokens: DevTokens,
    policy_version: u64,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), RunError>>,
}

impl Stage {
    /// Starts the server, and sets its policy.
    pub(super) async fn start(interactive: bool) -> Result<Self, Failure> {
        let directory = Directory::create()?;
        let config = Config {
            dev: true,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: directory.path().to_owned(),
            heartbeat: if interactive { HEARTBEAT } else { SCRIPTED_HEARTBEAT },
            drain_timeout: DRAIN_TIMEOUT,
            reflection: ReflectionAccess::Open,
            ..Config::default()
        };
        let server = Server::start(config, Metrics::new(env!("CARGO_PKG_VERSION")), false).await.map_err(failed)?;
        let (address, stop) = (server.address(), CancellationToken::new());
        let serving = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        let tokens = DevTokens::in_directory(directory.path()).map_err(failed)?;
        let mut stage = Self { directory, address, tokens, policy_version: 0, stop, serving };
        stage.policy_version = stage.set_policy().await?;
        Ok(stage)
    }

    async fn set_policy(&self) -> Result<u64, Failure> {
        let policy = policy_file::load(Path::new(POLICY_PATH), POLICY).map_err(Failure::Stopped)?;
        let request = SetPolicyRequest {
            request_id: Uuid::new_v4().to_string(),
            policy: Some(encode::document(policy.document())),
            ..SetPolicyRequest::default()
        };
        let client = self.operator()?;
        let answer = client.policies().set_policy(client.unary(request)).await?.into_inner();
        Ok(answer.version.ok_or(Failure::Protocol("no version"))?.version)
    }

    pub(super) fn agent(&self) -> Result<Client, Failure> {
        self.client(&self.tokens.agent)
    }

    pub(super) fn reviewer(&self) -> Result<Client, Failure> {
        self.client(&self.tokens.reviewer)
    }

    pub(super) fn operator(&self) -> Result<Client, Failure> {
        self.client(&self.tokens.operator)
    }

    fn client(&self, token: &str) -> Result<Client, Failure> {
        Ok(Client::new(&Options::new().address(format!("http://{}", self.address)).token(token))?)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn policy_version(&self) -> u64 {
        self.policy_version
    }

    /// The file that makes another terminal the reviewer's.
    pub(super) fn reviewer_file(&self) -> PathBuf {
        DevEnvFiles::in_directory(self.directory.path()).reviewer
    }

    /// Waits until the server ends by itself, and returns why.
    pub(super) async fn failed(&mut self) -> Failure {
        match (&mut self.serving).await {
            Ok(Ok(())) => Failure::Stopped("the demo server stopped".to_owned()),
            Ok(Err(error)) => failed(error),
            Err(error) => failed(error),
        }
    }

    /// Stops the server, and deletes its data.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        if !self.serving.is_finished() {
            // An error at the end does not matter: the data is deleted.
            _ = (&mut self.serving).await;
        }
        let cannot = |error| Failure::Stopped(format!("Cannot delete {}: {error}.", self.directory().display()));
        self.directory.delete().map_err(cannot)
    }
}

fn failed(error: impl std::error::Error) -> Failure {
    Failure::Stopped(error.to_string())
}

/// A new directory that only its owner can open. Deleted when dropped.
struct Directory {
    path: PathBuf,
}

impl Directory {
    fn create() -> Result<Self, Failure> {
        let name = Uuid::new_v4().simple().to_string();
        let path = std::env::temp_dir().join(format!("signoff-demo-{}", &name[..8]));
        let created = DirBuilder::new().mode(0o700).create(&path);
        created.map_err(|error| Failure::Stopped(format!("Cannot create {}: {error}.", path.display())))?;
        Ok(Self { path })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn delete(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // After a failure. That failure is reported, not this one.
        _ = self.delete();
    }
}
