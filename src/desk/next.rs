//! The page to go to after a sign-in.

/// A path on this server. Anything else would let a link lead people from the sign-in to another site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next(String);

/// Maximum length of the path and its query, in bytes: it travels in a cookie to an OpenID provider and back.
const NEXT_MAX: usize = 1_024;

impl Next {
    /// The path, if it is one of this server's pages, else the first page.
    pub(crate) fn of(path: Option<&str>) -> Self {
        Self(path.filter(|path| is_page(path)).unwrap_or("/").to_owned())
    }

    /// The path with its query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The sign-in page that leads there.
    pub(crate) fn sign_in(&self) -> String {
        self.after("/sign-in")
    }

    /// The link to the OpenID provider that leads there.
    pub(crate) fn openid(&self) -> String {
        self.after("/sign-in/openid")
    }

    /// The same link, for a browser that is sent from another of the server's names.
    pub(crate) fn openid_at_public_url(&self) -> String {
        format!("/sign-in/openid?here=1&next={}", percent(&self.0))
    }

    fn after(&self, path: &str) -> String {
        if self.0 == "/" { path.to_owned() } else { format!("{path}?next={}", percent(&self.0)) }
    }
}

/// Whether a text is the path of a page, and not of a sign-in or sign-out. Browsers ignore control characters in URLs,
/// read a backslash as a slash, and resolve dots.
fn is_page(next: &str) -> bool {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let dots = |part: &str| matches!(&*part.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    next.len() <= NEXT_MAX
        && next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !path.split('/').any(dots)
        && !path.split('/').nth(1).is_some_and(|first| ["sign-in", "sign-out"].contains(&first))
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_server_are_followed() {
        let longest = format!("/{}", "a".repeat(NEXT_MAX - 1));
        for path in [
            "/",
            "/approvals/0192?tab=raw#votes",
            "/history?tool=a&status=approved",
            "/history?next=https://evil",
            "/sign-in-help",
            &longest,
        ] {
            assert_eq!(Next::of(Some(path)).as_str(), path);
        }
        for path in [
            "",
            "evil",
            "//evil",
            "///evil",
            "/\\evil",
            "\\\\evil",
            "/\t/evil",
            "\t//evil",
            "/\n/evil",
            " //evil",
            "/ b",
            "/a\r\nset-cookie: a=b",
            "/caf\u{e9}",
            "https://evil",
            "https:evil",
            "javascript:alert(1)",
            "/.//evil",
            "/a/..//evil",
            "/%2E%2e//evil",
            "/sign-in",
            "/sign-in/openid/callback?code=a&state=b",
            "/sign-out",
            "/x/../sign-out",
            &format!("{longest}a"),
        ] {
            assert_eq!(Next::of(Some(path)).as_str(), "/", "{path:?}");
        }
        assert_eq!(Next::of(None).as_str(), "/");
    }

    #[test]
    fn the_page_survives_the_sign_in() {
        let next = Next::of(Some("/h?a=b&c"));
        assert_eq!(next.sign_in(), "/sign-in?next=/h%3Fa%3Db%26c");
        assert_eq!(next.openid(), "/sign-in/openid?next=/h%3Fa%3Db%26c");
        assert_eq!(next.openid_at_public_url(), "/sign-in/openid?here=1&next=/h%3Fa%3Db%26c");
        assert_eq!((Next::of(None).sign_in(), Next::of(None).openid()), ("/sign-in".into(), "/sign-in/openid".into()));
    }
}
