//! The story: the calls of the agent, and the words for each step. Pure: no I/O.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value, json};
use signoff_client::{Call, Refusal};
use tonic::Status;

use crate::{
    cli::{
        describe,
        reporter::shell_path,
        text::{escape, span},
    },
    proto::v1::{Approval, ApprovalStatus},
};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Agent,
    Policy,
    Server,
    Tool,
    /// The person at the terminal.
    You,
    /// The script in place of that person.
    Reviewer,
}

impl Speaker {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Policy => "policy",
            Self::Server => "server",
            Self::Tool => "tool",
            Self::You => "you",
            Self::Reviewer => "reviewer",
        }
    }
}

/// A line of the story. Its text is escaped already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Blank,
    Heading(String),
    Said(Speaker, String),
    /// More of what was said last.
    More(String),
    /// A command to copy.
    Command(String),
    /// A command that the demo runs itself.
    Typed(String),
}

use Line::{Blank, Command, Heading, More, Said, Typed};

/// A step of the agent's work: one tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Search,
    Mail,
    Refund,
}

impl Task {
    const fn heading(self) -> &'static str {
        match self {
            Self::Search => "1. The agent looks for a customer. The policy approves.",
            Self::Mail => "2. The agent writes to the customer. The policy rejects.",
            Self::Refund => "3. The agent pays money back. A person decides.",
        }
    }

    const fn tool(self) -> &'static str {
        match self {
            Self::Search => "search_records",
            Self::Mail => "send_email",
            Self::Refund => "process_payment",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Search => "Alice says that she paid twice",
            Self::Mail => "Tell Alice that the money comes back",
            Self::Refund => "Alice paid record 17 twice",
        }
    }

    fn arguments(self) -> Value {
        match self {
            Self::Search => json!({"query": "Alice"}),
            Self::Mail => json!({"to": "alice@example.com", "subject": "Your refund"}),
            Self::Refund => json!({"amount": 250, "note": "Refund of record 17", "to": "alice@example.com"}),
        }
    }

    /// The call, as an agent's code makes it.
    pub(super) fn call(self) -> Call {
        Call::new(self.tool()).arguments(&self.arguments()).agent_name("support-bot").reason(self.reason())
    }

    /// What the tool returns when it runs with these arguments. It only says what it would do.
    pub(super) fn result(self, arguments: &Map<String, Value>) -> String {
        let text = |name: &str| match arguments.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        match self {
            Self::Search => format!("found record 17: {}, alice@example.com, paid 250 twice", text("query")),
            Self::Mail => format!("sent a mail to {}", text("to")),
            Self::Refund => format!("paid {} to {}", text("amount"), text("to")),
        }
    }
}

pub(super) fn opening(address: SocketAddr, directory: &Path, policy_version: u64) -> Vec<Line> {
    vec![
        Heading("Signoff demo: an agent asks, a policy or a person decides, the tool runs once.".to_owned()),
        Blank,
        server(format!(
            "Listens on {address}. Its data is in {}. The demo deletes it at the end.",
            escape(&directory.display().to_string())
        )),
        Said(
            Speaker::Policy,
            format!(
                "Version {policy_version} is live. It approves searches, rejects mail to other companies, and requires \
                 a person's approval for payments of 100 or more."
            ),
        ),
    ]
}

pub(super) fn asks(task: Task) -> Vec<Line> {
    let call = format!("Asks for approval: {} {}", task.tool(), task.arguments());
    vec![Blank, Heading(task.heading().to_owned()), agent(call), More(format!("Reason: {}.", task.reason()))]
}

/// What the policy says of a call.
pub(super) fn judged(approval: &Approval) -> Line {
    let policy = approval.policy.clone().unwrap_or_default();
    let judged = format!("{} by rule {}", describe::painted(approval.status), escape(&policy.rule));
    Said(Speaker::Policy, sentence(describe::commented(judged, &policy.message)))
}

/// How to decide what waits.
pub(super) struct Choices<'a> {
    pub(super) approval: &'a Approval,
    pub(super) timeout: Duration,
    pub(super) program: String,
    pub(super) reviewer_file: PathBuf,
    pub(super) address: SocketAddr,
}

impl Choices<'_> {
    pub(super) fn waits(&self) -> Vec<Line> {
        let (id, left) = (escape(&self.approval.id), span(self.timeout));
        vec![server(format!("Stored approval {id}. The agent waits on its stream, for {left} at most."))]
    }

    pub(super) fn offered(&self) -> Vec<Line> {
        let Self { approval, program, reviewer_file, address, .. } = self;
        let id = escape(&approval.id);
        vec![
            Said(Speaker::You, "Decide here: press a to approve, r to reject, e to approve another amount.".to_owned()),
            More("Or decide in another terminal:".to_owned()),
            Command(format!(". {} && {program} approve {id}", shell_path(reviewer_file))),
            More("Or use any gRPC client there, such as grpcurl:".to_owned()),
            Command(format!(". {}", shell_path(reviewer_file))),
            Command(r#"grpcurl -plaintext -H "authorization: Bearer $SIGNOFF_TOKEN" \"#.to_owned()),
            Command(format!(
                r#"  -d '{{"approval_id": "{id}", "choice": "VOTE_CHOICE_APPROVE", "revision": {}}}' \"#,
                approval.revision
            )),
            Command(format!("  {address} signoff.v1.ApprovalService/Decide")),
        ]
    }
}

pub(super) fn progress(message: &str) -> Line {
    server(sentence(escape(message)))
}

pub(super) fn scripted() -> Line {
    Said(Speaker::Reviewer, "This demo is not interactive: a script decides.".to_owned())
}

/// What the script says about its approval.
pub(super) const SCRIPTED_COMMENT: &str = "Record 17 was paid twice.";

/// How a pending approval ended.
pub(super) fn decided(asked: &Approval, approval: &Approval, reviewer: Speaker) -> Vec<Line> {
    let speaker = match approval.status() {
        ApprovalStatus::Approved | ApprovalStatus::Rejected => reviewer,
        ApprovalStatus::Cancelled => Speaker::Agent,
        _ => Speaker::Server,
    };
    let decision = approval.decision.as_ref().map(|decision| Said(speaker, sentence(describe::decision(decision))));
    let edited = || format!("With other arguments: {}", escape(&describe::compact(approval.arguments.as_ref())));
    let edit = (asked.digest != approval.digest).then(|| More(edited()));
    decision.into_iter().chain(edit).collect()
}

pub(super) fn decision_rejected(status: &Status) -> Line {
    server(format!("Rejects the decision: {}", reason(status)))
}

pub(super) fn heading_of_the_run(approved: bool) -> Vec<Line> {
    let heading = if approved { "4. The tool runs once, as approved." } else { "4. The tool does not run." };
    vec![Blank, Heading(heading.to_owned())]
}

pub(super) fn claims_other_arguments(arguments: &str) -> Line {
    agent(format!("Tries to claim the approval for other arguments: {}", escape(arguments)))
}

pub(super) fn claims(digest: &str) -> Line {
    agent(format!("Claims the approval for the call's digest, {}.", escape(digest)))
}

pub(super) fn claims_anyway() -> Line {
    agent("Tries to claim the approval anyway.".to_owned())
}

pub(super) fn claims_again() -> Line {
    agent("Tries to claim the approval a second time, to pay again.".to_owned())
}

pub(super) fn granted() -> Line {
    server("Grants the claim, the only one for this approval.".to_owned())
}

pub(super) fn claim_rejected(status: &Status) -> Line {
    server(format!("Rejects the claim: {}", reason(status)))
}

/// The run of a tool, and its report.
pub(super) fn ran(task: Task, arguments: &Map<String, Value>, result: &str) -> Vec<Line> {
    let arguments = escape(&Value::Object(arguments.clone()).to_string());
    vec![
        Said(Speaker::Tool, format!("{} runs with {arguments}", task.tool())),
        More(format!("Result: {}.", escape(result))),
        agent("Reports the outcome: SUCCEEDED.".to_owned()),
    ]
}

/// What a model reads when its tool does not run.
pub(super) fn refused(refusal: &Refusal) -> Vec<Line> {
    vec![
        agent("Does not run the tool. The model reads this text in place of a result:".to_owned()),
        More(escape(&refusal.to_string())),
    ]
}

pub(super) fn audit() -> Vec<Line> {
    vec![Blank, Heading("5. The audit trail keeps every fact, with its author.".to_owned()), typed("history")]
}

pub(super) fn audit_of(approval: &Approval) -> Vec<Line> {
    vec![Blank, typed(&format!("show --events {}", escape(&approval.id)))]
}

pub(super) fn ending() -> Vec<Line> {
    vec![
        Blank,
        Heading("Next".to_owned()),
        More("Start a server that keeps its data. It prints the commands to type next:".to_owned()),
        Command("signoff serve --dev".to_owned()),
        More("Then put a tool of your own agent behind it: \"From an agent\" in README.md.".to_owned()),
    ]
}

fn agent(text: String) -> Line {
    Said(Speaker::Agent, text)
}

fn server(text: String) -> Line {
    Said(Speaker::Server, text)
}

fn typed(command: &str) -> Line {
    Typed(format!("signoff {command}"))
}

/// The server's message, and its reason for programs.
fn reason(status: &Status) -> String {
    let reason = signoff_client::reason(status).unwrap_or_else(|| signoff_client::code_name(status.code()).to_owned());
    format!("{} ({reason}).", escape(status.message().trim_end_matches('.')))
}

/// A text with one full stop.
fn sentence(text: String) -> String {
    if text.ends_with('.') { text } else { format!("{text}.") }
}
