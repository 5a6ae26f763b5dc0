//! An asked call, as data.

use serde::{Deserialize, Serialize};

/// An asked call: any process of its caller can wait for it, and run it.
///
/// It contains no secret. Its JSON form is the same in every client of Signoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members")]
pub struct Handle {
    pub(crate) approval_id: String,
    pub(crate) request_id: String,
    pub(crate) tool_name: String,
    /// Of the arguments as asked.
    pub(crate) digest: String,
}

impl Handle {
    /// The approval's id.
    #[must_use]
    pub fn approval_id(&self) -> &str {
        &self.approval_id
    }

    /// The request's idempotency key.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The tool.
    #[must_use]
    pub fn tool_name(&self) -> &str {
        &self.tool_name
    }

    /// The digest of the arguments as they were asked for: see [`digest`](crate::digest).
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// What is read, before it is a handle.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    approval_id: String,
    request_id: String,
    tool_name: String,
    digest: String,
}

impl TryFrom<Members> for Handle {
    type Error = String;

    fn try_from(members: Members) -> Result<Self, String> {
        let Members { approval_id, request_id, tool_name, digest } = members;
        for (name, value) in [("approval_id", &approval_id), ("request_id", &request_id), ("tool_name", &tool_name)] {
            if value.is_empty() {
                return Err(format!("{name} is empty"));
            }
        }
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("digest is not `sha256:` and 64 hex digits".to_owned());
        }
        Ok(Self { approval_id, request_id, tool_name, digest })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn handles_of_the_conformance_list() {
        let list: Value = serde_json::from_str(include_str!("../../../tests/conformance/handles.json")).unwrap();
        let accepted = list["accepted"].as_array().unwrap();
        assert!(accepted.len() > 1);
        for json in accepted {
            let handle: Handle = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(&handle).unwrap(), *json);
        }
        let refused = list["refused"].as_array().unwrap();
        assert!(refused.len() > 10);
        for json in refused {
            let read = serde_json::from_value::<Handle>(json.clone());
            assert!(read.is_err(), "{json} is read as {read:?}");
        }
    }
}
