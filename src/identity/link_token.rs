//! Tokens of one-tap links: what one person may decide about one call, signed by this server.
//!
//! A token proves only that this server made the link. It is no credential: deciding needs the session of the person
//! who is named in it. So a token that somebody else reads, as programs that look at mail do, gives them nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::{Actor, ApprovalId, Choice, Digest, SigningKey, Time, name::composed};

/// The version of the format, in the first byte.
const VERSION: u8 = 1;

/// Length of each part, in order, after the version.
const ID: usize = 16;
const DIGEST: usize = 32;
const PERSON: usize = 16;
const CHOICE: usize = 1;
const SECONDS: usize = 8;
const NONCE: usize = 12;
const TAG: usize = 32;

const SIGNED: usize = 1 + ID + DIGEST + PERSON + CHOICE + SECONDS + NONCE;
const TOKEN: usize = SIGNED + TAG;

/// Length of a token, in characters.
pub const LINK_TOKEN_LEN: usize = (TOKEN * 8).div_ceil(6);

/// Codes of the choices. A code is never reused for another choice.
const APPROVE: u8 = 1;
const REJECT: u8 = 2;

/// What a link lets its person decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkToken {
    /// The approval.
    pub approval: ApprovalId,
    /// The digest of the arguments that the link is about.
    pub digest: Digest,
    /// Approve or reject.
    pub choice: Choice,
    /// The link cannot be used from this time on. Whole seconds.
    pub expires_at: Time,
    /// Makes each link one of its own.
    nonce: [u8; NONCE],
    /// The person, as a keyed hash: who reads the link does not learn for whom it is.
    person: [u8; PERSON],
}

/// A text that this server has not signed as a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a link of this server")]
pub struct NotALink;

impl LinkToken {
    /// The link of a person. Its nonce is random.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(
        key: &SigningKey,
        person: &Actor,
        (approval, digest): (ApprovalId, Digest),
        choice: Choice,
        expires_at: Time,
    ) -> Result<Self, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let person = hash_of(key, person);
        Ok(Self { approval, digest, choice, expires_at, nonce, person })
    }

    /// The token.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let mut bytes = Vec::with_capacity(TOKEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.approval.uuid().as_bytes());
        bytes.extend_from_slice(self.digest.as_bytes());
        bytes.extend_from_slice(&self.person);
        bytes.push(match self.choice {
            Choice::Approve => APPROVE,
            Choice::Reject => REJECT,
        });
        bytes.extend_from_slice(&self.expires_at.timestamp().to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        let tag = signature(key, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When this server did not sign it with this key, or with another version of the format.
    pub fn read(key: &SigningKey, token: &str) -> Result<Self, NotALink> {
        if token.len() != LINK_TOKEN_LEN {
            return Err(NotALink);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| NotALink)?;
        let (signed, tag) = bytes.split_at_checked(SIGNED).ok_or(NotALink)?;
        signature(key, signed).verify_slice(tag).map_err(|_| NotALink)?;
        // The signature is ours, so all that follows is as `sign` wrote it.
        let (version, rest) = signed.split_first_chunk::<1>().ok_or(NotALink)?;
        let (id, rest) = rest.split_first_chunk::<ID>().ok_or(NotALink)?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST>().ok_or(NotALink)?;
        let (person, rest) = rest.split_first_chunk::<PERSON>().ok_or(NotALink)?;
        let (choice, rest) = rest.split_first_chunk::<CHOICE>().ok_or(NotALink)?;
        let (seconds, rest) = rest.split_first_chunk::<SECONDS>().ok_or(NotALink)?;
        let nonce = rest.try_into().map_err(|_| NotALink)?;
        let choice = match *choice {
            [APPROVE] => Choice::Approve,
            [REJECT] => Choice::Reject,
            _ => return Err(NotALink),
        };
        if *version != [VERSION] {
            return Err(NotALink);
        }
        Ok(Self {
            approval: ApprovalId::new(Uuid::from_bytes(*id)),
            digest: Digest::from_bytes(*digest),
            choice,
            expires_at: Time::from_timestamp(i64::from_be_bytes(*seconds), 0).ok_or(NotALink)?,
            nonce,
            person: *person,
        })
    }

    /// Whether the link was made for this person.
    #[must_use]
    pub fn is_for(&self, key: &SigningKey, person: &Actor) -> bool {
        self.person == hash_of(key, person)
    }

    /// The idempotency key of the decision: a link decides once.
    #[must_use]
    pub fn request_id(&self) -> String {
        format!("link:{}", URL_SAFE_NO_PAD.encode(self.nonce))
    }
}

/// Signatures and hashes of people begin differently, so that neither can stand for the other.
fn signature(key: &SigningKey, signed: &[u8]) -> Hmac<Sha256> {
    keyed(key, b"link\0", &[signed])
}

/// People are compared by issuer and subject, as everywhere.
fn hash_of(key: &SigningKey, Actor { issuer, subject, .. }: &Actor) -> [u8; PERSON] {
    let (issuer, subject) = (composed(issuer), composed(subject));
    let hash = keyed(key, b"person\0", &[issuer.as_bytes(), b"\0", subject.as_bytes()]).finalize().into_bytes();
    let mut first = [0; PERSON];
    first.copy_from_slice(&hash[..PERSON]);
    first
}

fn keyed(key: &SigningKey, kind: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A key as long as a block: HMAC fills shorter ones with zeros itself.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key.reveal());
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(kind);
    parts.iter().for_each(|part| mac.update(part));
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::samples::{at, id, reviewer};

    const KEY: SigningKey = SigningKey::new([7; 32]);

    fn link(choice: Choice) -> LinkToken {
        LinkToken::new(&KEY, &reviewer(1), (id(0, 1), Digest::of_bytes(b"x")), choice, at(900)).unwrap()
    }

    #[test]
    fn a_link_says_what_was_signed() {
        for choice in [Choice::Approve, Choice::Reject] {
            let link = link(choice);
            let token = link.sign(&KEY);
            assert_eq!((token.len(), LINK_TOKEN_LEN), (158, 158));
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
            let read = LinkToken::read(&KEY, &token).unwrap();
            assert_eq!(read, link);
            assert!(read.is_for(&KEY, &reviewer(1)) && !read.is_for(&KEY, &reviewer(2)));
        }
        let [one, other] = [link(Choice::Approve), link(Choice::Approve)];
        assert!(one.request_id() != other.request_id() && one.request_id().starts_with("link:"));
        assert_eq!(one.request_id().len(), "link:".len() + 16);
    }

    #[test]
    fn a_person_is_an_issuer_and_a_subject() {
        let link = link(Choice::Approve);
        let person = |issuer: &str, subject: &str| Actor {
            issuer: issuer.into(),
            subject: subject.into(),
            kind: crate::domain::ActorKind::Person,
        };
        assert!(link.is_for(&KEY, &person("test", "reviewer-1")));
        for (issuer, subject) in [("other", "reviewer-1"), ("test", "reviewer-11"), ("testr", "eviewer-1"), ("", "")] {
            assert!(!link.is_for(&KEY, &person(issuer, subject)), "{issuer} {subject}");
        }
        assert!(!link.is_for(&SigningKey::new([8; 32]), &reviewer(1)));
    }

    /// The format of links that are on their way when a server is upgraded.
    #[test]
    fn the_format_is_pinned() {
        let link = LinkToken { nonce: [3; NONCE], ..link(Choice::Reject) };
        assert_eq!(
            link.sign(&KEY),
            "AQGjGFxQAHAAgAAAAAAAAAEtcRZCtyawRAFifKn7rDL1yFMPsZA8xNsCJYcXkhpIgX2Mk1w7-_SmvXUczEYjAxsCAAAAAGtJ1YQDAwMDAw\
             MDAwMDAwO7JPeMmP4b5yQseCFqDj_TbL6dtepFTRQkzLRQN9XDqA"
        );
    }

    #[test]
    fn other_texts_are_no_links() {
        let token = link(Choice::Approve).sign(&KEY);
        let other = SigningKey::new([8; 32]);
        assert_eq!(LinkToken::read(&other, &token), Err(NotALink));
        for text in ["", "x", &token[1..], &format!("{token}="), &format!("{token}A"), &"A".repeat(LINK_TOKEN_LEN)] {
            assert_eq!(LinkToken::read(&KEY, text), Err(NotALink), "{text}");
        }
    }

    /// Unknown versions and choices are rejected even with our signature: a later build may give them a meaning.
    #[test]
    fn unknown_codes_are_rejected() {
        let bytes = URL_SAFE_NO_PAD.decode(link(Choice::Approve).sign(&KEY)).unwrap();
        for (at, code) in [(0, 0), (0, 2), (1 + ID + DIGEST + PERSON, 0), (1 + ID + DIGEST + PERSON, 3)] {
            let mut signed = bytes[..SIGNED].to_vec();
            signed[at] = code;
            let tag = signature(&KEY, &signed).finalize().into_bytes();
            signed.extend_from_slice(&tag);
            assert_eq!(LinkToken::read(&KEY, &URL_SAFE_NO_PAD.encode(signed)), Err(NotALink), "{at} {code}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_bit_breaks_the_link(bit in 0..TOKEN * 8, approves: bool) {
            let token = link(if approves { Choice::Approve } else { Choice::Reject }).sign(&KEY);
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(LinkToken::read(&KEY, &URL_SAFE_NO_PAD.encode(bytes)), Err(NotALink));
        }

        #[test]
        fn a_changed_character_breaks_the_link(place in 0..LINK_TOKEN_LEN, character: char) {
            let token = link(Choice::Approve).sign(&KEY);
            let changed: String =
                token.chars().enumerate().map(|(at, c)| if at == place { character } else { c }).collect();
            prop_assume!(changed != token);
            prop_assert_eq!(LinkToken::read(&KEY, &changed), Err(NotALink));
        }
    }
}
