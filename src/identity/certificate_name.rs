//! The name that identifies a certificate's holder, and globs that match such names.

use std::{fmt, str::FromStr};

use globset::{Glob, GlobBuilder, GlobMatcher};

use super::PeerCertificate;

/// Maximum length of a name and of a glob, in characters, with the prefix of its kind.
const NAME_MAX: usize = 256;

/// Kinds of names, with OpenSSL's prefixes: a name of one kind cannot imitate one of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Uri,
    Dns,
    Mail,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Uri, Self::Dns, Self::Mail];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Uri => "URI:",
            Self::Dns => "DNS:",
            Self::Mail => "email:",
        }
    }

    /// The normalized form of a name or glob, for comparisons: DNS names and the domains of email addresses are
    /// case-insensitive. `None` if it is not valid for this kind.
    fn normal(self, name: &str) -> Option<String> {
        match self {
            Self::Uri => (!name.is_empty()).then(|| name.to_owned()),
            Self::Dns => labels(name),
            Self::Mail => {
                let (local, domain) = name.split_once('@').filter(|(local, _)| !local.is_empty())?;
                Some(format!("{local}@{}", labels(domain)?))
            }
        }
    }

    /// Splits a normalized name or glob into parts, with labels separated by `/`: `*` matches within one label.
    fn parts(self, normal: &str) -> Vec<String> {
        match self {
            Self::Uri => vec![normal.to_owned()],
            Self::Dns => vec![normal.replace('.', "/")],
            Self::Mail => {
                let (local, domain) = normal.split_once('@').unwrap_or((normal, ""));
                vec![local.to_owned(), domain.replace('.', "/")]
            }
        }
    }
}

/// A domain in lower case. Rejects `/`, which would act as the end of a label, and `@`, which would act as the end of
/// an email address's local part.
fn labels(domain: &str) -> Option<String> {
    let sound = domain.split('.').all(|label| !label.is_empty() && !label.contains(['/', '@']));
    sound.then(|| domain.to_ascii_lowercase())
}

/// Whether a normalized domain names one host, without a wildcard.
fn is_host(domain: &str) -> bool {
    domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The name of a certificate's holder, such as `URI:spiffe://example.org/agents/mail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    kind: Kind,
    /// The normalized form, without the prefix.
    name: String,
}

impl CertificateName {
    /// The first URI of a certificate, or else its first DNS name, or else its first email address.
    ///
    /// The choice depends only on the certificate, so that its holder is always the same actor. `None` without a name,
    /// or if the chosen name is longer than 256 characters or does not name a single host or mailbox; no other name
    /// replaces it.
    #[must_use]
    pub fn of(certificate: &PeerCertificate) -> Option<Self> {
        let names = [&certificate.uris, &certificate.dns_names, &certificate.emails];
        let (kind, name) = Kind::ALL.into_iter().zip(names).find_map(|(kind, names)| Some((kind, names.first()?)))?;
        let name = kind.normal(name)?;
        let domain = match kind {
            Kind::Uri => "",
            Kind::Dns => &name,
            Kind::Mail => name.split_once('@').map_or("", |(_, domain)| domain),
        };
        let sound = is_host(domain) && kind.prefix().len() + name.chars().count() <= NAME_MAX;
        sound.then_some(Self { kind, name })
    }
}

/// With the prefix of its kind, as in approvals and policies.
impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.prefix(), self.name)
    }
}

/// A glob that matches names of one kind, such as `URI:spiffe://example.org/agents/*`.
///
/// `*` and `?` match within one segment: between two `/` of a URI, or two dots of a domain. `**` as a whole segment
/// matches any number of segments. A glob must match the whole name.
#[derive(Clone, Debug)]
pub struct NameGlob {
    text: String,
    kind: Kind,
    globs: Vec<GlobMatcher>,
}

/// Why a text is not a glob of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameGlobError {
    /// It has no prefix of a kind.
    #[error("does not begin with URI:, DNS: or email:")]
    Kind,
    /// It cannot match a name of its kind.
    #[error("cannot match any name")]
    Name,
    /// It is not a valid glob.
    #[error("is not a valid glob")]
    Glob,
}

impl NameGlob {
    /// Whether a name matches.
    #[must_use]
    pub fn matches(&self, name: &CertificateName) -> bool {
        let parts = || self.kind.parts(&name.name);
        self.kind == name.kind && self.globs.iter().zip(parts()).all(|(glob, part)| glob.is_match(part))
    }
}

impl FromStr for NameGlob {
    type Err = NameGlobError;

    fn from_str(text: &str) -> Result<Self, NameGlobError> {
        let kinds = Kind::ALL.into_iter();
        let (kind, glob) = kinds
            .filter_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))
            .next()
            .ok_or(NameGlobError::Kind)?;
        let nameable = text.len() <= NAME_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        let normal = kind.normal(glob).filter(|_| nameable).ok_or(NameGlobError::Name)?;
        let globs = kind.parts(&normal).iter().map(|part| compile(part)).collect::<Result<_, _>>();
        let globs = globs.map_err(|_| NameGlobError::Glob)?;
        Ok(Self { text: format!("{}{normal}", kind.prefix()), kind, globs })
    }
}

fn compile(part: &str) -> Result<GlobMatcher, globset::Error> {
    let glob: Glob = GlobBuilder::new(part).literal_separator(true).backslash_escape(true).build()?;
    // One matcher per glob, by its regular expression: a `GlobSet` would match names as file paths.
    Ok(glob.compile_matcher())
}

impl fmt::Display for NameGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for NameGlob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for NameGlob {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Time;

    fn certificate(uris: &[&str], dns_names: &[&str], emails: &[&str]) -> PeerCertificate {
        let [uris, dns_names, emails] =
            [uris, dns_names, emails].map(|names| names.iter().map(ToString::to_string).collect());
        PeerCertificate { uris, dns_names, emails, not_after: Time::MAX_UTC, issuer: String::new() }
    }

    fn name(certificate: &PeerCertificate) -> Option<String> {
        CertificateName::of(certificate).map(|name| name.to_string())
    }

    #[test]
    fn a_certificate_has_one_name() {
        let of = |uris: &[&str], dns: &[&str], emails: &[&str]| name(&certificate(uris, dns, emails));
        assert_eq!(of(&["spiffe://b", "spiffe://a"], &["a"], &["a@a"]).as_deref(), Some("URI:spiffe://b"));
        assert_eq!(of(&[], &["b.Example.ORG", "a"], &["a@a"]).as_deref(), Some("DNS:b.example.org"));
        assert_eq!(of(&[], &[], &["Bot/1@Example.ORG", "a@a"]).as_deref(), Some("email:Bot/1@example.org"));
        assert_eq!(of(&[], &[], &[]), None);
    }

    #[test]
    fn no_other_name_replaces_an_invalid_one() {
        let long = format!("spiffe://{}", "x".repeat(NAME_MAX));
        assert_eq!(name(&certificate(&[&long], &["a"], &[])), None);
        assert!(name(&certificate(&[&long[..NAME_MAX - 4]], &[], &[])).is_some());
        for dns in ["*.example.org", "a/b.example.org", "a..b", ".a", "a.", ".", "a:b", "spiffe://example.org/agents/a"]
        {
            assert_eq!(name(&certificate(&[], &[dns, "good"], &["good@good"])), None, "{dns}");
        }
        for mail in ["a", "@a", "a@", "a@b@c", "\"a@b\"@c", "a@b/c", "a@*.b", "a@.b", "a@[::1]"] {
            assert_eq!(name(&certificate(&[], &[], &[mail, "good@good"])), None, "{mail}");
        }
    }

    /// Whether a certificate with only this name matches.
    fn matches(glob: &str, typed: &str) -> bool {
        let (kind, plain) = typed.split_once(':').unwrap();
        let certificate = match kind {
            "URI" => certificate(&[plain], &[], &[]),
            "DNS" => certificate(&[], &[plain], &[]),
            _ => certificate(&[], &[], &[plain]),
        };
        let name = CertificateName::of(&certificate).unwrap_or_else(|| panic!("{typed} is not a name"));
        glob.parse::<NameGlob>().unwrap().matches(&name)
    }

    #[test]
    fn stars_match_within_a_segment() {
        let globs: &[(&str, &[&str], &[&str])] = &[
            (
                "URI:spiffe://example.org/agents/*",
                &["URI:spiffe://example.org/agents/a", "URI:spiffe://example.org/agents/a.b-c%2Fd"],
                &[
                    "URI:spiffe://example.org/agents/a/b",
                    "URI:spiffe://example.org/agents",
                    "URI:spiffe://example.org/agents2/a",
                    "URI:spiffe://example.org.evil/agents/a",
                    "URI:spiffe://evil/spiffe://example.org/agents/a",
                    "URI:spiffe://example.org/Agents/a",
                    "URI:SPIFFE://example.org/agents/a",
                    "URI:xspiffe://example.org/agents/a",
                ],
            ),
            (
                "URI:spiffe://example.org/agents/**",
                &["URI:spiffe://example.org/agents/a", "URI:spiffe://example.org/agents/a/b"],
                &["URI:spiffe://example.org/agents", "URI:spiffe://example.org/agents2/a"],
            ),
            (
                "URI:spiffe://*.org/a",
                &["URI:spiffe://example.org/a"],
                &["URI:spiffe://evil/example.org/a", "URI:spiffe://example.org/b"],
            ),
            (
                "URI:spiffe://example.org/a?[!x]",
                &["URI:spiffe://example.org/abc"],
                &["URI:spiffe://example.org/ab/", "URI:spiffe://example.org/a/b", "URI:spiffe://example.org/abx"],
            ),
            (
                "DNS:*.Agents.example.org",
                &["DNS:a.agents.example.org", "DNS:A.AGENTS.example.org"],
                &[
                    "DNS:a.b.agents.example.org",
                    "DNS:agents.example.org",
                    "DNS:a.agents.example.org.evil",
                    "DNS:aXagents.example.org",
                    "URI:a.agents.example.org",
                    "email:a@a.agents.example.org",
                ],
            ),
            (
                "DNS:**.example.org",
                &["DNS:a.example.org", "DNS:a.b.example.org", "DNS:example.org"],
                &["DNS:aexample.org", "DNS:a.example.org.evil"],
            ),
            ("DNS:a[!b].org", &["DNS:ac.org"], &["DNS:a.org", "DNS:ab.org"]),
            ("DNS:a[+-9]b", &["DNS:a-b", "DNS:a3b"], &["DNS:a.b"]),
            ("DNS:bot", &["DNS:bot", "DNS:BOT"], &["DNS:bot2", "DNS:a.bot", "URI:bot", "email:bot@bot"]),
            (
                "email:*@Example.org",
                &["email:first.last@example.org", "email:First@EXAMPLE.org"],
                &["email:a@eng.example.org", "email:a@example.org.evil", "email:x/y@example.org", "URI:a@example.org"],
            ),
            ("email:Bot@*.org", &["email:Bot@example.org"], &["email:bot@example.org", "email:Bot@eng.example.org"]),
            ("email:**@y.org", &["email:a/b@y.org"], &["email:a@x.y.org"]),
            ("URI:**", &["URI:spiffe://a/b", "URI:urn:a"], &["DNS:a", "email:a@a"]),
            ("DNS:**", &["DNS:a", "DNS:a.b"], &["URI:a"]),
        ];
        for (glob, matching, others) in globs {
            for name in *matching {
                assert!(matches(glob, name), "{glob} {name}");
            }
            for name in *others {
                assert!(!matches(glob, name), "{glob} {name}");
            }
        }
    }

    #[test]
    fn invalid_globs_are_rejected() {
        use NameGlobError::{Glob, Kind, Name};
        let long = format!("URI:{}", "x".repeat(NAME_MAX - 3));
        for (text, error) in [
            ("", Kind),
            ("*", Kind),
            ("spiffe://example.org/a", Kind),
            ("uri:spiffe://example.org/a", Kind),
            ("dns:a", Kind),
            ("IP:127.0.0.1", Kind),
            ("CN:a", Kind),
            (" URI:a", Kind),
            ("URI:", Name),
            ("DNS:", Name),
            ("DNS:a/b", Name),
            ("DNS:.example.org", Name),
            ("DNS:a@b", Name),
            ("email:", Name),
            ("email:*", Name),
            ("email:@a", Name),
            ("email:a@", Name),
            ("email:a@b@c", Name),
            ("URI:a b", Name),
            ("URI:\u{e4}", Name),
            (&long, Name),
            ("URI:a[", Glob),
            ("URI:{a", Glob),
            ("DNS:a\\", Glob),
            ("email:a[@b]", Glob),
        ] {
            assert_eq!(text.parse::<NameGlob>().unwrap_err(), error, "{text}");
        }
        assert_eq!("DNS:A.b".parse::<NameGlob>().unwrap().to_string(), "DNS:a.b");
        assert_eq!("DNS:A.b".parse::<NameGlob>(), "DNS:a.B".parse());
        assert_ne!("DNS:a".parse::<NameGlob>(), "URI:a".parse());
    }
}
