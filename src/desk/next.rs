//! The page to go to after a sign-in.

/// A path on this server. Anything else would let a link lead people from the sign-in to another site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next(String);

/// Maximum length of the path and its query, in bytes.
const NEXT_MAX: usize = 2_048;

impl Next {
    /// The path, if it is one of this server, else the first page.
    pub(crate) fn of(path: Option<&str>) -> Self {
        let own = |path: &&str| {
            let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
            path.len() <= NEXT_MAX && path.starts_with('/') && !path.starts_with("//") && plain
        };
        Self(path.filter(own).unwrap_or("/").to_owned())
    }

    /// The path with its query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The sign-in page that leads there.
    pub(crate) fn sign_in(&self) -> String {
        if self.0 == "/" {
            return "/sign-in".to_owned();
        }
        format!("/sign-in?next={}", percent(&self.0))
    }
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
    fn only_paths_of_this_server_are_followed() {
        for path in ["/", "/approvals/0192", "/history?tool=a&status=approved"] {
            assert_eq!(Next::of(Some(path)).as_str(), path);
        }
        let long = format!("/{}", "a".repeat(NEXT_MAX));
        for path in ["", "//evil", "/\\evil", "https://evil", "javascript:alert(1)", "/a\nb", "/ b", "evil", &long] {
            assert_eq!(Next::of(Some(path)).as_str(), "/", "{path}");
        }
        assert_eq!(Next::of(None).as_str(), "/");
        assert_eq!(Next::of(Some("/h?a=b&c")).sign_in(), "/sign-in?next=/h%3Fa%3Db%26c");
        assert_eq!(Next::of(None).sign_in(), "/sign-in");
    }
}
