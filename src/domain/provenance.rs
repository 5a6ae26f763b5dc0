use serde::{Deserialize, Serialize};

use super::limits::{OPENED_BYTES_MAX, OPENED_CHARS_MAX, OPENED_MAX};

/// How a person's call reached the server, as the server knows it. Never taken from the content of a request, apart
/// from `opened`, which is what the reviewer's page says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Where the person acted.
    pub surface: Surface,
    /// How the person was authenticated.
    pub assurance: Assurance,
    /// The parts of the approval that the person opened before acting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<String>,
}

/// Where a person acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// The gRPC API: the command, or another program.
    Grpc,
    /// The pages of this server.
    Desk,
    /// A message in Slack.
    Slack,
    /// A one-tap link in a message.
    Link,
}

/// How a person was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// By a session at the desk.
    Session,
    /// By another system that named the person: a chat, or a bridge that decides for others.
    Chat,
    /// By a one-tap link alone.
    Link,
    /// By the credentials of the call: a token, or a client certificate.
    Token,
}

/// The weakest authentication with which a vote may approve. Rejections are always accepted, because they let nothing
/// run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinAssurance {
    /// Another system may name the voter: a chat, or a bridge that decides for others.
    Chat,
    /// The voter shows credentials to this server: a session, a token or a client certificate.
    #[default]
    Credentials,
}

impl MinAssurance {
    /// Whether a voter who was authenticated in this way may approve. A link alone never approves.
    #[must_use]
    pub const fn accepts(self, assurance: Assurance) -> bool {
        match assurance {
            Assurance::Session | Assurance::Token => true,
            Assurance::Chat => matches!(self, Self::Chat),
            Assurance::Link => false,
        }
    }

    /// Its name on the wire, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "CHAT",
            Self::Credentials => "CREDENTIALS",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) const fn is_default(&self) -> bool {
        matches!(self, Self::Credentials)
    }
}

impl Assurance {
    /// Its name on the wire, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "SESSION",
            Self::Chat => "CHAT",
            Self::Link => "LINK",
            Self::Token => "TOKEN",
        }
    }
}

/// Why a list of opened parts is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenedError {
    /// Too many parts.
    #[error("{found} opened parts; at most {OPENED_MAX} are allowed")]
    TooMany {
        /// The number of parts.
        found: usize,
    },
    /// A name that is empty, too long, or has control characters.
    #[error(
        "the name of opened part {number} is not valid; allowed: 1–{OPENED_CHARS_MAX} characters, no control characters"
    )]
    Name {
        /// The position of the part; the first is 1.
        number: usize,
    },
    /// Too many bytes in all.
    #[error("the names of opened parts have {found} bytes together; at most {OPENED_BYTES_MAX} are allowed")]
    TooLong {
        /// The number of bytes.
        found: usize,
    },
}

/// Checks the parts that a reviewer opened.
///
/// # Errors
/// The first rule that they break.
pub fn check_opened(opened: &[String]) -> Result<(), OpenedError> {
    if opened.len() > OPENED_MAX {
        return Err(OpenedError::TooMany { found: opened.len() });
    }
    if let Some(at) = opened.iter().position(|name| !is_valid(name)) {
        return Err(OpenedError::Name { number: at + 1 });
    }
    match opened.iter().map(String::len).sum() {
        0..=OPENED_BYTES_MAX => Ok(()),
        found => Err(OpenedError::TooLong { found }),
    }
}

/// Makes a list that [`check_opened`] accepts: it drops repetitions and control characters, cuts long names, and leaves
/// out what is too much. A part can be named after a key of the arguments. So an agent that chose very long keys would
/// otherwise prevent every decision of those who open them.
pub fn bounded_opened(opened: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let (mut bounded, mut bytes) = (Vec::<String>::new(), 0);
    for name in opened {
        let mut visible = name.as_ref().chars().filter(|c| !c.is_control());
        let mut name: String = visible.by_ref().take(OPENED_CHARS_MAX).collect();
        if visible.next().is_some() {
            name.pop();
            name.push('…');
        }
        if name.is_empty() || bounded.contains(&name) {
            continue;
        }
        if bounded.len() == OPENED_MAX || bytes + name.len() > OPENED_BYTES_MAX {
            break;
        }
        bytes += name.len();
        bounded.push(name);
    }
    bounded
}

fn is_valid(name: &str) -> bool {
    let length = name.chars().count();
    (1..=OPENED_CHARS_MAX).contains(&length) && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_approve_and_a_link_alone_never_does() {
        use Assurance::{Chat, Link, Session, Token};
        let accepted = |least: MinAssurance| [Session, Token, Chat, Link].map(|assurance| least.accepts(assurance));
        assert_eq!(accepted(MinAssurance::default()), [true, true, false, false]);
        assert_eq!(accepted(MinAssurance::Chat), [true, true, true, false]);
        assert!(MinAssurance::Chat < MinAssurance::Credentials, "the strictest is the greatest");
    }

    #[test]
    fn opened_parts_have_limits() {
        let names = |count: usize, length: usize| vec!["x".repeat(length); count];
        for allowed in [names(0, 0), names(1, 1), names(OPENED_MAX, OPENED_CHARS_MAX), vec!["args.né\u{202e}".into()]]
        {
            assert_eq!(check_opened(&allowed), Ok(()));
        }
        for (rejected, error) in [
            (names(OPENED_MAX + 1, 1), OpenedError::TooMany { found: 65 }),
            (names(1, OPENED_CHARS_MAX + 1), OpenedError::Name { number: 1 }),
            (vec!["a".into(), String::new()], OpenedError::Name { number: 2 }),
            (vec!["a\n".into()], OpenedError::Name { number: 1 }),
            (vec!["é".repeat(OPENED_CHARS_MAX); 33], OpenedError::TooLong { found: 8_448 }),
        ] {
            assert_eq!(check_opened(&rejected), Err(error));
        }
        let said = OpenedError::Name { number: 2 }.to_string();
        assert_eq!(said, "the name of opened part 2 is not valid; allowed: 1–128 characters, no control characters");
    }

    #[test]
    fn too_much_is_cut_and_left_out() {
        assert_eq!(bounded_opened(["raw", "", "args.a\nb", "raw", "\u{7}"]), ["raw", "args.ab"]);
        let long = &bounded_opened(["é".repeat(OPENED_CHARS_MAX), "é".repeat(OPENED_CHARS_MAX + 1)]);
        assert_eq!(long[0].chars().count(), OPENED_CHARS_MAX);
        assert_eq!(long[1], format!("{}…", "é".repeat(OPENED_CHARS_MAX - 1)));
        for width in ["x", "\u{1d538}"] {
            let many = bounded_opened((0..200).map(|n| format!("{n}{}", width.repeat(200))));
            assert_eq!(check_opened(&many), Ok(()));
            assert!(many.len() == OPENED_MAX || many.len() * 4 * OPENED_CHARS_MAX > OPENED_BYTES_MAX - 1_024);
        }
    }
}
