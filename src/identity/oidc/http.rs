use std::{error::Error, io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header::ACCEPT};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    clock::{Clock, timeout},
    domain::duration_text,
};

/// How long a fetch may take, from resolving the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest document: a key has about a kilobyte.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// Fetches documents. Follows no redirects: what a provider publishes is where it says.
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    clock: Arc<dyn Clock>,
}

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the URL is neither https nor on loopback")]
    Url,
    #[error("cannot connect or send: {}", innermost(.0))]
    Connection(#[from] legacy::Error),
    #[error("the answer breaks off: {0}")]
    Body(Box<dyn Error + Send + Sync>),
    #[error("the answer's status is {0}")]
    Status(StatusCode),
    #[error("the answer has more than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("no whole answer within {}", duration_text(PATIENCE))]
    Late,
}

/// The client's own errors only say at what it was.
fn innermost(error: &dyn Error) -> &dyn Error {
    error.source().map_or(error, innermost)
}

/// A URL that keys may come from: nobody on the way can replace what it serves.
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
    /// Makes a client that trusts whom the system trusts.
    pub(super) fn new(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        // Ten minutes pass between two fetches: no connection lives that long.
        let http = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { http, clock })
    }

    /// What is at a URL.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, HttpError> {
        let uri = allowed(url).ok_or(HttpError::Url)?;
        timeout(&*self.clock, PATIENCE, self.get_allowed(uri)).await.unwrap_or(Err(HttpError::Late))
    }

    async fn get_allowed(&self, uri: Uri) -> Result<Bytes, HttpError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(ACCEPT, http::HeaderValue::from_static("application/json"));
        let response = self.http.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(HttpError::Status(response.status()));
        }
        match Limited::new(response.into_body(), BYTES_MAX).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge),
            Err(error) => Err(HttpError::Body(error)),
        }
    }
}
