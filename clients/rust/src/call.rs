//! One call that needs an approval, as its caller describes it.

use std::{fmt, sync::Arc, time::Duration};

use prost::Message as _;
use prost_types::Struct;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    arguments::{self, Problem},
    digest::canonical_sha256,
    options::LONGEST,
    refusal::{Kind, Refusal},
    v1::{Agent, Person, Progress, RequestApprovalRequest},
};

/// The server's default maximum for a message.
const REQUEST_BYTES: usize = 1024 * 1024;

/// Checks edited arguments.
type CheckEdit = Arc<dyn Fn(&Map<String, Value>) -> Result<(), Problem> + Send + Sync>;

pub(crate) type OnProgress = Arc<dyn Fn(&Progress) + Send + Sync>;

/// A call of a tool, with its options. The limits are the server's, unless it says otherwise.
#[derive(Clone)]
#[must_use]
pub struct Call {
    pub(crate) tool_name: String,
    arguments: Result<Struct, Problem>,
    agent: Agent,
    reason: String,
    labels: Vec<(String, String)>,
    timeout: Option<Duration>,
    arguments_schema: Option<Result<Struct, Problem>>,
    on_behalf_of: Option<Person>,
    request_id: Option<String>,
    call_id: Option<String>,
    cancel_on_disconnect: bool,
    pub(crate) patience: Duration,
    pub(crate) on_progress: Option<OnProgress>,
    pub(crate) cancel_on_abandon: bool,
    required: Vec<CallOption>,
    edit_checks: Vec<CheckEdit>,
}

/// The options that can be required: see [`Call::required_options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the method of its name")]
#[non_exhaustive]
pub enum CallOption {
    AgentName,
    RunId,
    CallId,
    RequestId,
    Reason,
    Labels,
    OnBehalfOf,
}

impl Call {
    /// A call without arguments; the server sets defaults for unset options.
    pub fn new(tool_name: impl Into<String>) -> Self {
        Self {
            tool_name: tool_name.into(),
            arguments: Ok(Struct::default()),
            agent: Agent::default(),
            reason: String::new(),
            labels: Vec::new(),
            timeout: None,
            arguments_schema: None,
            on_behalf_of: None,
            request_id: None,
            call_id: None,
            cancel_on_disconnect: false,
            patience: Duration::from_secs(30),
            on_progress: None,
            cancel_on_abandon: false,
            required: Vec::new(),
            edit_checks: Vec::new(),
        }
    }

    /// The call's arguments: any value that serde writes as a JSON object. Integers that a double cannot represent, and
    /// values that are not JSON, are [`Kind::InvalidArguments`] before anything is sent.
    pub fn arguments(mut self, arguments: &(impl Serialize + ?Sized)) -> Self {
        self.arguments = arguments::encode(arguments);
        self
    }

    /// The arguments as a Struct of the protocol, for callers that have one. Its numbers are doubles already, so they
    /// are not checked.
    pub fn arguments_struct(mut self, arguments: Struct) -> Self {
        self.arguments = arguments::check(&arguments).map(|()| arguments);
        self
    }

    /// Name of the agent that makes the call.
    pub fn agent_name(mut self, name: impl Into<String>) -> Self {
        self.agent.name = name.into();
        self
    }

    /// The agent's run (conversation, job) that the call belongs to.
    pub fn run_id(mut self, id: impl Into<String>) -> Self {
        self.agent.run_id = id.into();
        self
    }

    /// The agents that handed the task on, in order.
    pub fn chain<S: Into<String>>(mut self, agents: impl IntoIterator<Item = S>) -> Self {
        self.agent.chain = agents.into_iter().map(Into::into).collect();
        self
    }

    /// The reason for the call, shown to reviewers.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// A label, for policy rules and to find the approval again.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// How long reviewers have; the server's default unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// JSON Schema that the arguments, and any edit of them, must satisfy.
    pub fn arguments_schema(mut self, schema: &(impl Serialize + ?Sized)) -> Self {
        self.arguments_schema = Some(arguments::encode(schema));
        self
    }

    /// The person on whose behalf the call is made. Needs a token that may assert it.
    pub fn on_behalf_of(mut self, person: Person) -> Self {
        self.on_behalf_of = Some(person);
        self
    }

    /// Idempotency key: a later run with the same key finds the earlier run's approval. Unless set, derived from
    /// [`run_id`](Self::run_id) and [`call_id`](Self::call_id), or else random.
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// The call's id within the run, such as the model's own id of the tool call. Needs [`run_id`](Self::run_id).
    pub fn call_id(mut self, id: impl Into<String>) -> Self {
        self.call_id = Some(id.into());
        self
    }

    /// The time of retries while the server is unreachable: before its first answer, for the claim, and for the report;
    /// 30 s unless set, 30 days at most.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(LONGEST);
        self
    }

    /// Called with each Progress of the wait, on the waiting task: it should return soon. A panic in it is logged and
    /// ignored.
    pub fn on_progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.on_progress = Some(Arc::new(listener));
        self
    }

    /// Withdraw the approval when the caller drops the future. It stays open otherwise.
    ///
    /// The withdrawal is a task of the runtime of the wait, and is lost if that shuts down within 5 s. To await it, use
    /// [`Client::ask`](crate::Client::ask) and [`Wait::withdraw`](crate::Wait::withdraw).
    pub fn cancel_on_abandon(mut self, cancel: bool) -> Self {
        self.cancel_on_abandon = cancel;
        self
    }

    /// Have the server withdraw the approval when the stream of the wait breaks. A restart of the server or of a proxy
    /// then ends the wait. Use it only for callers without an alternative, such as a process that may be killed.
    pub fn cancel_on_disconnect(mut self, cancel: bool) -> Self {
        self.cancel_on_disconnect = cancel;
        self
    }

    /// Required options: a call without them is an error of use, before anybody is asked. So no policy judges a call
    /// that lost its labels.
    pub fn required_options(mut self, options: impl IntoIterator<Item = CallOption>) -> Self {
        self.required.extend(options);
        self
    }

    /// Checks whether the function can take a reviewer's edit, before the claim. An error rejects the edit
    /// ([`Kind::InvalidEdit`]), and the approval stays unclaimed; its text ends a sentence such as "the set of
    /// arguments is missing `to`". [`Client::requires_approval`](crate::Client::requires_approval) checks the
    /// function's own type without it.
    pub fn check_edit(
        mut self,
        check: impl Fn(&Map<String, Value>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.edit_checks.push(Arc::new(move |edited| check(edited).map_err(Problem::of_all)));
        self
    }

    /// As [`check_edit`](Self::check_edit), for one argument.
    pub(crate) fn check_edited_type(mut self, check: fn(&Map<String, Value>) -> Result<(), Problem>) -> Self {
        self.edit_checks.push(Arc::new(check));
        self
    }

    pub(crate) fn edit_problem(&self, edited: &Map<String, Value>) -> Option<Problem> {
        self.edit_checks.iter().find_map(|check| check(edited).err())
    }

    pub(crate) fn refused(&self, kind: impl Into<Kind>) -> Refusal {
        Refusal { tool_name: self.tool_name.clone(), approval_id: None, kind: kind.into(), address: "".into() }
    }

    fn check_required(&self) -> Result<(), Refusal> {
        for option in &self.required {
            let (name, is_set) = match option {
                CallOption::AgentName => ("agent_name", !self.agent.name.is_empty()),
                CallOption::RunId => ("run_id", !self.agent.run_id.is_empty()),
                CallOption::CallId => ("call_id", self.call_id.is_some()),
                CallOption::RequestId => ("request_id", self.request_id.is_some()),
                CallOption::Reason => ("reason", !self.reason.is_empty()),
                CallOption::Labels => ("labels", !self.labels.is_empty()),
                CallOption::OnBehalfOf => ("on_behalf_of", self.on_behalf_of.is_some()),
            };
            if !is_set {
                return Err(self.refused(Kind::invalid(format!("{name}: is required for this call, and not set"))));
            }
        }
        Ok(())
    }

    /// The request for approval. Everything that can be checked without the server is checked here.
    pub(crate) fn request(&self) -> Result<RequestApprovalRequest, Refusal> {
        self.check_required()?;
        let arguments = self.asked()?;
        let schema = self.arguments_schema.clone().transpose();
        let schema = schema.map_err(|Problem { path, problem }| {
            let place = if path.is_empty() { "it" } else { &path };
            self.refused(Kind::invalid(format!("arguments_schema: {place} {problem}")))
        })?;
        if self.timeout == Some(Duration::ZERO) {
            return Err(self.refused(Kind::invalid("timeout: must be longer than zero")));
        }
        let timeout = self.timeout.map(prost_types::Duration::try_from).transpose();
        let timeout = timeout.map_err(|_| self.refused(Kind::invalid("timeout: is longer than a Duration can be")))?;
        let request = RequestApprovalRequest {
            request_id: self.derived_request_id()?,
            tool_name: self.tool_name.clone(),
            arguments: Some(arguments),
            agent: (self.agent != Agent::default()).then(|| self.agent.clone()),
            reason: self.reason.clone(),
            timeout,
            labels: self.labels.iter().cloned().collect(),
            arguments_schema: schema,
            cancel_on_disconnect: self.cancel_on_disconnect,
            after_revision: 0,
            on_behalf_of: self.on_behalf_of.clone(),
        };
        match request.encoded_len() {
            0..=REQUEST_BYTES => Ok(request),
            bytes => Err(self.refused(Kind::invalid(format!("the request has {bytes} bytes; the maximum is 1 MiB")))),
        }
    }

    /// The given arguments.
    pub(crate) fn asked(&self) -> Result<Struct, Refusal> {
        self.arguments.clone().map_err(|problem| self.refused(problem))
    }

    fn derived_request_id(&self) -> Result<String, Refusal> {
        match (&self.request_id, &self.call_id, self.agent.run_id.as_str()) {
            (Some(id), ..) => Ok(id.clone()),
            (None, Some(_), "") => {
                Err(self.refused(Kind::invalid("call_id needs run_id: alone it does not identify a call")))
            }
            (None, Some(call_id), run_id) => Ok(format!("call:{}", canonical_sha256(&[run_id, call_id]))),
            (None, None, _) => Ok(Uuid::new_v4().to_string()),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments may be secret.
        f.debug_struct("Call").field("tool_name", &self.tool_name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn request_ids_are_given_or_derived_or_random() {
        let id = |call: &Call| call.request().unwrap().request_id;
        let call = Call::new("t");
        assert_ne!(id(&call), id(&call));
        assert_ne!(id(&call.clone().run_id("r")), id(&call.clone().run_id("r")));
        let derived = call.clone().run_id("r").call_id("c");
        // printf '["r","c"]' | sha256sum
        let expected = "call:4a2008b7952f435e9f71ba42a87fec52cfc59244cad968995786b85e82cedebf";
        assert_eq!(id(&derived), expected);
        assert_ne!(id(&derived), id(&call.clone().run_id("c").call_id("r")));
        assert_eq!(id(&derived.request_id("mine")), "mine");
        let alone = call.call_id("c").request().unwrap_err();
        assert!(alone.developer_text().contains("call_id needs run_id"), "{alone}");
    }

    #[test]
    fn what_is_too_large_or_too_long_is_refused_before_it_is_sent() {
        let large = Call::new("t").reason("x".repeat(REQUEST_BYTES)).request().unwrap_err();
        assert!(large.developer_text().contains("INVALID_ARGUMENT"), "{large}");
        let long = Call::new("t").timeout(Duration::MAX).request().unwrap_err();
        assert!(long.developer_text().contains("timeout"), "{long}");
        let none = Call::new("t").timeout(Duration::ZERO).request().unwrap_err();
        assert!(none.developer_text().contains("timeout: must be longer than zero"), "{none}");
        let arguments = Call::new("t").arguments(&json!([1])).request().unwrap_err();
        assert!(matches!(arguments.kind, Kind::InvalidArguments { .. }));
    }

    #[test]
    fn a_call_without_a_required_option_is_refused() {
        let strict = Call::new("t").required_options([CallOption::RunId, CallOption::Labels]);
        let problem = |call: &Call| call.request().unwrap_err().developer_text();
        assert!(problem(&strict).contains("run_id: is required"), "{}", problem(&strict));
        let named = strict.run_id("r");
        assert!(problem(&named).contains("labels: is required"), "{}", problem(&named));
        assert!(named.label("env", "prod").request().is_ok());
    }

    #[test]
    fn arguments_are_not_in_the_debug_form() {
        let call = Call::new("t").arguments(&json!({"password": "s3cret"}));
        assert!(!format!("{call:?}").contains("s3cret"));
    }
}
