//! Builds the use-cases and services over one store and one clock.

use std::{path::PathBuf, sync::Arc};

use super::StartError;
use crate::{
    admin::{self, Admin, Deliveries, Process, RunningChannels},
    approvals::{Approvals, Settings},
    clock::Clock,
    config::{Config, Limits},
    control::{Control, Follower},
    domain::limits::RequestLimits,
    grpc::{AccessApi, AdminApi, Admission, ApprovalApi, PolicyApi, Streams},
    identity::{Authenticator, CredentialVerifier, DevTokens, oidc::Oidc},
    links::Links,
    notify::{Answering, Channels},
    policies::{Policies, RecordingAuthenticator},
    policy::{Judge, Policy},
    sessions::{self, Sessions},
    store::{ApprovalStore, OutboxStore, SigningKeyStore, Store},
    tokens::Tokens,
};

/// A policy file's path, and its policy.
pub(super) type PolicyFromFile = (PathBuf, Policy);

/// What keeps notifications from arriving, for the status.
fn problems(channels: &Arc<Channels>, store: &Arc<dyn Store>) -> Box<dyn Fn() -> Vec<String> + Send + Sync> {
    let (channels, store) = (Arc::clone(channels), Arc::clone(store));
    Box::new(move || channels.problems(&store.backlog()))
}

/// The services.
pub(super) struct Apis {
    pub(super) approvals: ApprovalApi,
    pub(super) policies: PolicyApi,
    pub(super) access: AccessApi,
    pub(super) admin: AdminApi,
}

/// The use-cases.
pub(super) struct UseCases {
    pub(super) control: Arc<Control>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) policies: Arc<Policies>,
    pub(super) approvals: Arc<Approvals>,
    pub(super) links: Arc<Links>,
    pub(super) admin: Arc<Admin>,
    pub(super) deliveries: Arc<Deliveries>,
}

impl UseCases {
    /// Loads tokens, sessions and the policy from the store. A policy file takes precedence.
    pub(super) async fn load(
        config: &Config,
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        policy: Option<PolicyFromFile>,
        channels: &Arc<Channels>,
    ) -> Result<Self, StartError> {
        let control = Control::new(Arc::clone(store));
        let tokens = Tokens::load(Arc::clone(&control), Arc::clone(clock)).await.map_err(StartError::StoredTokens)?;
        if !config.has_authentication() && !tokens.any_active() {
            let store = match &config.store {
                None => format!("--data-dir {}", config.data_dir.display()),
                Some(url) => format!("--store {url}"),
            };
            return Err(StartError::NoAuthentication { store });
        }
        let settings = sessions::Settings {
            idle: config.desk.session_idle,
            max: config.desk.session_max,
            dev: config.dev,
            issuer: config.oidc.issuer.clone(),
        };
        let (stored, dated) = (Arc::clone(&control), Arc::clone(clock));
        let sessions = Sessions::load(stored, dated, tokens.registry(), settings).await;
        let sessions = sessions.map_err(StartError::StoredSessions)?;
        let (stored, dated) = (Arc::clone(&control), Arc::clone(clock));
        let policies = match policy {
            None => Policies::from_store(stored, dated, config.claim_window).await?,
            Some((path, policy)) => Policies::from_file(stored, dated, config.claim_window, path, policy).await?,
        };
        policies.know_channels(config.channels.iter().map(|settings| settings.name.clone()).collect());
        let settings = Settings {
            heartbeat: config.heartbeat,
            max_stream_age: config.max_stream_age,
            pending_per_caller: config.limits.pending_per_caller,
        };
        let judge = Arc::clone(&policies) as Arc<dyn Judge>;
        let approvals = Approvals::new(Arc::clone(&control), judge, Arc::clone(clock), settings);
        let stored = Arc::clone(store) as Arc<dyn SigningKeyStore>;
        let links = Links::new(stored, Arc::clone(&approvals), Arc::clone(&policies));
        let live = policies.status();
        let process = Process {
            policy_version: Box::new(move || live.borrow().live.version),
            draining: approvals.draining().clone(),
            notification_problems: problems(channels, store),
        };
        let settings = admin::Settings { thaw_requires_other_operator: config.thaw_requires_other_operator };
        let admin = Admin::new(Arc::clone(&control), Arc::clone(clock), settings, process);
        let outbox = Arc::clone(store) as Arc<dyn OutboxStore>;
        let running = Arc::clone(channels) as Arc<dyn RunningChannels>;
        let deliveries = Deliveries::new(outbox, running, config.routes(), Arc::clone(clock));
        let followers: Vec<Arc<dyn Follower>> =
            vec![Arc::clone(&tokens) as _, Arc::clone(&sessions) as _, Arc::clone(&policies) as _];
        control.begin(followers).await.map_err(StartError::StoredControl)?;
        Ok(Self { control, tokens, sessions, policies, approvals, links, admin, deliveries })
    }

    /// The services, within the limits of calls.
    pub(super) fn apis(&self, limits: &Limits, streams: &Arc<Streams>) -> Apis {
        let Self { control: _, tokens, sessions, policies, approvals, links: _, admin, deliveries } = self;
        Apis {
            approvals: ApprovalApi::new(
                Arc::clone(approvals),
                Arc::clone(policies),
                limits.request.clone(),
                Arc::clone(streams),
            ),
            policies: PolicyApi::new(Arc::clone(policies), limits.request.clone()),
            access: AccessApi::new(Arc::clone(tokens), limits.request.clone()),
            admin: AdminApi::new(
                Arc::clone(admin),
                Arc::clone(sessions),
                Arc::clone(deliveries),
                limits.request.clone(),
                Arc::clone(streams),
            ),
        }
    }

    /// What channels need to take answers of people.
    pub(super) fn answering(
        &self,
        store: &Arc<dyn Store>,
        admission: &Arc<Admission>,
        limits: &RequestLimits,
    ) -> Answering {
        Answering {
            approvals: Arc::clone(&self.approvals),
            policies: Arc::clone(&self.policies),
            store: Arc::clone(store) as Arc<dyn ApprovalStore>,
            blocked: self.tokens.registry().blocked().clone(),
            admission: Arc::clone(admission),
            limits: limits.clone(),
        }
    }

    /// Authenticates callers with every configured kind of credentials, and records the reviewers that it has seen.
    pub(super) fn authenticator(
        &self,
        config: &Config,
        dev: Option<DevTokens>,
        oidc: Option<Arc<Oidc>>,
        clock: &Arc<dyn Clock>,
    ) -> Arc<dyn Authenticator> {
        let authenticator = CredentialVerifier {
            tokens: self.tokens.registry(),
            dev,
            oidc,
            roles: config.roles.clone(),
            certificates: config.certificates.clone(),
            clock: Arc::<dyn Clock>::clone(clock),
            newer: Some(Arc::clone(&self.control) as _),
        };
        Arc::new(RecordingAuthenticator { authenticator, seen: self.policies.seen_reviewers() })
    }
}
