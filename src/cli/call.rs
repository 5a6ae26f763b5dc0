//! A call as it is given on the command line, and what becomes of one that gets no answer.

use std::time::Duration;

use clap::Args;
use prost_types::Struct;
use signoff_client::{Call, Kind, Refusal, Wait};

use super::{arguments, failure::Failure, filters, text::escape};

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// An argument of the call; VALUE is read as JSON when it is valid JSON (5, true, "5", [1,2]), else as text
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    args: Vec<String>,
    /// All arguments as a JSON object: JSON, @FILE, or - for standard input; --arg sets single ones in it
    #[arg(long, value_name = "JSON|@FILE|-")]
    args_json: Option<String>,
    /// Name of the agent that makes the call
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// The agent's run (conversation, job) that the call belongs to
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    run_id: String,
    /// Which call of the run it is: a second run with the same --run-id finds the approval of the first
    #[arg(long, value_name = "ID", requires = "run_id")]
    call_id: Option<String>,
    /// Why the tool is to be run; shown to reviewers
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// How long to wait for a decision, for example 90s, 5m or 2h; the server's default is 5m
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// A label, for policy rules and for finding the approval again
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Idempotency key: the same request with the same key attaches to the same approval; made up when not given
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    request_id: Option<String>,
    /// JSON Schema that the arguments, and any edit of them, must satisfy: JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    schema: Option<String>,
}

impl CallArgs {
    /// The arguments of --args-json and --arg.
    pub(super) fn arguments(&self) -> Result<Struct, Failure> {
        Ok(arguments::build(self.args_json.as_deref(), &self.args)?.unwrap_or_default())
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

/// A refusal that is a failure of the command, with what can be done after it.
pub(super) fn failure(refusal: Refusal, hint: impl FnOnce() -> String) -> Failure {
    let text = refusal.to_string();
    match refusal.kind {
        Kind::RequestFailed(status) => Failure::Call(status),
        Kind::Unavailable { cause, .. } => Failure::Lost { cause, hint: hint() },
        _ => Failure::Stopped(text),
    }
}

/// What a person can do once the command is gone.
pub(super) fn aftermath(wait: &Wait, withdrawn: bool) -> String {
    let again = format!("repeat the command with --request-id {} to wait for it again", escape(wait.request_id()));
    match wait.approval_id().map(escape) {
        Some(id) if withdrawn => format!("the server withdraws approval {id}, as asked; see `signoff show {id}`"),
        Some(id) => format!("the approval stays open: see `signoff show {id}`, or {again}"),
        None => format!("the server had not answered: {again}"),
    }
}
