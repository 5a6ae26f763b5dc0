//! Decodes RequestApproval.

use std::sync::Arc;

use prost::Message as _;
use prost_types::Struct;

use super::{Checker, Violations};
use crate::{
    domain::{
        Agent, Arguments, KnownSchema, NewRequest, Repetition, Schema, Schemas, canonical_json,
        limits::{AGENT_NAME_MAX, ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX, RUN_ID_MAX, RequestLimits},
    },
    proto::v1,
    wire::{field_path, structs},
};

/// Maximum levels of a schema. More than the wire format itself allows.
const SCHEMA_DEPTH: u32 = 64;

/// Minimum size of a value in a Struct, in bytes.
const VALUE_BYTES: u64 = 4;

/// An invalid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// Every rule that it breaks.
    pub violations: Violations,
    /// The fields that identify the request that this one may repeat: a repetition must only repeat these. `None` if
    /// one of them is invalid, or without a `request_id`.
    pub repetition: Option<Box<Repetition>>,
}

/// The cached schema of a request, if checking the arguments against it takes almost no time.
#[must_use]
pub fn known_schema(message: &v1::RequestApprovalRequest, schemas: &Schemas) -> Option<KnownSchema> {
    let schema = message.arguments_schema.as_ref()?;
    if schema.encoded_len() > Schemas::SPELLING_MAX {
        return None;
    }
    let known = schemas.known(&schema.encode_to_vec())?;
    let bytes = message.arguments.as_ref().map_or(0, Struct::encoded_len);
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    known.schema.is_quick(1 + bytes / VALUE_BYTES, bytes).then_some(known)
}

/// Decodes a request. The caller handles `after_revision`, which needs no check. `known` is the request's
/// [`known_schema`], if any. With it, decoding is fast.
///
/// # Errors
/// Every rule that it breaks.
pub fn request(
    message: v1::RequestApprovalRequest,
    limits: &RequestLimits,
    schemas: &Schemas,
    known: Option<KnownSchema>,
) -> Result<NewRequest, InvalidRequest> {
    let mut check = Checker::default();
    let v1::RequestApprovalRequest { request_id, tool_name, arguments, agent, reason, timeout, .. } = message;
    let request_id = check.request_id(request_id);
    check.tool_name("tool_name", &tool_name);
    // With the widest limits: a request that was recorded before a limit was lowered must still be found by its
    // repetition.
    let widest =
        RequestLimits { arguments_bytes: ARGUMENTS_BYTES_MAX, arguments_depth: ARGUMENTS_DEPTH_MAX, ..limits.clone() };
    let arguments = check.arguments("arguments", arguments.unwrap_or_default(), &widest);
    let refused = check.count();
    if let Some(arguments) = &arguments {
        check.argument_limits(arguments, limits);
    }
    let agent = check.agent(agent.unwrap_or_default(), limits);
    check.text("reason", &reason, limits.text_bytes);
    let timeout = match timeout {
        Some(timeout) => check.span("timeout", &timeout, limits.timeout_min, limits.timeout_max),
        None => Some(limits.timeout_default),
    };
    check.labels(message.labels.iter(), limits.labels);
    let schema = match known {
        Some(KnownSchema { text, schema }) if text.len() <= limits.schema_bytes => {
            check.follows(arguments.as_ref(), &schema);
            Some(text)
        }
        _ => message.arguments_schema.and_then(|schema| check.schema(schema, arguments.as_ref(), limits, schemas)),
    };
    let differing = check.count() - refused;
    let on_behalf_of = message.on_behalf_of.map(|person| {
        if !person.groups.is_empty() {
            check.refuse("on_behalf_of.groups", "must be empty; groups are only allowed in DecideRequest");
        }
        check.person("on_behalf_of", person).0
    });
    if check.count() > 0 {
        let sure = check.count() == differing;
        let repetition = request_id
            .zip(arguments)
            .filter(|_| sure)
            .map(|(request_id, arguments)| Box::new(Repetition { request_id, tool_name, arguments, on_behalf_of }));
        return Err(InvalidRequest { violations: Violations(check.into_violations()), repetition });
    }
    let new = check.finish(|| {
        Some(NewRequest {
            request_id,
            tool_name,
            arguments: arguments?,
            agent,
            reason,
            labels: message.labels.into_iter().collect(),
            timeout: timeout?,
            schema,
            cancel_on_disconnect: message.cancel_on_disconnect,
            on_behalf_of,
        })
    });
    new.map_err(|violations| InvalidRequest { violations, repetition: None })
}

impl Checker {
    /// Decodes the arguments of a call.
    pub(super) fn arguments(&mut self, field: &str, from: Struct, limits: &RequestLimits) -> Option<Arguments> {
        let object = structs::to_object(self, field, from, limits.arguments_depth)?;
        match Arguments::new(object) {
            Ok(arguments) if arguments.as_json().len() <= limits.arguments_bytes => Some(arguments),
            Ok(arguments) => {
                self.bytes(field, arguments.as_json().len(), limits.arguments_bytes);
                None
            }
            Err(error) => {
                self.refuse(field, error.to_string());
                None
            }
        }
    }

    /// Checks valid arguments against the configured limits.
    fn argument_limits(&mut self, arguments: &Arguments, limits: &RequestLimits) {
        const FIELD: &str = "arguments";
        let bytes = arguments.as_json().len();
        if bytes > limits.arguments_bytes {
            self.bytes(FIELD, bytes, limits.arguments_bytes);
        }
        let max = limits.arguments_depth;
        if max < ARGUMENTS_DEPTH_MAX && structs::depth(&arguments.to_object()) > max {
            self.refuse(FIELD, format!("is nested too deeply; at most {max} levels are allowed"));
        }
    }

    fn bytes(&mut self, field: &str, found: usize, max: usize) {
        self.refuse(field, format!("has {found} bytes as canonical JSON; at most {max} are allowed"));
    }

    /// Decodes the field `agent`.
    pub(super) fn agent(&mut self, agent: v1::Agent, limits: &RequestLimits) -> Agent {
        let v1::Agent { name, run_id, chain } = agent;
        self.name("agent.name", &name, AGENT_NAME_MAX);
        self.name("agent.run_id", &run_id, RUN_ID_MAX);
        if u32::try_from(chain.len()).is_ok_and(|count| count <= limits.chain) {
            for (index, name) in chain.iter().enumerate() {
                let field = field_path::at("agent.chain", index);
                if name.is_empty() {
                    self.refuse(&field, "must not be empty");
                }
                self.name(&field, name, AGENT_NAME_MAX);
            }
        } else {
            self.refuse("agent.chain", format!("has {} agents; at most {} are allowed", chain.len(), limits.chain));
        }
        Agent { name, run_id, chain }
    }

    /// Compiles a schema, and checks the arguments against it. Returns its canonical JSON.
    fn schema(
        &mut self,
        from: Struct,
        arguments: Option<&Arguments>,
        limits: &RequestLimits,
        schemas: &Schemas,
    ) -> Option<Arc<str>> {
        const FIELD: &str = "arguments_schema";
        let spelling = from.encode_to_vec();
        let object = structs::to_object(self, FIELD, from, SCHEMA_DEPTH)?;
        let text = match canonical_json(&object.into()) {
            Ok(text) if text.len() <= limits.schema_bytes => Arc::<str>::from(text),
            Ok(text) => {
                self.bytes(FIELD, text.len(), limits.schema_bytes);
                return None;
            }
            Err(error) => {
                self.refuse(FIELD, error.to_string());
                return None;
            }
        };
        // Parsed from the canonical text, as it will be for an edit: there `3.0` is `3`, which matters to some
        // keywords.
        match schemas.compile_spelled(spelling, &text) {
            Ok(schema) => self.follows(arguments, &schema),
            Err(error) => self.refuse(FIELD, error.to_string()),
        }
        Some(text)
    }

    fn follows(&mut self, arguments: Option<&Arguments>, schema: &Schema) {
        let violations = arguments.and_then(|arguments| schema.check(&arguments.to_object()).err());
        for violation in violations.into_iter().flatten() {
            self.refuse("arguments", format!("do not satisfy arguments_schema: {violation}"));
        }
    }
}
