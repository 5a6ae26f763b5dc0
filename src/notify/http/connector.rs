//! Opens connections to checked addresses.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

use super::{
    HttpSettings,
    address::{self, Refused},
};
use crate::clock::{Clock, timeout};

/// Maximum number of addresses of a name that are tried.
const TRIED_MAX: usize = 8;

/// Resolves names.
#[async_trait]
pub(in crate::notify) trait Resolve: Send + Sync + 'static {
    /// The addresses of a host: a name, or an address in any notation.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

pub(super) type Resolver = Arc<dyn Resolve>;

/// The system's resolver. It also reads `127.1`, `0x7f000001` and the like, so these are checked as what they stand for.
pub(super) struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot resolve the name: {0}")]
    Resolve(io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("its address {0} is not allowed")]
    Refused(Refused),
    #[error("cannot connect: {0}")]
    Tcp(io::Error),
    #[error("cannot connect in time")]
    Late,
}

/// Connects, and does the TLS handshake with the name in the URL.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<CheckedTcp>,
    clock: Arc<dyn Clock>,
    /// For all of it. A caller that gave up does not end it: the pool may finish a connection for the next one.
    limit: Duration,
}

impl Connector {
    pub(super) fn new(settings: &HttpSettings, resolver: Resolver, clock: Arc<dyn Clock>, tls: ClientConfig) -> Self {
        let limit = settings.timeout;
        let tcp = CheckedTcp { resolver, allowed: settings.networks.clone().into(), clock: Arc::clone(&clock), limit };
        // An endpoint has the scheme that its channel allows.
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Self { https: https.wrap_connector(tcp), clock, limit }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, clock, limit) = (self.https.call(uri), Arc::clone(&self.clock), self.limit);
        Box::pin(
            async move { timeout(&*clock, limit, connecting).await.unwrap_or_else(|_| Err(ConnectError::Late.into())) },
        )
    }
}

/// Connects to an address of a name, after it checked all of them.
#[derive(Clone)]
struct CheckedTcp {
    resolver: Resolver,
    allowed: Arc<[IpNet]>,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

impl CheckedTcp {
    async fn connect(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let found = self.resolver.resolve(host, port).await.map_err(ConnectError::Resolve)?;
        // One address that is not allowed spoils all: nobody has a reason to give a name public and internal addresses.
        for address in &found {
            address::check(address.ip(), &self.allowed).map_err(ConnectError::Refused)?;
        }
        let tried = &found[..found.len().min(TRIED_MAX)];
        // The last address also gets its share, and leaves one for the response.
        let share = self.limit / u32::try_from(tried.len() + 1).unwrap_or(u32::MAX);
        let mut result = Err(ConnectError::NoAddress);
        for address in tried {
            result = match timeout(&*self.clock, share, TcpStream::connect(address)).await {
                Ok(connected) => connected.map_err(ConnectError::Tcp),
                Err(_) => Err(ConnectError::Late),
            };
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

impl Service<Uri> for CheckedTcp {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let stream = connector.connect(&uri).await?;
            stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
            Ok(TokioIo::new(stream))
        })
    }
}
