use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Actor, ApprovalId, Arguments, Choice, ClaimId, Digest, Escalation, ExecutionResult, Panel, Priority, Receipt,
    Requirement, Reviewer, Revision, Time, Verdict, time,
};

/// One tool call that waits for, or has, a decision: the fold of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its name.
    pub id: ApprovalId,
    /// How many events it has.
    pub revision: Revision,
    /// Where it stands.
    pub status: Status,
    /// What was asked. Never changes.
    pub request: Arc<Request>,
    /// The arguments that may be run: as asked, or as edited.
    pub arguments: Arguments,
    /// Digest of `arguments`.
    pub digest: Digest,
    /// The event that set `arguments`.
    pub arguments_revision: Revision,
    /// What the policy said of `arguments`.
    pub verdict: Arc<Verdict>,
    /// When the request was accepted.
    pub created_at: Time,
    /// When the newest event was recorded.
    pub updated_at: Time,
    /// From this moment on it cannot be approved.
    pub deadline: Time,
    /// Votes on the current arguments.
    pub votes: Vec<Vote>,
    /// How often it was edited.
    pub edits: u32,
    /// How many escalations of the current verdict have happened.
    pub escalated: u32,
    /// The one decision, once terminal.
    pub decision: Option<Decision>,
    /// The claim, once taken.
    pub claim: Option<Claim>,
    /// Calls that were recorded under a `request_id`, for recognising their repetition.
    pub receipts: Vec<Recorded>,
}

/// A call that was recorded, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Who called.
    pub actor: Actor,
    /// The call.
    pub receipt: Receipt,
    /// The revision that the call led to.
    pub revision: Revision,
}

/// Where an approval stands. Everything but `Pending` is terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a decision.
    Pending,
    /// People approved it.
    Approved,
    /// A person rejected it.
    Rejected,
    /// The deadline passed.
    TimedOut,
    /// The requester withdrew it.
    Cancelled,
    /// The policy approved it.
    AutoApproved,
    /// The policy rejected it.
    AutoRejected,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::TimedOut,
        Self::Cancelled,
        Self::AutoApproved,
        Self::AutoRejected,
    ];

    /// True when it can never change again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// True when the call may be claimed.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::AutoApproved)
    }

    /// The name on the wire, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::Cancelled => "CANCELLED",
            Self::AutoApproved => "AUTO_APPROVED",
            Self::AutoRejected => "AUTO_REJECTED",
        }
    }
}

/// What a caller asked for. Two requests under one `request_id` are the same request when these are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The caller's idempotency key.
    pub request_id: String,
    /// Who asked.
    pub caller: Actor,
    /// The person on whose behalf, as an authority says that the caller may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// The tool.
    pub tool_name: String,
    /// Digest of the call as asked.
    pub digest: Digest,
    /// The agent that makes the call.
    pub agent: Agent,
    /// Why, in the agent's words.
    pub reason: String,
    /// The caller's labels.
    pub labels: BTreeMap<String, String>,
    /// How long the caller wants to wait for a decision.
    #[serde(with = "time::micros", rename = "timeout_us")]
    pub timeout: Duration,
    /// Whether it is withdrawn when the caller's streams are gone.
    pub cancel_on_disconnect: bool,
    /// JSON Schema of the arguments, as canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<str>>,
}

/// The agent that makes a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// The run that the call belongs to.
    pub run_id: String,
    /// The agents that handed the task on, first one first.
    pub chain: Vec<String>,
}

/// One reviewer's vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who voted.
    pub actor: Actor,
    /// Who brought the vote, where that was not the voter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// The rules that it counts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_for: Vec<Arc<str>>,
    /// Which way.
    pub choice: Choice,
    /// Why.
    pub comment: String,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The revision that the reviewer saw.
    pub seen: Revision,
    /// What the vote is for.
    pub digest: Digest,
}

impl Vote {
    /// Whose credentials it came with.
    const fn hand(&self) -> &Actor {
        match &self.via {
            Some(via) => via,
            None => &self.actor,
        }
    }
}

/// The one decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The terminal status.
    pub status: Status,
    /// Who brought it about.
    pub actor: Actor,
    /// Who brought the deciding vote, where that was not the decider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Actor>,
    /// The reviewer's comment, the requester's reason, or the policy's message.
    pub comment: String,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// The revision that the decider saw; 0 where nobody looked.
    pub seen: Revision,
    /// What was decided on.
    pub digest: Digest,
    /// Where it is recorded.
    pub revision: Revision,
}

/// The one permission to start an approved call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name.
    pub id: ClaimId,
    /// Who claimed.
    pub actor: Actor,
    /// When.
    #[serde(with = "time::moment")]
    pub at: Time,
    /// What became of the call, once reported.
    pub outcome: Option<Outcome>,
}

/// What became of a claimed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Whether the tool succeeded.
    pub result: ExecutionResult,
    /// A short account.
    pub message: String,
    /// When it was reported.
    #[serde(with = "time::moment")]
    pub at: Time,
}

impl Approval {
    /// What people must do for it to be approved.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        self.verdict.effect.requirement()
    }

    /// Approving votes on the current arguments.
    #[must_use]
    pub fn approvals(&self) -> u32 {
        self.count(|vote| vote.choice == Choice::Approve)
    }

    /// Rejecting votes on the current arguments.
    #[must_use]
    pub fn rejections(&self) -> u32 {
        self.count(|vote| vote.choice == Choice::Reject)
    }

    /// Approving votes on the current arguments that count for a panel.
    #[must_use]
    pub fn approvals_for(&self, panel: &Panel) -> u32 {
        self.count(|vote| vote.choice == Choice::Approve && vote.counted_for.contains(&panel.rule))
    }

    fn count(&self, which: impl Fn(&Vote) -> bool) -> u32 {
        u32::try_from(self.votes.iter().filter(|vote| which(vote)).count()).unwrap_or(u32::MAX)
    }

    /// Escalations that have happened.
    pub(super) fn escalations(&self) -> &[Escalation] {
        let all = &self.requirement().escalations;
        &all[..all.len().min(self.escalated as usize)]
    }

    /// The next escalation, and when it is due; `None` once decided.
    #[must_use]
    pub fn next_escalation(&self) -> Option<(Time, &Escalation)> {
        let next =
            self.requirement().escalations.get(self.escalated as usize).filter(|_| !self.status.is_terminal())?;
        Some((time::after(self.created_at, next.after), next))
    }

    /// When the server must look at it again, unless somebody acts: its next escalation or its deadline.
    #[must_use]
    pub fn due(&self) -> Time {
        self.next_escalation().map_or(self.deadline, |(at, _)| at.min(self.deadline))
    }

    /// How urgent it is.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.escalations().iter().map(|escalation| escalation.priority).max().unwrap_or_default()
    }

    /// Who may vote for a panel by now; empty: any reviewer.
    #[must_use]
    pub fn reviewers_of<'a>(&'a self, panel: &'a Panel) -> Vec<&'a Reviewer> {
        let added = self.escalations().iter().filter(|escalation| escalation.rule == panel.rule);
        let mut reviewers: Vec<_> = panel.reviewers.iter().chain(added.flat_map(|one| &one.reviewers)).collect();
        if panel.reviewers.is_empty() {
            reviewers.clear();
        }
        reviewers
    }

    /// The rules for which a vote of somebody in these groups counts; empty: that one is not asked.
    #[must_use]
    pub fn counts_for(&self, actor: &Actor, groups: &BTreeSet<String>) -> Vec<Arc<str>> {
        let eligible = |panel: &&Panel| {
            let reviewers = self.reviewers_of(panel);
            reviewers.is_empty() || reviewers.iter().any(|reviewer| reviewer.is(actor, groups))
        };
        self.requirement().panels.iter().filter(eligible).map(|panel| Arc::clone(&panel.rule)).collect()
    }

    /// Of these rules, those for which an approving vote counts that comes with credentials which must not reach a quorum
    /// alone, as their holder can name voters: for each rule one of all votes that come with them, and none where one
    /// vote is enough, even when the holder votes in person, as a thief would. `None` when the voter has approved in another
    /// way, which such a vote must not replace.
    pub(super) fn counts_among_others(
        &self,
        rules: &[Arc<str>],
        actor: &Actor,
        via: Option<&Actor>,
    ) -> Option<Vec<Arc<str>>> {
        let hand = via.unwrap_or(actor);
        let approving = || self.votes.iter().filter(|vote| vote.choice == Choice::Approve);
        if approving().any(|vote| vote.actor.is(actor) && !vote.hand().is(hand)) {
            return None;
        }
        let spent = |rule: &Arc<str>| {
            let by_others = approving().filter(|vote| !vote.actor.is(actor) && vote.hand().is(hand));
            by_others.into_iter().any(|vote| vote.counted_for.contains(rule))
        };
        let alone = |rule: &Arc<str>| {
            let panel = self.requirement().panels.iter().find(|panel| panel.rule == *rule);
            panel.is_some_and(|panel| panel.quorum == 1)
        };
        Some(rules.iter().filter(|rule| !spent(rule) && !alone(rule)).cloned().collect())
    }

    /// Whether an approving vote of somebody, which counts for these rules, completes every quorum. An earlier one of
    /// theirs is replaced by it.
    pub(super) fn completed_by(&self, actor: &Actor, counted_for: &[Arc<str>]) -> bool {
        let others = |panel: &Panel| {
            let counts = |vote: &Vote| vote.choice == Choice::Approve && vote.counted_for.contains(&panel.rule);
            self.count(|vote| counts(vote) && !vote.actor.is(actor))
        };
        let reached = |panel: &Panel| others(panel) + u32::from(counted_for.contains(&panel.rule)) >= panel.quorum;
        self.requirement().panels.iter().all(reached)
    }

    /// Whether somebody asked for it, or it was asked for on their behalf: these never decide it.
    #[must_use]
    pub fn is_asked_by(&self, actor: &Actor) -> bool {
        let Request { caller, on_behalf_of, .. } = &*self.request;
        caller.is(actor) || on_behalf_of.as_ref().is_some_and(|person| person.is(actor))
    }

    /// Whether an approving vote of somebody in these groups, cast in person, would count now. `needs_others`: their
    /// credentials must not reach a quorum alone.
    #[must_use]
    pub fn is_decidable_by(&self, actor: &Actor, groups: &BTreeSet<String>, needs_others: bool) -> bool {
        if self.status.is_terminal() || self.is_asked_by(actor) {
            return false;
        }
        let rules = self.counts_for(actor, groups);
        let rules =
            if needs_others { self.counts_among_others(&rules, actor, None).unwrap_or_default() } else { rules };
        !rules.is_empty() && !self.has_voted(actor, &rules)
    }

    /// Whether somebody has rejected, or approved for all of these rules: another approval would add nothing.
    pub(super) fn has_voted(&self, actor: &Actor, rules: &[Arc<str>]) -> bool {
        let covers = |vote: &Vote| rules.iter().all(|rule| vote.counted_for.contains(rule));
        self.votes.iter().any(|vote| vote.actor.is(actor) && (vote.choice == Choice::Reject || covers(vote)))
    }

    /// Whether somebody has rejected.
    pub(super) fn has_rejected(&self, actor: &Actor) -> bool {
        self.votes.iter().any(|vote| vote.choice == Choice::Reject && vote.actor.is(actor))
    }

    /// Whether the policy left it to people.
    #[must_use]
    pub const fn asks_people(&self) -> bool {
        !matches!(self.status, Status::AutoApproved | Status::AutoRejected)
    }

    /// From this moment on it cannot be claimed; `None` unless approved.
    #[must_use]
    pub fn claimable_until(&self) -> Option<Time> {
        let decision = self.decision.as_ref().filter(|decision| decision.status.is_approved())?;
        Some(time::after(decision.at, self.verdict.claim_window))
    }
}
