use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cookie::{Cookie, SameSite};
use http::{HeaderMap, header::COOKIE};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::{Time, after};

/// Maximum time from the beginning of a sign-in to its end.
pub const ATTEMPT_TIME: Duration = Duration::from_mins(10);

/// Maximum number of sign-ins that a browser has open, in several tabs: more cookies could fill a request's headers.
const ATTEMPTS_MAX: usize = 5;

const SECRET_BYTES: usize = 32;
/// Characters of the state in a cookie's name, which separate the sign-ins of several tabs.
const NAME_CHARS: usize = 10;

/// A sign-in that began in a browser, whose cookie has a random secret.
///
/// State, nonce and PKCE verifier are hashes of the secret: the provider's answer, its ID token and its code each fit
/// one cookie only. So an answer that somebody else got, or that was meant for another tab, is worth nothing here. The
/// cookie needs no signature: an attacker who can set cookies already controls the browser's sign-in.
pub(super) struct Attempt {
    secret: [u8; SECRET_BYTES],
    /// Seconds since 1970.
    begun: i64,
    next: String,
}

impl Attempt {
    pub(super) fn new(next: &str, now: Time) -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self { secret, begun: now.timestamp(), next: next.to_owned() })
    }

    /// Sent to the provider, and back with its answer.
    pub(super) fn state(&self) -> String {
        self.derived("state")
    }

    /// Sent to the provider, and back in the ID token.
    pub(super) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// Sent with the code (RFC 7636): 43 characters.
    pub(super) fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// Sent to the provider: the hash of [`Attempt::verifier`].
    pub(super) fn challenge(&self) -> String {
        s256(&self.verifier())
    }

    pub(super) fn next(&self) -> &str {
        &self.next
    }

    pub(super) fn is_open(&self, now: Time) -> bool {
        let begun = Time::from_timestamp(self.begun, 0);
        begun.is_some_and(|begun| begun <= now && now < after(begun, ATTEMPT_TIME))
    }

    fn derived(&self, purpose: &str) -> String {
        let hash = Sha256::new().chain_update(b"signoff sign-in ").chain_update(purpose).chain_update(self.secret);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    fn to_value(&self) -> String {
        let [secret, next] = [&self.secret[..], self.next.as_bytes()].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{secret}.{}.{next}", self.begun)
    }

    fn from_value(value: &str) -> Option<Self> {
        let mut parts = value.splitn(3, '.');
        let secret = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        let begun = parts.next()?.parse().ok()?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
        Some(Self { secret, begun, next })
    }
}

/// The challenge of a PKCE verifier, by the method S256.
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// The cookies of sign-ins, one each.
#[derive(Clone, Copy)]
pub(super) struct Cookies {
    /// Whether browsers reach the server over https. Without it, they reject names that begin with `__Host-`.
    pub(super) secure: bool,
}

impl Cookies {
    const fn prefix(self) -> &'static str {
        if self.secure { "__Host-signoff_openid_" } else { "signoff_openid_" }
    }

    pub(super) fn name_of(self, attempt: &Attempt) -> String {
        format!("{}{}", self.prefix(), &attempt.state()[..NAME_CHARS])
    }

    pub(super) fn cookie_of(self, attempt: &Attempt) -> String {
        self.built(&self.name_of(attempt), &attempt.to_value(), ATTEMPT_TIME)
    }

    pub(super) fn removal(self, name: &str) -> String {
        self.built(name, "", Duration::ZERO)
    }

    /// The browser's sign-in with this state.
    pub(super) fn find(self, headers: &HeaderMap, state: &str) -> Option<Attempt> {
        let mut attempts = self.of_request(headers).into_iter().filter_map(|(_, attempt)| attempt);
        attempts.find(|attempt| attempt.state().as_bytes().ct_eq(state.as_bytes()).into())
    }

    /// The names of cookies to remove before another one is added: expired ones, and the oldest beyond the maximum.
    pub(super) fn stale(self, headers: &HeaderMap, now: Time) -> Vec<String> {
        let mut found = self.of_request(headers);
        let begun = |attempt: &Option<Attempt>| attempt.as_ref().filter(|one| one.is_open(now)).map(|one| one.begun);
        found.sort_by_key(|(_, attempt)| std::cmp::Reverse(begun(attempt)));
        let open = found.iter().filter(|(_, attempt)| begun(attempt).is_some()).count();
        found.into_iter().skip(open.min(ATTEMPTS_MAX - 1)).map(|(name, _)| name).collect()
    }

    /// The cookies of a request, with their names. HTTP/2 may split them over several headers.
    fn of_request(self, headers: &HeaderMap) -> Vec<(String, Option<Attempt>)> {
        let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = values.flat_map(Cookie::split_parse).flatten();
        let own = cookies.filter(|cookie| cookie.name().starts_with(self.prefix()));
        own.map(|cookie| (cookie.name().to_owned(), Attempt::from_value(cookie.value()))).collect()
    }

    /// `Lax`, because the provider's answer is a navigation from another site.
    fn built(self, name: &str, value: &str, age: Duration) -> String {
        let age = cookie::time::Duration::seconds(age.as_secs().cast_signed());
        let cookie = Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax).max_age(age);
        if self.secure { cookie.secure(true).to_string() } else { cookie.to_string() }
    }
}

/// Shows no secret.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("begun", &self.begun).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: Cookies = Cookies { secure: true };

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn begun(seconds: i64) -> Attempt {
        Attempt::new("/approvals?a=b", at(seconds)).unwrap()
    }

    /// A request's headers with these cookies, as a browser sends them.
    fn request<'a>(attempts: impl IntoIterator<Item = &'a Attempt>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "theme=dark; signoff_openid_AAAAAAAAAA=x.y.z".parse().unwrap());
        for attempt in attempts {
            let set = HTTPS.cookie_of(attempt);
            headers.append(COOKIE, set.split(';').next().unwrap().parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        assert_eq!(s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let attempt = begun(0);
        assert_eq!((attempt.verifier().len(), attempt.challenge()), (43, s256(&attempt.verifier())));
    }

    #[test]
    fn every_sign_in_has_other_values_and_none_shows_the_secret() {
        let (one, other) = (begun(0), begun(0));
        let values = |attempt: &Attempt| [attempt.state(), attempt.nonce(), attempt.verifier()];
        let all: std::collections::BTreeSet<_> = values(&one).into_iter().chain(values(&other)).collect();
        assert_eq!(all.len(), 6);
        let secret = URL_SAFE_NO_PAD.encode(one.secret);
        assert!(!all.contains(&secret) && !format!("{one:?}").contains(&secret));
    }

    #[test]
    fn a_cookie_stays_in_the_browser_that_began() {
        let attempt = begun(0);
        let (name, value) = (HTTPS.name_of(&attempt), attempt.to_value());
        assert_eq!(
            HTTPS.cookie_of(&attempt),
            format!("{name}={value}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600")
        );
        assert!(name.starts_with("__Host-signoff_openid_") && value.len() < 128, "{name}={value}");
        assert_eq!(HTTPS.removal(&name), format!("{name}=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"));
        let loopback = Cookies { secure: false }.cookie_of(&attempt);
        assert!(loopback.starts_with("signoff_openid_") && !loopback.contains("Secure"), "{loopback}");
    }

    #[test]
    fn an_answer_finds_only_its_own_sign_in() {
        let (one, two, other) = (begun(0), begun(1), begun(2));
        let headers = request([&one, &two]);
        for attempt in [&one, &two] {
            let found = HTTPS.find(&headers, &attempt.state()).unwrap();
            assert_eq!((found.verifier(), found.next()), (attempt.verifier(), "/approvals?a=b"));
        }
        for state in [other.state(), String::new(), one.nonce(), one.state()[..NAME_CHARS].to_owned()] {
            assert!(HTTPS.find(&headers, &state).is_none(), "{state}");
        }
        // Without TLS the name is another, so a page on another port cannot set one for a server with TLS.
        assert!(Cookies { secure: false }.find(&headers, &one.state()).is_none());
    }

    #[test]
    fn a_sign_in_is_open_for_ten_minutes() {
        let attempt = begun(0);
        for (seconds, open) in [(-1, false), (0, true), (599, true), (600, false)] {
            assert_eq!(attempt.is_open(at(seconds)), open, "{seconds}");
        }
    }

    #[test]
    fn a_browser_keeps_the_newest_sign_ins() {
        let attempts: Vec<_> = (0..7).map(|number| begun(number * 60)).collect();
        let name = |number: usize| HTTPS.name_of(&attempts[number]);
        assert_eq!(HTTPS.stale(&request(&attempts[..4]), at(300)), [""; 0]);
        assert_eq!(HTTPS.stale(&request(&attempts), at(420)), [name(2), name(1), name(0)]);
        let mut expired = HTTPS.stale(&request(&attempts[..4]), at(661));
        expired.sort();
        let mut expected = [name(0), name(1)];
        expected.sort();
        assert_eq!(expired, expected);
    }

    #[test]
    fn a_malformed_cookie_is_not_a_sign_in() {
        let value = Attempt { secret: [1; SECRET_BYTES], begun: 5, next: "/".into() }.to_value();
        assert!(Attempt::from_value(&value).is_some(), "{value}");
        for wrong in ["", ".", "..", "AA.5.", "AA.5.Lw", &value.replace(".5.", ".x."), &value[1..]] {
            assert!(Attempt::from_value(wrong).is_none(), "{wrong}");
        }
    }
}
