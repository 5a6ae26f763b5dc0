//! Callers of one approval, each bound to one server: they make calls at random, and note when each began and what it
//! answered.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use signoff::proto::v1::{
    self as pb, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, ExecutionResult, GetApprovalRequest,
    ReportExecutionRequest, RequestApprovalRequest, RevokeApprovalRequest, VoteChoice, decide_request,
};
use tokio::sync::watch;
use tonic::Status as Error;

use super::{
    answers,
    checker::History,
    spec::{Action, Call, Seen, Status, View, Who},
};
use crate::{
    calls::{arguments, ask, open},
    load::Random,
    server::{Client, soon},
};

/// Different arguments.
const ARGUMENTS: u8 = 6;

/// The argument whose value tells the arguments apart.
pub(super) const NUMBER: &str = "number";

/// Another argument, which is always the same.
const TO: &str = "alice@company.com";

/// What callers do, in which measure: so that one history is mostly votes, and another one mostly claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Temper {
    /// Of 100 decisions, how many edit, and how many reject.
    pub(super) edits: usize,
    pub(super) rejections: usize,
    /// Of 100 calls of the agent, how many cancel.
    pub(super) cancellations: usize,
    /// Of 100 calls, how many revoke.
    pub(super) revocations: usize,
    /// Of 100 calls, how many are cut off.
    pub(super) cuts: usize,
}

/// What the callers of one approval share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tool: &'static str,
    pub(super) request_id: String,
    pub(super) timeout: Option<Duration>,
    pub(super) temper: Temper,
    pub(super) calls: usize,
    pub(super) history: Mutex<History>,
    pub(super) known: Mutex<Known>,
    /// Whether the approval's id is known.
    pub(super) opened: watch::Sender<bool>,
}

/// What some caller has seen.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) id: Option<String>,
    pub(super) claim: Option<String>,
    pub(super) newest: Option<View>,
}

impl Shared {
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// The digest of arguments, as the API defines it.
    fn digest(&self, number: u8) -> String {
        let (to, tool) = (TO, self.tool);
        let call = format!(r#"{{"arguments":{{"{NUMBER}":"{number}","to":"{to}"}},"tool_name":"{tool}"}}"#);
        let hash = Sha256::digest(call.as_bytes());
        format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// The arguments of a digest.
    pub(super) fn arguments_of(&self, digest: &str) -> u8 {
        (0..ARGUMENTS).find(|number| self.digest(*number) == digest).expect("a digest of the arguments")
    }
}

/// A caller.
pub(super) struct Caller {
    pub(super) who: Who,
    pub(super) client: Client,
    pub(super) shared: Arc<Shared>,
    pub(super) random: Random,
    /// Calls that may be repeated.
    pub(super) made: Vec<Call>,
}

impl Caller {
    /// Makes calls until the history is full.
    pub(super) async fn run(mut self) {
        if self.who != Who::Agent {
            let mut opened = self.shared.opened.subscribe();
            soon("the approval is there", opened.wait_for(|opened| *opened)).await.expect("the sender is here");
        }
        loop {
            let call = self.choose();
            let index = {
                let mut history = self.shared.history();
                if history.calls.len() >= self.shared.calls {
                    return;
                }
                history.begin(call)
            };
            let answer = self.make(call);
            let answer = if self.random.percent(self.shared.temper.cuts) {
                let moment = Duration::from_micros(self.random.below(4_000) as u64);
                #[expect(clippy::disallowed_methods, reason = "any moment is good to cut off a call")]
                match tokio::time::timeout(moment, answer).await {
                    Ok(answer) => answer,
                    Err(_) => continue,
                }
            } else {
                soon("the call is answered", answer).await
            };
            let shared = Arc::clone(&self.shared);
            let Some(answer) = answers::answer(answer, &shared) else { continue };
            self.shared.history().answer(index, answer);
        }
    }

    /// A call: mostly one that may succeed.
    fn choose(&mut self) -> Call {
        let (who, known) = (self.who, self.shared.known().newest.clone());
        let Some(newest) = known else {
            let arguments = u8::from(self.random.percent(30));
            return Call { who, key: 0, action: Action::Request(arguments) };
        };
        if !self.made.is_empty() && self.random.percent(12) {
            let call = self.made[self.random.below(self.made.len())];
            // Rarely, the same key for another call.
            let other = self.random.percent(5);
            return if other { Call { action: self.choose_anew(&newest), ..call } } else { call };
        }
        let action = self.choose_anew(&newest);
        let key = 1 + self.made.len();
        let call = Call { who, key: key * 100 + self.random.below(100), action };
        if !matches!(action, Action::Get | Action::Request(_)) {
            self.made.push(call);
        }
        call
    }

    fn choose_anew(&mut self, newest: &View) -> Action {
        match self.who {
            Who::Agent => self.choose_as_agent(newest),
            Who::Reviewer(_) => self.choose_as_reviewer(newest),
            Who::Deadline => unreachable!("time calls nobody"),
        }
    }

    fn choose_as_agent(&mut self, newest: &View) -> Action {
        let temper = self.shared.temper;
        if self.random.percent(temper.cancellations) {
            return Action::Cancel;
        }
        if self.random.percent(temper.revocations) {
            return Action::Revoke;
        }
        let pending = newest.status == Status::Pending;
        match self.random.below(if pending { 11 } else { 8 }) {
            0..=2 => Action::Claim(self.digest(newest)),
            3 => {
                let of_the_claim = self.shared.known().claim.is_some() && self.random.percent(80);
                Action::Report { of_the_claim, succeeded: self.random.percent(50) }
            }
            4 => Action::Request(u8::from(self.random.percent(30))),
            _ => Action::Get,
        }
    }

    fn choose_as_reviewer(&mut self, newest: &View) -> Action {
        let temper = self.shared.temper;
        if self.random.percent(temper.revocations) {
            return Action::Revoke;
        }
        if self.random.percent(if newest.status == Status::Pending { 30 } else { 75 }) {
            return Action::Get;
        }
        let seen = if self.random.percent(50) {
            Seen::Revision(newest.revision.saturating_sub(self.random.below(3) as u64).max(1))
        } else {
            Seen::Digest(self.digest(newest))
        };
        let approve = !self.random.percent(temper.rejections);
        let edit =
            (approve && self.random.percent(temper.edits)).then(|| self.random.below(usize::from(ARGUMENTS)) as u8);
        Action::Decide { approve, seen, edit }
    }

    /// A digest, mostly the current one.
    fn digest(&mut self, newest: &View) -> u8 {
        if self.random.percent(90) { newest.arguments } else { self.random.below(usize::from(ARGUMENTS)) as u8 }
    }

    fn make(&self, call: Call) -> impl Future<Output = Result<pb::Approval, Error>> + use<> {
        let (mut client, shared) = (self.client.clone(), Arc::clone(&self.shared));
        async move {
            let (approval_id, claim) = {
                let known = shared.known();
                (known.id.clone().unwrap_or_default(), known.claim.clone())
            };
            let request_id = format!("key-{}", call.key);
            let digest = |number| shared.digest(number);
            let shown = match call.action {
                Action::Request(number) => {
                    let request = RequestApprovalRequest {
                        tool_name: shared.tool.into(),
                        arguments: Some(numbered(number)),
                        timeout: shared.timeout.map(|timeout| timeout.try_into().expect("a short time")),
                        ..ask(&shared.request_id)
                    };
                    return open(&mut client, request).await.map(|(_, approval)| approval);
                }
                Action::Get => {
                    let get = GetApprovalRequest { approval_id, include_events: false };
                    client.get_approval(get).await?.into_inner().approval
                }
                Action::Decide { approve, seen, edit } => {
                    let seen = match seen {
                        Seen::Revision(revision) => decide_request::Seen::Revision(revision),
                        Seen::Digest(number) => decide_request::Seen::Digest(digest(number)),
                    };
                    let choice = if approve { VoteChoice::Approve } else { VoteChoice::Reject };
                    let decide = DecideRequest {
                        approval_id,
                        request_id,
                        choice: choice.into(),
                        seen: Some(seen),
                        edited_arguments: edit.map(numbered),
                        ..Default::default()
                    };
                    client.decide(decide).await?.into_inner().approval
                }
                Action::Cancel => {
                    let cancel = CancelApprovalRequest { approval_id, request_id, reason: "changed my mind".into() };
                    client.cancel_approval(cancel).await?.into_inner().approval
                }
                Action::Claim(number) => {
                    let claim = ClaimExecutionRequest { approval_id, request_id, digest: digest(number) };
                    let reply = client.claim_execution(claim).await?.into_inner();
                    let shown = reply.approval.as_ref().and_then(|approval| approval.claim.as_ref());
                    assert_eq!(shown.map(|claim| &claim.id), Some(&reply.claim_id), "a reply with two claims");
                    reply.approval
                }
                Action::Report { of_the_claim, succeeded } => {
                    let result = if succeeded { ExecutionResult::Succeeded } else { ExecutionResult::Failed };
                    let report = ReportExecutionRequest {
                        approval_id,
                        request_id,
                        claim_id: claim.filter(|_| of_the_claim).unwrap_or_else(|| uuid::Uuid::nil().to_string()),
                        result: result.into(),
                        message: String::new(),
                    };
                    client.report_execution(report).await?.into_inner().approval
                }
                Action::Revoke => {
                    let revoke = RevokeApprovalRequest { approval_id, request_id, reason: "no longer".into() };
                    client.revoke_approval(revoke).await?.into_inner().approval
                }
                Action::Expire => unreachable!("nobody calls that"),
            };
            Ok(shown.expect("an answer has the approval"))
        }
    }
}

fn numbered(number: u8) -> prost_types::Struct {
    arguments(&[("to", TO), (NUMBER, &number.to_string())])
}
