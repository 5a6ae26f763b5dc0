//! Outgoing HTTP: posts a body to a URL that an operator configured, or that the receiver's owner chose.
//!
//! A URL is a way to make this server send requests inside its own network (SSRF). Therefore:
//!
//! - `endpoint` accepts `https` URLs; `http` only if the channel allows it.
//! - `connector` resolves the name once, checks every address (`address`), and connects to an address that it checked.
//!   A second answer of the name server is never asked for, so it cannot differ (DNS rebinding).
//! - A redirect is an error. Nothing reads a proxy from the environment.
//! - Every exchange has a time limit, and at most 64 KiB of the response are read.
//!
//! A pooled connection leads to the address that was checked when it was opened. Each channel has its own pool, so an
//! address that one channel allows is not open to the others.
//!
//! `identity/oidc/http.rs` is a client of its own: a provider is often in a private network, is fetched and not posted
//! to, and its documents are larger.

pub(super) mod address;
mod connector;
mod endpoint;
mod error;
mod retry_after;
#[cfg(test)]
mod tests;
mod trust;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::sync::OnceCell;

use super::{SendError, Sent};
use crate::clock::{Clock, Timer};

#[cfg(test)]
pub(super) use connector::Resolve;
use connector::{Connector, Resolver, SystemResolver};
pub use endpoint::shown_url;
pub(super) use endpoint::{Endpoint, EndpointSource, HttpSettings};
pub(super) use error::HttpError;

/// Maximum number of bytes of a response that are read.
pub(super) const RESPONSE_MAX: usize = 64 * 1024;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Maximum number of idle connections of a channel.
const IDLE_MAX: usize = 16;

/// Names this server to receivers.
const NAME: &str = concat!("signoff/", env!("CARGO_PKG_VERSION"));

/// Posts to the endpoints of one channel.
pub(super) struct HttpClient {
    settings: HttpSettings,
    clock: Arc<dyn Clock>,
    resolver: Resolver,
    /// Made for the first message: it reads files with certificates.
    pool: OnceCell<Pool>,
}

type Pool = legacy::Client<Connector, Full<Bytes>>;

/// What a receiver answered. Its status is not 3xx.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The delay that the receiver asks for, at most an hour.
    pub(super) retry_after: Option<Duration>,
    /// The first [`RESPONSE_MAX`] bytes of the body. Fewer if it broke off or was too slow: the status is the answer, and
    /// a message that the receiver has accepted is not sent again for the sake of the rest.
    pub(super) body: Bytes,
    host: String,
}

impl HttpClient {
    pub(super) fn new(settings: HttpSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock, resolver: Arc::new(SystemResolver), pool: OnceCell::new() }
    }

    /// Tests choose the addresses of names.
    #[cfg(test)]
    pub(super) fn with_resolver(settings: HttpSettings, clock: Arc<dyn Clock>, resolver: Resolver) -> Self {
        Self { settings, clock, resolver, pool: OnceCell::new() }
    }

    /// Posts a body.
    ///
    /// # Errors
    /// When there is no complete head of a response, or it is a redirect. Other statuses are replies.
    pub(super) async fn post(&self, to: &Endpoint, headers: HeaderMap, body: Bytes) -> Result<Reply, HttpError> {
        let limit = self.settings.timeout;
        let mut deadline = self.clock.timer(self.clock.instant() + limit);
        let response = tokio::select! {
            biased; // a response that is ready counts, even after the time limit
            response = self.exchange(to, headers, body) => response?,
            () = &mut deadline => return Err(HttpError::Late { host: to.host().to_owned(), limit }),
        };
        let status = response.status();
        if status.is_redirection() {
            return Err(HttpError::Redirect { host: to.host().to_owned(), status });
        }
        let retry_after = retry_after::parse(response.headers(), self.clock.wall());
        let body = beginning(response, &mut deadline).await;
        Ok(Reply { status, retry_after, body, host: to.host().to_owned() })
    }

    async fn exchange(
        &self,
        to: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<impl http_body::Body<Data = Bytes, Error: Send> + Unpin + use<>>, HttpError> {
        let pool = self.pool.get_or_try_init(|| self.open()).await?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.uri().clone();
        *request.headers_mut() = headers;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(NAME));
        pool.request(request).await.map_err(|error| HttpError::of(&error, to.host()))
    }

    async fn open(&self) -> Result<Pool, HttpError> {
        let tls = trust::client_config(self.settings.ca_file.clone()).await?;
        let connector = Connector::new(&self.settings, Arc::clone(&self.resolver), Arc::clone(&self.clock), tls);
        let mut pool = legacy::Client::builder(TokioExecutor::new());
        pool.pool_idle_timeout(IDLE).pool_max_idle_per_host(IDLE_MAX).pool_timer(TokioTimer::new());
        Ok(pool.build(connector))
    }
}

/// The beginning of a body. Dropping the rest closes the connection.
async fn beginning(response: Response<impl http_body::Body<Data = Bytes> + Unpin>, deadline: &mut Timer) -> Bytes {
    let mut body = response.into_body();
    let mut read = BytesMut::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut *deadline => break,
        };
        let Some(Ok(frame)) = frame else { break };
        let Ok(data) = frame.into_data() else { break }; // trailers
        let room = RESPONSE_MAX - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() >= room {
            break;
        }
    }
    read.freeze()
}

impl Reply {
    /// The answer in one line. The body is left out: receivers repeat what they got.
    pub(super) fn line(&self) -> String {
        format!("{} answered {}", self.host, self.status)
    }

    /// What the status means: 2xx is a success, 410 asks for no more messages, one of `rejected` rejects the message, and
    /// everything else may pass. A receiver also answers 404 or 401 while it is deployed.
    pub(super) fn settle(&self, rejected: &[StatusCode]) -> Result<Sent, SendError> {
        let reason = self.line();
        match self.status {
            status if status.is_success() => Ok(Sent { answer: reason, ..Sent::default() }),
            StatusCode::GONE => Err(SendError::Gone { reason }),
            status if rejected.contains(&status) => Err(SendError::Rejected { reason }),
            _ => Err(SendError::Retry { reason, after: self.retry_after }),
        }
    }
}

/// The headers of a JSON body.
pub(super) fn json_headers() -> HeaderMap {
    [(CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect()
}
