//! The address at which people reach the server, and the values of `Host` that mean it.

use std::{fmt, net::IpAddr, str::FromStr};

use http::{Uri, uri::Authority};

/// An origin: `https://HOST`, or `http://HOST` on loopback, with a port unless it is the scheme's default. In the form
/// that browsers send as `Origin`: lower case, without a default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    https: bool,
}

/// The text is not an origin that people may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not https://HOST, or http://HOST on loopback, without a path, a query or a fragment")]
pub struct PublicUrlError;

impl PublicUrl {
    /// The origin, without a slash at its end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The value of `Host` in requests to it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }

    /// Whether browsers encrypt what they send to it.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The URL of a path, which begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        // `Uri` drops a fragment, and reads a text without a scheme as an authority.
        if text.contains('#') {
            return Err(PublicUrlError);
        }
        let uri: Uri = text.parse().map_err(|_| PublicUrlError)?;
        let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/") && !text.ends_with("//");
        let authority = uri.authority().and_then(checked).filter(|_| bare).ok_or(PublicUrlError)?;
        let (https, default) = match uri.scheme_str() {
            Some("https") => (true, ":443"),
            Some("http") if is_loopback(uri.host().unwrap_or_default()) => (false, ":80"),
            _ => return Err(PublicUrlError),
        };
        let host = authority.strip_suffix(default).unwrap_or(&authority);
        let scheme = if https { "https" } else { "http" };
        Ok(Self { origin: format!("{scheme}://{host}"), https })
    }
}

/// A value of `Host` in its normal form: `HOST` or `HOST:PORT`, in lower case. `None` if it is not valid.
#[must_use]
pub fn host_value(text: &str) -> Option<String> {
    checked(&text.parse().ok()?)
}

fn checked(authority: &Authority) -> Option<String> {
    let text = authority.as_str();
    let port = text.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    let port_is_valid = port.is_none() || authority.port_u16().is_some_and(|port| port > 0);
    // An authority may contain much that no host does: a user, a list, a pattern.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let valid = !authority.host().is_empty() && port_is_valid && text.bytes().all(allowed);
    valid.then(|| text.to_ascii_lowercase())
}

/// Whether a host, as it stands in a URL, is this machine.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_the_form_that_browsers_send() {
        for (text, origin, host) in [
            ("https://signoff.example.org", "https://signoff.example.org", "signoff.example.org"),
            ("https://Signoff.Example.org/", "https://signoff.example.org", "signoff.example.org"),
            ("HTTPS://a:443", "https://a", "a"),
            ("https://a:8443/", "https://a:8443", "a:8443"),
            ("https://a:80", "https://a:80", "a:80"),
            ("http://127.0.0.1:7766", "http://127.0.0.1:7766", "127.0.0.1:7766"),
            ("http://localhost:80", "http://localhost", "localhost"),
            ("http://[::1]:7766", "http://[::1]:7766", "[::1]:7766"),
            ("http://[::ffff:127.0.0.1]:1", "http://[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.origin(), url.host()), (origin, host), "{text}");
            assert_eq!(url.is_https(), origin.starts_with("https"), "{text}");
        }
        let url: PublicUrl = "https://a".parse().unwrap();
        assert_eq!(url.join("/sign-in"), "https://a/sign-in");
    }

    #[test]
    fn other_texts_are_not_origins() {
        for text in [
            "",
            "a",
            "a.example.org",
            "//a",
            "https://",
            "https://:443",
            "https://a:0",
            "https://a:",
            "https://a:65536",
            "https://a/desk",
            "https://a//",
            "https://a?x",
            "https://a/?x",
            "https://a#x",
            "https://a/#",
            "https://me@a",
            "https://me:secret@a",
            "https://*.example.org",
            "https://b\u{fc}cher.example",
            "https://a b",
            "http://signoff.example.org",
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "ftp://127.0.0.1",
            "javascript:alert(1)",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(PublicUrlError), "{text}");
        }
    }

    #[test]
    fn a_value_of_host_is_a_host_with_at_most_a_port() {
        for (text, value) in [("A.example", "a.example"), ("10.0.0.1:80", "10.0.0.1:80"), ("[::1]", "[::1]")] {
            assert_eq!(host_value(text).as_deref(), Some(value));
        }
        for text in ["", "https://a", "a/b", "a:", "a:0", "a:x", "me@a", "*.a", "a b", "a,b", ":80"] {
            assert_eq!(host_value(text), None, "{text}");
        }
    }
}
