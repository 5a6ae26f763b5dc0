use std::{error::Error, io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    clock::{Clock, timeout},
    domain::duration_text,
};

/// Timeout of a fetch, from resolving the name to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum size of a document: a key has about a kilobyte.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// Fetches documents, and sends forms. Follows no redirects: the provider must publish its keys at the URL that it
/// states, and secrets go nowhere else.
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    clock: Arc<dyn Clock>,
}

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the URL is neither https nor on loopback")]
    Url,
    #[error("cannot connect or send: {}", cause(.0))]
    Connection(#[from] legacy::Error),
    #[error("the response was cut off: {0}")]
    Body(Box<dyn Error + Send + Sync>),
    #[error("the response has HTTP status {0}")]
    Status(StatusCode),
    #[error("the response has more than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("no complete response within {}", duration_text(FETCH_TIMEOUT))]
    Late,
}

/// The root cause: the client's own errors only name the step that failed.
fn cause(error: &(dyn Error + 'static)) -> String {
    let innermost = std::iter::successors(Some(error), |error| (*error).source()).last();
    signoff_client::tls_problem(error).unwrap_or_else(|| innermost.unwrap_or(error).to_string())
}

/// Parses a URL that keys may come from: https, or http on loopback, so that its content cannot be replaced on the way.
pub(super) fn allowed(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let loopback = || host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let secure = match uri.scheme_str()? {
        "https" => !host.is_empty(),
        "http" => loopback(),
        _ => false,
    };
    let password = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    (secure && !password).then_some(uri)
}

impl Client {
    /// A client that trusts the system's CAs.
    pub(super) fn new(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        // There are ten minutes between fetches: pooled connections would not live that long.
        let http = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { http, clock })
    }

    /// Fetches a URL.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, HttpError> {
        let uri = allowed(url).ok_or(HttpError::Url)?;
        timeout(&*self.clock, FETCH_TIMEOUT, self.get_allowed(uri)).await.unwrap_or(Err(HttpError::Late))
    }

    /// Posts a form; the result is the response with any status. The form and the credentials must not be logged.
    pub(super) async fn post_form(
        &self,
        url: &str,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<(StatusCode, Bytes), HttpError> {
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = allowed(url).ok_or(HttpError::Url)?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        timeout(&*self.clock, FETCH_TIMEOUT, self.send(request)).await.unwrap_or(Err(HttpError::Late))
    }

    async fn get_allowed(&self, uri: Uri) -> Result<Bytes, HttpError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri;
        match self.send(request).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(HttpError::Status(status)),
        }
    }

    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), HttpError> {
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.http.request(request).await?;
        let status = response.status();
        match Limited::new(response.into_body(), BYTES_MAX).collect().await {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge),
            Err(error) => Err(HttpError::Body(error)),
        }
    }
}

/// The address of an issuer's discovery document.
pub(super) fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}
