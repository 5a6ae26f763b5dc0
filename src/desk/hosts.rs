//! The names by which browsers may address the desk.
//!
//! A page of another site can point its own name at this server's address (DNS rebinding), and would then share the
//! origin of what it loads here. So a request is answered only if it names this server.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{Desk, cookies::Cookies, error::Failed, texts};

/// The allowed values of `Host`, and how browsers reach the desk.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Names with their port where it is not the scheme's own, in lower case.
    allowed: Vec<String>,
    /// Whether every port of `localhost`, `127.0.0.1` and `[::1]` is allowed: a tunnel may have another one.
    loopback: bool,
    cookies: Cookies,
}

impl Hosts {
    /// The names of a server that listens on `address`: that address, the loopback names if it is one of them,
    /// the host of `public_url`, and `more`.
    #[must_use]
    pub fn new(address: SocketAddr, tls: bool, public_url: Option<&str>, more: &[String]) -> Self {
        let loopback = address.ip().is_loopback();
        let public = public_url.and_then(|url| url.split_once("://")).map(|(_, host)| host.trim_end_matches('/'));
        let given = public.into_iter().chain(more.iter().map(String::as_str)).map(str::to_ascii_lowercase);
        let allowed = std::iter::once(address.to_string()).chain(given).collect();
        let secure = match public_url {
            Some(url) => url.starts_with("https://"),
            None => tls || !loopback,
        };
        Self { allowed, loopback, cookies: Cookies { secure, port: address.port() } }
    }

    /// How cookies are set.
    pub(super) const fn cookies(&self) -> Cookies {
        self.cookies
    }

    fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &host,
        };
        self.allowed.contains(&host) || (self.loopback && ["localhost", "127.0.0.1", "[::1]"].contains(&name))
    }
}

/// The name that a request addresses: HTTP/2 has it in the URI, HTTP/1.1 in a header.
pub(super) fn host<B>(request: &axum::http::Request<B>) -> Option<&str> {
    let of_uri = request.uri().authority().map(|authority| authority.as_str());
    let mut headers = request.headers().get_all(header::HOST).iter();
    let of_header = headers.next().and_then(|value| value.to_str().ok());
    if headers.next().is_some() { None } else { of_uri.or(of_header) }
}

/// Rejects requests for other names.
pub(super) async fn check(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    match host(&request) {
        Some(host) if desk.hosts.allows(host) => next.run(request).await,
        _ => {
            let (title, message) = (texts::errors::OTHER_HOST, texts::errors::OTHER_HOST_HINT);
            Failed::new(StatusCode::MISDIRECTED_REQUEST, title, message).into_page()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_to_its_own_names() {
        let local = Hosts::new("127.0.0.1:7766".parse().unwrap(), false, None, &[]);
        for host in ["127.0.0.1:7766", "localhost:7766", "LOCALHOST:9000", "localhost", "[::1]:7766"] {
            assert!(local.allows(host), "{host}");
        }
        for host in ["evil", "evil:7766", "localhost.evil:7766", "127.0.0.1.evil", "", ":7766", "localhost:x"] {
            assert!(!local.allows(host), "{host}");
        }
        let more = ["desk.internal:8443".to_owned()];
        let public = Hosts::new("0.0.0.0:7766".parse().unwrap(), true, Some("https://Approvals.example.org"), &more);
        assert!(public.allows("approvals.example.org") && public.allows("desk.internal:8443"));
        for host in ["localhost:7766", "desk.internal", "approvals.example.org:7766"] {
            assert!(!public.allows(host), "{host}");
        }
    }

    #[test]
    fn cookies_need_tls_except_on_loopback() {
        let secure = |address: &str, tls, url| Hosts::new(address.parse().unwrap(), tls, url, &[]).cookies().secure;
        assert!(!secure("127.0.0.1:1", false, None));
        assert!(secure("127.0.0.1:1", true, None));
        assert!(secure("127.0.0.1:1", false, Some("https://a")), "a proxy speaks TLS");
        assert!(secure("10.0.0.1:1", false, None), "a browser does not keep it there, and that is right");
    }
}
