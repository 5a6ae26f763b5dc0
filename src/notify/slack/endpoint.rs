//! `POST /slack/interactions/CHANNEL`: what Slack sends when a person uses a button or a form.
//!
//! Everybody can send requests here, so strangers cost little: a request without a timely timestamp is rejected before
//! its body is read, and a body has a limit in bytes and time. Nothing in a body counts before its signature.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{
    channel::SlackChannel,
    modal,
    payload::{self, Interaction},
    people::People,
    signature::{Claimed, Refused, Signatures},
    texts,
};
use crate::{
    clock::timeout,
    domain::ChannelName,
    grpc::{Held, UnauthenticatedCall, UnauthenticatedCalls},
    notify::{Answering, SecretSource},
};

/// Maximum size of an interaction, in bytes. It holds the message, which has about 12,000 characters at most, in JSON in
/// a form.
const BODY_MAX: usize = 256 << 10;

/// How long the body of an interaction may take. Slack gives up after three seconds.
const BODY_PATIENCE: Duration = Duration::from_secs(3);

/// Maximum number of clicks that are handled at the same time.
const CLICKS: usize = 64;

/// Maximum number of clicks of users without a reviewer that are explained at the same time. Further ones get no
/// explanation: they must not take the places of reviewers.
const STRANGERS: usize = 4;

/// How long a submitted form waits for its decision. Slack gives up after three seconds.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Seconds between two warnings about signatures: everybody can send wrong ones.
const WARNING_PAUSE: i64 = 60;

/// Takes the answers of people in one channel.
pub(super) struct Interactions {
    pub(super) channel: Arc<SlackChannel>,
    pub(super) people: People,
    pub(super) answering: Answering,
    name: ChannelName,
    signing_secret: SecretSource,
    signatures: Signatures,
    clicks: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    warned: AtomicI64,
}

/// The route of a channel. `None` if it has no buttons.
pub(super) fn router(channel: Arc<SlackChannel>, name: &ChannelName, answering: Answering) -> Option<Router> {
    let super::Buttons { signing_secret, people } = channel.buttons.clone()?;
    let interactions = Interactions {
        channel,
        people,
        answering,
        name: name.clone(),
        signing_secret,
        signatures: Signatures::default(),
        clicks: Arc::new(Semaphore::new(CLICKS)),
        strangers: Arc::new(Semaphore::new(STRANGERS)),
        warned: AtomicI64::new(i64::MIN),
    };
    let path = format!("/slack/interactions/{name}");
    Some(Router::new().route(&path, post(receive)).with_state(Arc::new(interactions)))
}

/// Why a request gets no answer. Strangers learn nothing from it.
#[derive(Clone, Copy, Debug)]
struct Unanswered(StatusCode, &'static str);

const TOO_MANY: Unanswered = Unanswered(StatusCode::TOO_MANY_REQUESTS, "too many open requests\n");
const NOT_SLACK: Unanswered = Unanswered(StatusCode::UNAUTHORIZED, "not signed by Slack\n");
const UNREADABLE: Unanswered = Unanswered(StatusCode::BAD_REQUEST, "not an interaction of Slack\n");
const TOO_LARGE: Unanswered = Unanswered(StatusCode::PAYLOAD_TOO_LARGE, "too large, or too slow\n");
const UNAVAILABLE: Unanswered = Unanswered(StatusCode::SERVICE_UNAVAILABLE, "not available\n");

async fn receive(State(interactions): State<Arc<Interactions>>, request: Request) -> Response {
    let Ok(permit) = UnauthenticatedCalls::enter(UnauthenticatedCall::Page, request.extensions()) else {
        return (TOO_MANY.0, TOO_MANY.1).into_response();
    };
    let response = match interactions.answer(request).await {
        Ok(None) => StatusCode::OK.into_response(),
        Ok(Some(json)) => ([(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response(),
        Err(Unanswered(status, why)) => (status, why).into_response(),
    };
    response.map(|body| Body::new(Held::new(body, permit)))
}

impl Interactions {
    async fn answer(self: Arc<Self>, request: Request) -> Result<Option<Value>, Unanswered> {
        let body = self.signed(request).await?;
        // The same for every copy of this interaction, and for no other one.
        let key = format!("slack-{}", hex(&Sha256::digest(&body)));
        match payload::read(&body).map_err(|_| UNREADABLE)? {
            Interaction::Other => Ok(None),
            Interaction::Click(click) => {
                let places = if self.people.knows(&click.user) { &self.clicks } else { &self.strangers };
                let place = Arc::clone(places).try_acquire_owned().map_err(|_| UNAVAILABLE)?;
                // Slack gets its answer at once: the message shows what becomes of the click.
                tokio::spawn(async move {
                    let _place = place;
                    self.click(click, key).await;
                });
                Ok(None)
            }
            Interaction::Submission(submission) => {
                let clock = Arc::clone(&self.channel.clock);
                // In its own task: a decision is recorded even if Slack gives up.
                let deciding = tokio::spawn(self.submit(submission, key));
                Ok(Some(match timeout(&*clock, PATIENCE, deciding).await {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(_)) => modal::problem(texts::UNAVAILABLE),
                    Err(_) => modal::problem(texts::SLOW),
                }))
            }
        }
    }

    /// The body of a request that Slack signed.
    async fn signed(&self, request: Request) -> Result<Bytes, Unanswered> {
        let clock = &*self.channel.clock;
        let (parts, body) = request.into_parts();
        let claimed = || Claimed::read(&parts.headers, clock.wall()).map_err(|why| self.refuse(why));
        claimed()?;
        if http_body::Body::size_hint(&body).lower() > BODY_MAX as u64 {
            return Err(TOO_LARGE);
        }
        let body = to_bytes(self.answering.admission.punctual(body), BODY_MAX);
        let body = timeout(clock, BODY_PATIENCE, body).await.ok().and_then(Result::ok).ok_or(TOO_LARGE)?;
        let secret = self.signing_secret.read().await.map_err(|error| {
            tracing::error!(channel = %self.name, %error, "cannot read the signing secret of Slack");
            UNAVAILABLE
        })?;
        // Its age again: while the body arrived, the memory of signatures may have forgotten this one.
        let claimed = claimed()?;
        self.signatures.accept(&claimed, &body, secret.reveal(), clock.wall()).map_err(|why| self.refuse(why))?;
        Ok(body)
    }

    fn refuse(&self, why: Refused) -> Unanswered {
        let now = self.channel.clock.wall().timestamp();
        let last = self.warned.load(Ordering::Relaxed);
        if now.saturating_sub(last) >= WARNING_PAUSE {
            self.warned.store(now, Ordering::Relaxed);
            tracing::warn!(channel = %self.name, "rejected an interaction: it {why}");
        }
        NOT_SLACK
    }
}

/// The first 16 bytes.
fn hex(hash: &[u8]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
