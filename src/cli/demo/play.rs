//! Plays the story: each step is a call of a real client, told as soon as it is answered.

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser as _;
use prost_types::{Struct, Value as WireValue, value::Kind as ValueKind};
use signoff_client::{Client, Permit, Refusal, Step, Wait};
use tonic::Status;
use uuid::Uuid;

use super::{
    keys::{Answer, Keyboard, Prompt},
    narrator::Narrator,
    stage::Stage,
    story::{self, Choices, Speaker, Task},
};
use crate::{
    cli::{describe, failure::Failure, history, retry::repeat, show},
    proto::v1::{Approval, ClaimExecutionRequest, DecideRequest, VoteChoice, decide_request::Seen},
};

/// The argument that a person may edit.
const AMOUNT: &str = "amount";
/// What the agent tries to pay instead. The second is for a person who approved the first.
const OTHER_AMOUNTS: [f64; 2] = [2500.0, 3000.0];

/// Commands of the audit trail, as an operator types them.
#[derive(clap::Parser)]
enum Audit {
    History(history::HistoryArgs),
    Show(show::ShowArgs),
}

/// The clients of the agent, the reviewer and the operator, and what they need to know.
pub(super) struct Play {
    agent: Client,
    reviewer: Client,
    operator: Client,
    address: SocketAddr,
    directory: PathBuf,
    policy_version: u64,
    reviewer_file: PathBuf,
    timeout: Duration,
    interactive: bool,
}

impl Play {
    pub(super) fn new(stage: &Stage, timeout: Duration, interactive: bool) -> Result<Self, Failure> {
        Ok(Self {
            agent: stage.agent()?,
            reviewer: stage.reviewer()?,
            operator: stage.operator()?,
            address: stage.address(),
            directory: stage.directory().to_owned(),
            policy_version: stage.policy_version(),
            reviewer_file: stage.reviewer_file(),
            timeout,
            interactive,
        })
    }

    /// The whole story.
    pub(super) async fn run(&self, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
        narrator.tell(story::opening(self.address, &self.directory, self.policy_version)).await?;
        self.decided_by_the_policy(Task::Search, narrator).await?;
        self.decided_by_the_policy(Task::Mail, narrator).await?;
        let approval = self.decided_by_a_person(narrator).await?;
        if describe::is_approved(&approval) {
            self.runs_once(approval.clone(), narrator).await?;
        } else {
            self.does_not_run(approval.clone(), narrator).await?;
        }
        self.audit(&approval, narrator).await?;
        narrator.tell(story::ending()).await
    }

    async fn decided_by_the_policy(&self, task: Task, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
        narrator.tell(story::asks(task)).await?;
        let call = task.call();
        let mut wait = self.agent.ask(&call).map_err(failed)?;
        let approval = loop {
            if let Step::Decided(approval) = wait.next().await.map_err(failed)? {
                break *approval;
            }
        };
        narrator.tell([story::judged(&approval)]).await?;
        let digest = approval.digest.clone();
        match self.agent.claim(&call, approval).await {
            Ok(permit) => {
                narrator.tell([story::claims(&digest), story::granted()]).await?;
                execute(task, permit, narrator).await
            }
            Err(refusal) => narrator.tell(story::refused(&refusal)).await,
        }
    }

    /// Asks, and waits for the decision: here, in another terminal, or by the script.
    async fn decided_by_a_person(&self, narrator: &mut Narrator<'_>) -> Result<Approval, Failure> {
        narrator.tell(story::asks(Task::Refund)).await?;
        let mut wait = self.agent.ask(&Task::Refund.call().timeout(self.timeout)).map_err(failed)?;
        let asked = loop {
            match wait.next().await.map_err(failed)? {
                Step::Update(update) => break update.approval.ok_or(Failure::Protocol("no approval"))?,
                Step::Decided(approval) => break *approval,
                _ => {}
            }
        };
        narrator.tell([story::judged(&asked)]).await?;
        let choices = self.choices(&asked);
        narrator.tell(choices.waits()).await?;
        if self.interactive {
            narrator.tell(choices.offered()).await?;
        }
        let decided = if self.interactive {
            self.by_keys(&mut wait, asked.clone(), narrator).await?
        } else {
            self.by_script(&mut wait, &asked, narrator).await?
        };
        let speaker = if self.interactive { Speaker::You } else { Speaker::Reviewer };
        narrator.tell(story::decided(&asked, &decided, speaker)).await?;
        Ok(decided)
    }

    fn choices<'a>(&self, approval: &'a Approval) -> Choices<'a> {
        Choices {
            approval,
            timeout: self.timeout,
            program: std::env::args().next().unwrap_or_else(|| "signoff".to_owned()),
            reviewer_file: self.reviewer_file.clone(),
            address: self.address,
        }
    }

    async fn by_keys(
        &self,
        wait: &mut Wait,
        mut pending: Approval,
        narrator: &mut Narrator<'_>,
    ) -> Result<Approval, Failure> {
        let (mut keyboard, mut prompt, mut progress) = (Keyboard::open()?, Prompt::default(), String::new());
        loop {
            tokio::select! {
                step = wait.next() => match step.map_err(failed)? {
                    Step::Decided(approval) => return Ok(*approval),
                    Step::Update(update) => {
                        if let Some(approval) = update.approval {
                            pending = approval;
                        }
                    }
                    Step::Progress(newest) => progress = newest.message,
                    _ => {}
                },
                Some(typed) = keyboard.next() => if let Some(answer) = prompt.take(&typed) {
                    // The question is shown again with the next Progress, if the decision fails.
                    progress.clear();
                    if let Err(status) = self.decide(&pending, answer).await {
                        narrator.tell([story::decision_rejected(&status)]).await?;
                    }
                },
            }
            if !progress.is_empty() {
                narrator.live(&prompt.shown(&progress))?;
            }
        }
    }

    async fn by_script(
        &self,
        wait: &mut Wait,
        pending: &Approval,
        narrator: &mut Narrator<'_>,
    ) -> Result<Approval, Failure> {
        let mut answer = Some(Answer::Approve);
        loop {
            match wait.next().await.map_err(failed)? {
                Step::Decided(approval) => return Ok(*approval),
                Step::Progress(progress) => {
                    if let Some(answer) = answer.take() {
                        narrator.tell([story::progress(&progress.message), story::scripted()]).await?;
                        self.decide(pending, answer).await?;
                    }
                }
                _ => {}
            }
        }
    }

    /// Decides as the reviewer, on the digest that was shown.
    async fn decide(&self, pending: &Approval, answer: Answer) -> Result<(), Status> {
        let mut request = DecideRequest {
            approval_id: pending.id.clone(),
            request_id: Uuid::new_v4().to_string(),
            choice: VoteChoice::Approve.into(),
            seen: Some(Seen::Digest(pending.digest.clone())),
            ..DecideRequest::default()
        };
        match answer {
            Answer::Approve if self.interactive => {}
            Answer::Approve => request.comment = story::SCRIPTED_COMMENT.to_owned(),
            Answer::Reject(comment) => {
                request.choice = VoteChoice::Reject.into();
                request.comment = comment;
            }
            Answer::Edit(amount) => {
                request.edited_arguments = Some(with_amount(pending, amount.as_f64().unwrap_or_default()));
            }
        }
        match repeat(async || self.reviewer.approvals().decide(self.reviewer.unary(request.clone())).await).await {
            // Another terminal was faster: the agent's stream says how it decided.
            Err(status) if signoff_client::reason(&status).as_deref() == Some("ALREADY_DECIDED") => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn runs_once(&self, approval: Approval, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
        narrator.tell(story::heading_of_the_run(true)).await?;
        let (call, digest) = (Task::Refund.call(), approval.digest.clone());
        let others = OTHER_AMOUNTS.map(|amount| with_amount(&approval, amount));
        let other = others.into_iter().find(|other| Some(other) != approval.arguments.as_ref()).unwrap_or_default();
        narrator.tell([story::claims_other_arguments(&describe::compact(Some(&other)))]).await?;
        let rejected = self.claim_raw(&approval.id, signoff_client::digest(&approval.tool_name, &other)).await?;
        narrator.tell([story::claim_rejected(&rejected)]).await?;
        narrator.tell([story::claims(&digest)]).await?;
        match self.agent.claim(&call, approval.clone()).await {
            Ok(permit) => {
                narrator.tell([story::granted()]).await?;
                execute(Task::Refund, permit, narrator).await?;
            }
            Err(refusal) => return narrator.tell(story::refused(&refusal)).await,
        }
        narrator.tell([story::claims_again()]).await?;
        let rejected = self.claim_raw(&approval.id, digest).await?;
        narrator.tell([story::claim_rejected(&rejected)]).await?;
        match self.agent.claim(&call, approval).await {
            Ok(_) => Err(Failure::Protocol("a second permission to run")),
            Err(refusal) => narrator.tell(story::refused(&refusal)).await,
        }
    }

    async fn does_not_run(&self, approval: Approval, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
        narrator.tell(story::heading_of_the_run(false)).await?;
        let (id, digest) = (approval.id.clone(), approval.digest.clone());
        match self.agent.claim(&Task::Refund.call(), approval).await {
            Ok(_) => return Err(Failure::Protocol("a permission to run what was not approved")),
            Err(refusal) => narrator.tell(story::refused(&refusal)).await?,
        }
        narrator.tell([story::claims_anyway()]).await?;
        let rejected = self.claim_raw(&id, digest).await?;
        narrator.tell([story::claim_rejected(&rejected)]).await
    }

    /// Claims without the client's own checks, which would stop the claim earlier. Returns the server's rejection.
    async fn claim_raw(&self, approval_id: &str, digest: String) -> Result<Status, Failure> {
        let request = ClaimExecutionRequest {
            approval_id: approval_id.to_owned(),
            request_id: Uuid::new_v4().to_string(),
            digest,
        };
        match self.agent.approvals().claim_execution(self.agent.unary(request)).await {
            Ok(_) => Err(Failure::Protocol("a claim that it must reject")),
            Err(status) if signoff_client::reason(&status).is_some() => Ok(status),
            Err(status) => Err(status.into()),
        }
    }

    /// The audit trail, as the commands print it.
    async fn audit(&self, approval: &Approval, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
        for (told, line) in [
            (story::audit(), vec!["signoff", "history"]),
            (story::audit_of(approval), vec!["signoff", "show", "--events", &approval.id]),
        ] {
            narrator.tell(told).await?;
            match Audit::try_parse_from(line).expect("these are commands") {
                Audit::History(args) => history::print(args, &self.operator, narrator.console).await?,
                Audit::Show(args) => show::print(args, &self.operator, narrator.console).await?,
            }
        }
        Ok(())
    }
}

/// Runs a tool with the approved arguments, and reports that.
async fn execute(task: Task, permit: Permit, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
    let arguments = permit.run().arguments.clone();
    let run = async |run: signoff_client::Run| Ok::<_, Infallible>(task.result(&run.arguments));
    let result = permit.execute(run).await.map_err(|error| Failure::Stopped(error.to_string()))?;
    narrator.tell(story::ran(task, &arguments, &result)).await
}

/// The call's arguments with another amount.
fn with_amount(approval: &Approval, amount: f64) -> Struct {
    let mut arguments = approval.arguments.clone().unwrap_or_default();
    arguments.fields.insert(AMOUNT.to_owned(), WireValue { kind: Some(ValueKind::NumberValue(amount)) });
    arguments
}

fn failed(refusal: Refusal) -> Failure {
    Failure::Stopped(refusal.developer_text())
}
