//! A row: what a person must know of a pending request before opening it.

use crate::{
    desk::{Desk, moment::Countdown, texts},
    domain::{Approval, ApprovalId, Choice, Priority, Revision, Time},
    identity::{Method, Principal},
    policy::{BRIEF_AGENT, BRIEF_CHAIN, BRIEF_REASON},
    unicode,
};

use super::{
    cut::Cut,
    fold::{Foldable, Kin},
    labels::Labels,
    order::SortKey,
    summary::{Summary, is_warned_text},
};

/// Longest name of a tool in a row, in characters: the longest that there is.
const TOOL: usize = crate::domain::limits::TOOL_NAME_MAX;

/// A pending request in a list.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Row {
    pub(in crate::desk) id: ApprovalId,
    pub(in crate::desk) revision: Revision,
    /// The revision of its arguments: an open page keeps a selection while it is the same.
    pub(in crate::desk) arguments_revision: Revision,
    pub(in crate::desk) sort: SortKey,
    pub(in crate::desk) priority: Priority,
    pub(in crate::desk) tool: Cut,
    pub(in crate::desk) countdown: Countdown,
    pub(in crate::desk) summary: Summary,
    /// The name that the agent gives itself, or the caller if it gives none.
    pub(in crate::desk) agent: Cut,
    /// The caller, whom its credentials name, unless it calls itself so.
    pub(in crate::desk) caller: Option<Cut>,
    pub(in crate::desk) on_behalf_of: Option<Cut>,
    pub(in crate::desk) chain: Vec<Cut>,
    pub(in crate::desk) more_agents: usize,
    /// The rules that ask, as far as they have names.
    pub(in crate::desk) rules: Vec<String>,
    pub(in crate::desk) reason: Option<Cut>,
    pub(in crate::desk) labels: Labels,
    /// The votes so far, in words.
    pub(in crate::desk) votes: Vec<String>,
    /// Whether no text of the request has characters that can deceive.
    is_plain: bool,
    /// Whether the viewer can decide it now.
    pub(in crate::desk) decidable: bool,
    /// Whether it is only repeated, as on a page of results: no countdown, nothing to select.
    pub(in crate::desk) is_text: bool,
    /// The name of the tool for people who hear the page.
    pub(in crate::desk) label: String,
    pub(super) kin: Kin,
    pub(super) created_at: Time,
}

impl Row {
    /// The row of an approval, for a viewer.
    pub(in crate::desk) async fn new(desk: &Desk, viewer: &Principal, approval: &Approval, now: Time) -> Self {
        let display = desk.policies.display(approval).await;
        let request = &approval.request;
        let agent = &request.agent;
        // An agent may not say its name; the caller has one.
        let caller = request.caller.subject.as_str();
        let on_behalf_of = request.on_behalf_of.as_ref().map(|person| person.subject.as_str());
        // The page also warns about the run, and about labels that a row leaves out.
        let labels = request.labels.iter().flat_map(|(name, value)| [name, value]);
        let texts = [&request.tool_name, &agent.name, &agent.run_id, &request.reason];
        let is_plain = !texts.into_iter().chain(&agent.chain).chain(labels).any(|text| is_warned_text(text))
            && !on_behalf_of.into_iter().chain([caller]).any(is_warned_text);
        let panels = &approval.requirement().panels;
        let decidable = viewer.may(Method::Decide)
            && approval.is_decidable_by(&viewer.actor, &viewer.groups, viewer.needs_others())
            && now < approval.deadline;
        Self {
            id: approval.id,
            revision: approval.revision,
            arguments_revision: approval.arguments_revision,
            sort: SortKey::of(approval),
            priority: approval.priority(),
            tool: Cut::new(&request.tool_name, TOOL),
            countdown: Countdown { deadline: approval.deadline, now },
            summary: Summary::of(approval, &display),
            agent: Cut::new(if agent.name.is_empty() { caller } else { &agent.name }, BRIEF_AGENT),
            caller: Some(caller)
                .filter(|caller| !agent.name.is_empty() && agent.name != **caller)
                .map(|caller| Cut::new(caller, BRIEF_AGENT)),
            on_behalf_of: on_behalf_of.map(|person| Cut::new(person, BRIEF_AGENT)),
            chain: agent.chain.iter().rev().take(BRIEF_CHAIN).map(|name| Cut::new(name, BRIEF_AGENT)).collect(),
            more_agents: agent.chain.len().saturating_sub(BRIEF_CHAIN),
            rules: panels.iter().filter(|panel| !panel.rule.is_empty()).map(|panel| panel.rule.to_string()).collect(),
            reason: Some(&request.reason)
                .filter(|reason| !reason.is_empty())
                .map(|reason| Cut::new(reason, BRIEF_REASON)),
            labels: Labels::of(&request.labels),
            votes: votes(viewer, approval),
            is_plain,
            decidable,
            is_text: false,
            label: unicode::escape(&request.tool_name).into_owned(),
            kin: Kin::of(approval),
            created_at: approval.created_at,
        }
    }

    /// The row as text.
    pub(super) fn into_text(self) -> Self {
        Self { is_text: true, decidable: false, ..self }
    }

    /// The word for its priority, unless it is normal.
    pub(in crate::desk) const fn priority_word(&self) -> Option<&'static str> {
        texts::queue::priority(self.priority)
    }

    /// Whether it may be approved together with others: nothing in the row is cut or redacted, or needs a warning.
    pub(in crate::desk) fn is_whole(&self) -> bool {
        let texts = [&self.tool, &self.agent].into_iter().chain(&self.caller).chain(&self.on_behalf_of);
        let texts = texts.chain(&self.chain).chain(&self.reason);
        self.summary.is_whole && self.is_plain && self.more_agents == 0 && texts.into_iter().all(Cut::is_whole)
    }
}

impl Foldable for Row {
    fn kin(&self) -> &Kin {
        &self.kin
    }

    fn created_at(&self) -> Time {
        self.created_at
    }

    fn priority(&self) -> Priority {
        self.priority
    }
}

/// The votes so far: the numbers, unless one vote decides and there is none, then who voted.
fn votes(viewer: &Principal, approval: &Approval) -> Vec<String> {
    let panels = &approval.requirement().panels;
    let one_decides = matches!(panels.as_slice(), [panel] if panel.quorum == 1);
    if one_decides && approval.votes.is_empty() {
        return Vec::new();
    }
    let numbers = panels.iter().map(|panel| {
        let rule = if panels.len() > 1 { &*panel.rule } else { "" };
        texts::queue::votes(rule, approval.approvals_for(panel), panel.quorum)
    });
    let voters = approval.votes.iter().map(|vote| {
        let approved = vote.choice == Choice::Approve;
        match (vote.actor.is(&viewer.actor), approved) {
            (true, true) => texts::queue::YOU_APPROVED.to_owned(),
            (true, false) => texts::queue::YOU_REJECTED.to_owned(),
            (false, _) => texts::queue::voted(&unicode::escape(&vote.actor.subject), approved),
        }
    });
    numbers.chain(voters).collect()
}
