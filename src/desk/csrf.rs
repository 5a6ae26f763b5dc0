//! Protection from forms of other sites (CSRF): each form carries a text that only this session's pages know, and the
//! browser says where the form came from.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The form field with the token.
pub(super) const FIELD: &str = "csrf";

/// The token of a session. It reveals nothing about the session's secret.
#[derive(Clone, Debug)]
pub(super) struct CsrfToken(String);

impl CsrfToken {
    pub(super) fn of_session(secret: &str) -> Self {
        let hash = Sha256::new().chain_update(b"signoff desk csrf\0").chain_update(secret).finalize();
        Self(URL_SAFE_NO_PAD.encode(hash))
    }

    /// Whether a form of this session sent it.
    pub(super) fn accepts(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl std::fmt::Display for CsrfToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a form came from, as far as the browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A page of this origin.
    Own,
    /// Another page.
    Foreign,
    /// The browser does not say. Old browsers omit `Sec-Fetch-Site`, and without a referrer they send no origin.
    Unknown,
}

/// The source of a request. Scripts cannot set these headers.
pub(super) fn source(headers: &HeaderMap, host: &str) -> Source {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return if site == "same-origin" { Source::Own } else { Source::Foreign };
    }
    match text(header::ORIGIN) {
        None | Some("null") => Source::Unknown,
        Some(origin) => {
            let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
            if own { Source::Own } else { Source::Foreign }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_session() {
        let token = CsrfToken::of_session("a");
        assert!(token.accepts(&token.to_string()));
        for other in ["", "a", &CsrfToken::of_session("b").to_string()] {
            assert!(!token.accepts(other), "{other}");
        }
    }

    #[test]
    fn the_browser_says_where_a_form_came_from() {
        let of = |lines: &[(&'static str, &str)]| {
            let lines =
                lines.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
            source(&lines.collect(), "desk.example:7766")
        };
        assert_eq!(of(&[("sec-fetch-site", "same-origin")]), Source::Own);
        assert_eq!(of(&[("sec-fetch-site", "same-origin"), ("origin", "null")]), Source::Own);
        for site in ["cross-site", "same-site", "none", "x"] {
            assert_eq!(
                of(&[("sec-fetch-site", site), ("origin", "https://desk.example:7766")]),
                Source::Foreign,
                "{site}"
            );
        }
        assert_eq!(of(&[("origin", "https://DESK.example:7766")]), Source::Own);
        for origin in ["https://desk.example", "https://desk.example:7766.evil", "https://evil", "desk.example:7766"] {
            assert_eq!(of(&[("origin", origin)]), Source::Foreign, "{origin}");
        }
        assert_eq!(of(&[]), Source::Unknown);
        assert_eq!(of(&[("origin", "null")]), Source::Unknown);
    }
}
