//! Why a server is unreachable, as a sentence, and whether a retry can help.

use std::{error::Error, io, time::Duration};

use http::Uri;
use rustls::{CertificateError, Error as TlsError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::Status;

use crate::{
    passing::reason,
    tls_problem::{beneath, certificate_problem},
};

/// How long a server that speaks another protocol is listened to.
const PROBE: Duration = Duration::from_secs(2);
/// What h2 says of a first frame that is none, as a TLS alert and an answer in HTTP/1.1 are.
const NOT_HTTP2: &str = "frame with invalid size";
/// What tonic says of an answer without a gRPC status, before the HTTP status.
const HTTP_STATUS: &str = "mapped from HTTP status code ";
/// Passing HTTP statuses: of a proxy whose server is down, or of a rate limit.
const PASSING: [u16; 4] = [429, 502, 503, 504];

/// What is wrong, in a few words: `connection refused`.
pub(crate) fn problem(status: &Status) -> String {
    let mut found = None;
    for error in sources(status) {
        found = match error.downcast_ref::<io::Error>() {
            Some(error) if error.raw_os_error().is_some() => Some(error.kind().to_string()),
            _ => found,
        };
    }
    found.or_else(|| innermost(status)).unwrap_or_else(|| status.message().to_owned())
}

/// The sentence of docs/clients.md for a permanent failure; `None` for others. Contacts the address once more if the
/// failure alone is not enough.
pub(crate) async fn lasting(status: &Status, address: &str) -> Option<String> {
    if reason(status).is_some() {
        return None;
    }
    if let Some(error) = sources(status).find_map(tls_error) {
        return of_tls(error);
    }
    if let Some((_, code)) = status.message().split_once(HTTP_STATUS) {
        let code = code.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        return other_server(code);
    }
    let texts = sources(status).any(|error| error.to_string().contains(NOT_HTTP2));
    if texts || status.message().contains(NOT_HTTP2) {
        return timeout(PROBE, probe(address)).await.ok().flatten();
    }
    None
}

fn of_tls(error: &TlsError) -> Option<String> {
    match error {
        TlsError::InvalidCertificate(
            why @ (CertificateError::UnknownIssuer | CertificateError::BadSignature | CertificateError::Revoked),
        ) => Some(untrusted(why)),
        // webpki's error for a self-signed certificate, which is a CA certificate.
        TlsError::InvalidCertificate(why @ CertificateError::Other(_)) => Some(untrusted(why)),
        TlsError::InvalidCertificate(why) => {
            Some(format!("its certificate is not valid here ({})", certificate_problem(why)))
        }
        TlsError::InvalidMessage(_) => Some("this address does not speak TLS: use http://".to_owned()),
        _ => None,
    }
}

fn untrusted(why: &CertificateError) -> String {
    let why = certificate_problem(why);
    format!("its certificate is not trusted ({why}): set ca (SIGNOFF_CA) to the authority that signed it")
}

fn other_server(code: u16) -> Option<String> {
    (!PASSING.contains(&code)).then(|| format!("it is not a Signoff server (HTTP {code})"))
}

/// Asks in HTTP/1.1, which a server with TLS answers by an alert, and another web server by its status.
async fn probe(address: &str) -> Option<String> {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let uri: Uri = format!("http://{address}").parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let mut connection = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.ok()?;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", uri.authority()?);
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    connection.take(64).read_to_end(&mut answer).await.ok()?;
    of_first_bytes(&answer)
}

fn of_first_bytes(answer: &[u8]) -> Option<String> {
    const TLS_ALERT: u8 = 21;
    match answer {
        [TLS_ALERT, 3, ..] => Some("this address speaks TLS: use https://".to_owned()),
        [b'H', b'T', b'T', b'P', b'/', ..] => {
            let line = String::from_utf8_lossy(answer);
            other_server(line.split(' ').nth(1)?.parse().ok()?)
        }
        _ => None,
    }
}

/// The errors beneath a status, the outermost first.
fn sources(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(status.source(), |error| beneath(*error))
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    error.downcast_ref()
}

fn innermost(status: &Status) -> Option<String> {
    sources(status).last().map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_who_answers() {
        let tls = of_first_bytes(&[21, 3, 1, 0, 2, 2, 70]).unwrap();
        assert_eq!(tls, "this address speaks TLS: use https://");
        let web = of_first_bytes(b"HTTP/1.0 404 Not Found\r\n").unwrap();
        assert_eq!(web, "it is not a Signoff server (HTTP 404)");
        for passing in [&b"HTTP/1.1 503 Service Unavailable"[..], b"HTTP/1.1 429 ", b"HTTP/1.1 xyz", b"", b"SSH-2.0"] {
            assert_eq!(of_first_bytes(passing), None);
        }
    }

    #[tokio::test]
    async fn a_status_of_http_tells_another_server_from_a_busy_proxy() {
        let answer = |code| Status::unknown(format!("grpc-status header missing, {HTTP_STATUS}{code}"));
        let other = lasting(&answer(404), "http://127.0.0.1:1").await;
        assert_eq!(other.as_deref(), Some("it is not a Signoff server (HTTP 404)"));
        for code in PASSING {
            assert_eq!(lasting(&answer(code), "http://127.0.0.1:1").await, None, "{code}");
        }
    }

    #[test]
    fn problems_are_few_words() {
        assert_eq!(
            problem(&Status::unavailable("the stream ended without a decision")),
            "the stream ended without a decision"
        );
        let refused = Status::from_error(Box::new(io::Error::from_raw_os_error(111)));
        assert_eq!(problem(&refused), "connection refused");
    }
}
