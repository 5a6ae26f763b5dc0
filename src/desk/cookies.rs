//! The cookie of a session.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};

/// Name of the cookie where the browser speaks TLS. Browsers accept the prefix only with `Secure`, `Path=/` and without
/// a domain: another host, or a page without TLS, cannot set it.
const SECURE: &str = "__Host-signoff";

/// Name of the cookie on loopback without TLS, where browsers reject `__Host-`; the port follows. Cookies do not know
/// ports: two servers on one machine would end each other's sessions.
const PLAIN: &str = "signoff_session_";

/// How cookies are set: by whether browsers reach the desk by TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookies {
    /// Browsers speak TLS to the desk, or to a proxy in front of it.
    pub(super) secure: bool,
    /// The port that the server listens on.
    pub(super) port: u16,
}

impl Cookies {
    fn name(self) -> Cow<'static, str> {
        if self.secure { SECURE.into() } else { format!("{PLAIN}{}", self.port).into() }
    }

    /// The session's secret in a request. A request with several such cookies has none.
    pub(super) fn session(self, headers: &HeaderMap) -> Option<String> {
        named(headers, &self.name())
    }

    /// Sets the session's cookie. It ends with the browser's session; the server ends it earlier.
    pub(super) fn set_session(self, secret: &str) -> HeaderValue {
        self.set(&self.name(), secret, None)
    }

    /// Removes the session's cookie.
    pub(super) fn clear_session(self) -> HeaderValue {
        self.set(&self.name(), "", Some(0))
    }

    /// A cookie for all paths, which scripts cannot read, and which other sites' forms do not send.
    pub(super) fn set(self, name: &str, value: &str, max_age: Option<i64>) -> HeaderValue {
        let mut cookie = Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax);
        if self.secure {
            cookie = cookie.secure(true);
        }
        let mut text = cookie.build().to_string();
        if let Some(seconds) = max_age {
            text.push_str(&format!("; Max-Age={seconds}"));
        }
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The value of the only cookie with this name.
pub(super) fn named(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| Cookie::split_parse(line).filter_map(Result::ok).collect::<Vec<_>>());
    let mut found = cookies.filter(|cookie| cookie.name() == name);
    let first = found.next()?;
    found.next().is_none().then(|| first.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
        let [secure, plain] = [true, false].map(|secure| Cookies { secure, port: 7766 });
        assert_eq!(secure.set_session("a"), "__Host-signoff=a; HttpOnly; SameSite=Lax; Secure; Path=/");
        assert_eq!(plain.set_session("a"), "signoff_session_7766=a; HttpOnly; SameSite=Lax; Path=/");
        assert_eq!(plain.clear_session(), "signoff_session_7766=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            Cookies { secure: false, port: 7766 }.session(&headers)
        };
        assert_eq!(of(&["a=b; signoff_session_7766=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(of(&["a=b", "signoff_session_7766=x"]).as_deref(), Some("x"));
        assert_eq!(of(&["signoff_session_7766=x; signoff_session_7766=y"]), None);
        assert_eq!(of(&["__Host-signoff=x"]), None);
        assert_eq!(of(&[]), None);
    }
}
