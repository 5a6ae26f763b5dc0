use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};

use super::{OidcConfig, Rejection, Verified};
use crate::domain::{ActorKind, Time, after, name, truncate};

const SUBJECT_CHARS: usize = 256;
const GROUP_CHARS: usize = 128;
const GROUPS: usize = 1_000;

type Claims = Map<String, Value>;

/// Checks the claims of a token with a valid signature: issuer, audience, times and subject.
pub(super) fn judge(claims: &Claims, config: &OidcConfig, now: Time) -> Result<Verified, Rejection> {
    if text(claims, "iss") != Some(&config.issuer) {
        return Err(Rejection::Issuer);
    }
    let for_us = match claims.get("aud") {
        Some(Value::Array(names)) => names.iter().any(|name| name.as_str() == Some(&config.audience)),
        name => name.and_then(Value::as_str) == Some(&config.audience),
    };
    if !for_us {
        return Err(Rejection::Audience);
    }
    let expires_at = after(moment(claims, "exp")?.ok_or(Rejection::Claims("exp"))?, config.clock_skew);
    if now >= expires_at {
        return Err(Rejection::Expired);
    }
    let issued = moment(claims, "iat")?;
    let authenticated = moment(claims, "auth_time")?;
    let latest = after(now, config.clock_skew);
    if [issued, authenticated, moment(claims, "nbf")?].into_iter().flatten().any(|start| start > latest) {
        return Err(Rejection::NotYetValid);
    }
    let subject = text(claims, "sub").ok_or(Rejection::Claims("sub"))?;
    let name = name::normal(subject).map_err(|wrong| Rejection::Name("sub", wrong))?;
    if !fits(&name, SUBJECT_CHARS) {
        return Err(Rejection::Claims("sub"));
    }
    Ok(Verified {
        issuer: name::composed(&config.issuer).into_owned(),
        kind: kind(claims, subject),
        subject: name.into_owned(),
        groups: groups(claims, &config.groups_claim),
        authenticated_at: authenticated.or(issued).ok_or(Rejection::Claims("iat"))?,
        expires_at,
    })
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

/// A time claim: seconds since 1970, possibly with a fraction.
fn moment(claims: &Claims, name: &'static str) -> Result<Option<Time>, Rejection> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let since_1970 = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let since_1970 = since_1970.ok_or(Rejection::Claims(name))?;
    Ok(Some(truncate(after(Time::UNIX_EPOCH, since_1970))))
}

/// A person or a service. No standard claim says which: a client that gets a token for itself is its own subject (RFC
/// 9068, section 2.2), or has a claim of its provider: Auth0's `gty`, Microsoft's `idtyp`.
fn kind(claims: &Claims, subject: &str) -> ActorKind {
    let own = ["client_id", "azp"].into_iter().any(|name| text(claims, name) == Some(subject));
    let said = text(claims, "gty") == Some("client-credentials") || text(claims, "idtyp") == Some("app");
    if own || said { ActorKind::Service } else { ActorKind::Person }
}

/// The valid groups. Invalid ones are ignored, which is safe because groups only add rights. Rejecting the token would
/// let everyone who can name groups at the provider lock others out.
fn groups(claims: &Claims, path: &str) -> BTreeSet<String> {
    // Names of claims may contain dots: some providers require URLs.
    let found = claims.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
    });
    let names = match found {
        Some(Value::Array(names)) => names.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let groups: Vec<_> = names.iter().map(group).collect();
    if let Some((index, wrong)) =
        (0..).zip(&groups).find_map(|(index, group): (usize, _)| Some((index, group.as_ref().err()?)))
    {
        let ignored = groups.iter().filter(|group| group.is_err()).count();
        tracing::warn!("ignored {ignored} invalid groups in a token's claim {path}; the first, at {index}, {wrong}");
    }
    groups.into_iter().flatten().take(GROUPS).collect()
}

fn group(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("is not a string")?;
    let name = name::normal(text).map_err(|wrong| wrong.to_string())?;
    let wrong = || format!("is empty or longer than {GROUP_CHARS} characters");
    fits(&name, GROUP_CHARS).then(|| name.into_owned()).ok_or_else(wrong)
}

fn fits(text: &str, chars: usize) -> bool {
    !text.is_empty() && text.chars().nth(chars).is_none()
}
