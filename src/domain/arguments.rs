use std::{fmt, str::FromStr, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The arguments of a tool call, as canonical JSON text (RFC 8785) of an object.
///
/// Stored as text: the text is what the digest covers, takes little memory, and is equal for equal arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments(Arc<str>);

/// Why arguments are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an object in canonical JSON (RFC 8785): {0}")]
pub struct ArgumentsError(String);

/// The largest whole number up to which every whole number is a double of its own: 2^53 − 1.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// Whether a reader of doubles, as most programs are, may hold another number than this one.
#[must_use]
pub fn is_inexact(number: &serde_json::Number) -> bool {
    number.as_f64().is_none_or(|double| double.abs() > EXACT_MAX)
}

impl Arguments {
    /// Converts an object. Numbers must be finite doubles, which [`serde_json::Number`] guarantees.
    ///
    /// # Errors
    /// When the object has no canonical form.
    pub fn new(object: Map<String, Value>) -> Result<Self, ArgumentsError> {
        canonical_json(&Value::Object(object)).map(|text| Self(text.into()))
    }

    /// The canonical JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The object.
    ///
    /// # Panics
    /// When the text is not the JSON of an object, which only a corrupt store can cause. Other arguments than the
    /// digested ones must never be shown.
    #[must_use]
    pub fn to_object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).expect("arguments are the JSON of an object")
    }
}

impl TryFrom<String> for Arguments {
    type Error = ArgumentsError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let object: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| ArgumentsError(error.to_string()))?;
        let canonical = Self::new(object)?;
        if *canonical.0 == *text { Ok(canonical) } else { Err(ArgumentsError("keys or numbers differ".into())) }
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Checked in text formats, which people can write. Binary formats hold only valid [`Arguments`].
impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let readable = deserializer.is_human_readable();
        let text = String::deserialize(deserializer)?;
        if readable { Self::try_from(text).map_err(de::Error::custom) } else { Ok(Self(text.into())) }
    }
}

/// RFC 8785 text of any JSON value.
///
/// # Errors
/// When the value has no canonical form.
pub fn canonical_json(value: &Value) -> Result<String, ArgumentsError> {
    serde_json_canonicalizer::to_string(value).map_err(|error| ArgumentsError(error.to_string()))
}

/// SHA-256 over the RFC 8785 JSON of `{"arguments":…,"tool_name":…}`: identifies the call that was requested, and the
/// one that may be run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `sha256:` followed by 64 lower-case hex digits")]
pub struct DigestError;

impl Digest {
    const PREFIX: &str = "sha256:";

    /// The start of a hash chain: not the digest of anything.
    pub(crate) const ZERO: Self = Self([0; 32]);

    /// The 32 bytes, as stored in files.
    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Digest of any bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Digest of a call. `tool_name` may be any text.
    #[must_use]
    pub fn of(tool_name: &str, arguments: &Arguments) -> Self {
        // Canonical key order is by UTF-16 code units: "arguments" before "tool_name".
        let mut hash = Sha256::new();
        hash.update(b"{\"arguments\":");
        hash.update(arguments.as_json());
        hash.update(b",\"tool_name\":");
        hash.update(Value::from(tool_name).to_string());
        hash.update(b"}");
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix(Self::PREFIX).ok_or(DigestError)?.as_bytes();
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(DigestError),
        };
        let (pairs, rest) = hex.as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(DigestError);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }
}

/// The text for people, the 32 bytes in binary formats.
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{DigestError}, or its 32 bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Digest, E> {
                bytes.try_into().map(Digest).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Either)
        } else {
            deserializer.deserialize_bytes(Either)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        tool_name: String,
        arguments: Map<String, Value>,
        canonical: String,
        digest: Digest,
    }

    /// The test vectors that all clients run.
    #[test]
    fn numbers_beyond_those_of_a_double_are_inexact() {
        for (number, inexact) in [
            ("9007199254740991", false),
            ("-9007199254740991", false),
            ("9007199254740992", true),
            ("-9007199254740992", true),
            ("1e300", true),
            ("0.1", false),
        ] {
            assert_eq!(is_inexact(&number.parse().unwrap()), inexact, "{number}");
        }
    }

    #[test]
    fn vectors() {
        let file: Value = serde_json::from_str(include_str!("../../tests/conformance/digests.json")).unwrap();
        let vectors: Vec<Vector> = serde_json::from_value(file["digests"].clone()).unwrap();
        assert!(vectors.len() >= 15);
        for vector in vectors {
            let arguments = Arguments::new(vector.arguments).unwrap();
            let whole = format!(
                "{{\"arguments\":{},\"tool_name\":{}}}",
                arguments.as_json(),
                Value::from(vector.tool_name.as_str())
            );
            assert_eq!(whole, vector.canonical, "{}", vector.name);
            assert_eq!(Digest::of(&vector.tool_name, &arguments), vector.digest, "{}", vector.name);
        }
    }

    #[test]
    fn only_canonical_text_is_taken_back() {
        for (text, good) in
            [(r#"{"a":1,"b":2}"#, true), (r#"{"b":2,"a":1}"#, false), (r#"{"a":1.0}"#, false), ("[]", false)]
        {
            assert_eq!(Arguments::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn readable_formats_are_checked_and_binary_ones_survive() {
        assert!(serde_json::from_value::<Arguments>(json!(r#"{"b":2,"a":1}"#)).is_err());
        let arguments = Arguments::try_from(r#"{"a":1,"b":[null]}"#.to_owned()).unwrap();
        let readable = serde_json::to_value(&arguments).unwrap();
        assert_eq!(serde_json::from_value::<Arguments>(readable).unwrap(), arguments);
        let binary = rmp_serde::to_vec(&arguments).unwrap();
        assert_eq!(rmp_serde::from_slice::<Arguments>(&binary).unwrap(), arguments);
    }

    #[test]
    fn digests_have_one_spelling() {
        let good = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().to_string(), good);
        for bad in [&good[7..], &good[..70], &format!("{good}0"), &good.to_uppercase(), "sha256:", ""] {
            assert_eq!(bad.parse::<Digest>(), Err(DigestError), "{bad}");
        }
    }
}
