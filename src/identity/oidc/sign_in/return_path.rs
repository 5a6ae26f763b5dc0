/// Maximum length of a path to return to: it travels in a cookie.
const PATH_MAX: usize = 1024;

/// The page to go to after a sign-in: `next`, if it is a path on this server; else the first page.
///
/// Anybody can send a person to a sign-in with a `next` of their choice; it must never lead to another server, nor to
/// the sign-in itself. Browsers ignore control characters in URLs, and read a backslash as a slash.
#[must_use]
pub fn return_path(next: &str) -> &str {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let good = next.len() <= PATH_MAX
        && next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        // Browsers resolve these, possibly to one of the paths below.
        && !path.split('/').any(|part| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
        && !["sign-in", "sign-out"].iter().any(|action| path[1..].split('/').next() == Some(action));
    if good { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_server_are_returned_to() {
        let longest = format!("/{}", "a".repeat(PATH_MAX - 1));
        for next in ["/", "/approvals/0198?tab=raw#votes", "/history?next=https://evil.example", "/sign-in-help", &longest]
        {
            assert_eq!(return_path(next), next);
        }
        for next in [
            "",
            "approvals",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            "/\n/evil.example",
            " //evil.example",
            "/a\r\nset-cookie: a=b",
            "/caf\u{e9}",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2E%2e//evil.example",
            "/sign-in",
            "/sign-in/openid/callback?code=a&state=b",
            "/sign-out",
            "/x/../sign-out",
            &format!("{longest}a"),
        ] {
            assert_eq!(return_path(next), "/", "{next:?}");
        }
    }
}
