use std::fmt::Write as _;

use prost_types::Struct;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::arguments;

/// The digest of a call: `sha256:` and 64 hex digits over the RFC 8785 JSON of `{"arguments":…,"tool_name":…}`.
#[must_use]
pub fn digest(tool_name: &str, arguments: &Struct) -> String {
    #[derive(Serialize)]
    struct Asked<'a> {
        arguments: Map<String, Value>,
        tool_name: &'a str,
    }
    let asked = Asked { arguments: arguments::decode(arguments), tool_name };
    format!("sha256:{}", canonical_sha256(&asked))
}

/// SHA-256, in hex, over the RFC 8785 JSON of `value`.
pub(crate) fn canonical_sha256(value: &impl Serialize) -> String {
    let canonical = serde_json_canonicalizer::to_vec(value).expect("JSON has a canonical form");
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(canonical) {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_the_conformance_list() {
        let list: Value = serde_json::from_str(include_str!("../../../tests/conformance/digests.json")).unwrap();
        let cases = list["digests"].as_array().unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let arguments = arguments::encode(&case["arguments"]).unwrap();
            let found = digest(case["tool_name"].as_str().unwrap(), &arguments);
            assert_eq!(found, case["digest"].as_str().unwrap(), "{}", case["name"]);
        }
    }
}
