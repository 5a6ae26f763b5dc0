//! Parses the bearer token of a call.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::identity::Unrecognised;

/// The bearer token of a call. `None` without an `authorization` header.
///
/// A call has one caller. A proxy that checks credentials may read the last of two headers where this server reads the
/// first, and some proxies join headers with a comma. So anything in addition to one token is rejected, even the same
/// token again.
///
/// # Errors
/// [`Unrecognised::SeveralCredentials`] or [`Unrecognised::NoBearer`].
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Unrecognised> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.as_bytes().contains(&b',') {
        return Err(Unrecognised::SeveralCredentials);
    }
    let parts = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    token.filter(|token| is_token(token)).map(Some).ok_or(Unrecognised::NoBearer)
}

/// Whether a text has the form of a bearer token: `b64token` of RFC 6750.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&[u8]]) -> Result<Option<String>, Unrecognised> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers).map(|token| token.map(ToOwned::to_owned))
    }

    #[test]
    fn one_token_is_read() {
        assert_eq!(of(&[]), Ok(None));
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g==  "] {
            assert_eq!(of(&[value.as_bytes()]).unwrap().as_deref(), Some("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    #[test]
    fn two_are_refused_also_when_they_are_equal() {
        let several: [&[&[u8]]; 8] = [
            &[b"Bearer a", b"Bearer a"],
            &[b"Bearer a", b"Bearer b"],
            &[b"Bearer a", b"Basic YTpi"],
            &[b"Basic YTpi", b"Bearer a"],
            &[b"Bearer a", b""],
            &[b"", b"Bearer a"],
            &[b"Bearer a, Bearer a"],
            &[b"Bearer a,b"],
        ];
        for values in several {
            assert_eq!(of(values), Err(Unrecognised::SeveralCredentials), "{values:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for value in
            [&b""[..], b"Bearer", b"Bearer ", b"a", b"Basic YTpi", b"Bearer a b", b"Bearer a\tb", b"Bearer \xe9"]
        {
            assert_eq!(of(&[value]), Err(Unrecognised::NoBearer), "{value:?}");
        }
    }
}
