//! A call from the command line, and the messages for a call without a decision.

use std::time::Duration;

use clap::Args;
use prost_types::Struct;
use signoff_client::{Call, Kind, Refusal, Wait};

use super::{
    arguments::{self, Pairs},
    console::Console,
    failure::Failure,
    filters,
    text::escape,
};
use crate::config::parse_duration;

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// Argument of the call; VALUE is JSON if it is valid JSON (5, true, "5", [1,2]), otherwise text
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    args: Vec<String>,
    /// Argument of the call; VALUE is always text
    #[arg(long = "arg-string", value_name = "KEY=VALUE")]
    arg_strings: Vec<String>,
    /// All arguments as a JSON object: JSON, @FILE, or - for standard input; --arg and --arg-string override single
    /// arguments
    #[arg(long, value_name = "JSON|@FILE|-")]
    args_json: Option<String>,
    /// Name of the agent that makes the call
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// Id of the agent's run (conversation, job) that makes the call
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    run_id: String,
    /// Id of the call in the run; a repeated command with the same --run-id and --call-id finds the same approval
    #[arg(long, value_name = "ID", requires = "run_id")]
    call_id: Option<String>,
    /// Reason for the call; shown to reviewers
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Time to wait for a decision, such as 90s, 5m or 1h30m [default: set by the server, usually 5m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Label for policy rules and filters; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Idempotency key: the same request with the same key finds the same approval [default: generated]
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    request_id: Option<String>,
    /// JSON Schema for the arguments and for edits of them: JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    schema: Option<String>,
}

impl CallArgs {
    /// The arguments of --args-json, --arg and --arg-string. Prints a hint for numbers that may be meant as text.
    pub(super) fn arguments(&self, console: &mut Console) -> Result<Struct, Failure> {
        let pairs = Pairs { json: &self.args, text: &self.arg_strings };
        let arguments = arguments::build(self.args_json.as_deref(), pairs)?;
        for hint in arguments::hints(pairs) {
            console.note(&hint)?;
        }
        Ok(arguments)
    }

    pub(super) fn call(&self, tool: String, arguments: Struct) -> Result<Call, Failure> {
        let mut call = Call::new(tool)
            .arguments_struct(arguments)
            .agent_name(&self.agent)
            .run_id(&self.run_id)
            .reason(&self.reason);
        for (key, value) in filters::labels(&self.labels)? {
            call = call.label(key, value);
        }
        if let Some(timeout) = self.timeout {
            call = call.timeout(timeout);
        }
        if let Some(id) = &self.request_id {
            call = call.request_id(id);
        }
        if let Some(id) = &self.call_id {
            call = call.call_id(id);
        }
        if let Some(schema) = &self.schema {
            call = call.arguments_schema(&signoff_client::decode(&arguments::object("--schema", schema)?));
        }
        Ok(call)
    }
}

/// The text of a refusal. A person at a terminal gets the developer's text; other readers may be models.
pub(super) fn text(refusal: &Refusal, console: &Console) -> String {
    if console.is_read_by_a_model() { refusal.to_string() } else { refusal.developer_text() }
}

/// Converts a refusal to a failure of the command, with a hint for what to do next.
pub(super) fn failure(refusal: Refusal, hint: impl FnOnce() -> String, console: &Console) -> Failure {
    let text = text(&refusal, console);
    match refusal.kind {
        _ if console.is_read_by_a_model() => Failure::Stopped(text),
        Kind::RequestFailed(status) => Failure::Call(status),
        Kind::Unavailable { .. } => Failure::Lost { problem: text.trim_end_matches('.').to_owned(), hint: hint() },
        _ => Failure::Stopped(text),
    }
}

/// What a person can do after the command has ended.
pub(super) fn aftermath(wait: &Wait, cancelled: bool) -> String {
    let again = format!("repeat the command with --request-id {} to continue waiting", escape(wait.request_id()));
    match wait.approval_id().map(escape) {
        Some(id) if cancelled => format!("the server cancels approval {id}; see `signoff show {id}`"),
        Some(id) => format!("the approval stays open: see `signoff show {id}`, or {again}"),
        None => format!("the server did not answer: {again}"),
    }
}
