//! Who asks, why, which rule asks whom, and when.

use super::{
    agent_text::AgentText,
    budget::{Budget, NAME_MAX},
    people,
    phrase::Phrase,
    texts,
    warnings::Warnings,
};
use crate::{
    domain::{ExecutionResult, Priority, Time},
    policy::RedactedApproval,
};

/// Maximum number of tools that are named for several requests.
const TOOLS: usize = 10;

/// A line below the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What it is.
    pub key: DetailKey,
    /// Its label, such as `On behalf of`.
    pub label: &'static str,
    /// Its value.
    pub value: Phrase,
}

/// What a detail is, for channels that show only some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DetailKey {
    /// The agent, and the agents that handed the task on to it.
    Agent,
    /// The person on whose behalf the agent acts.
    OnBehalfOf,
    /// The program that made the request.
    Caller,
    /// Why, in the agent's words.
    Reason,
    /// That reviewers changed the arguments.
    Edited,
    /// The rule that decided that reviewers are asked, and its message.
    Rule,
    /// Whom one rule asks, and its votes so far. One for each rule that asks.
    Asked,
    /// The caller's labels.
    Labels,
    /// The run of the agent.
    Run,
    /// When it was requested.
    Requested,
    /// Until when it can be decided, and the time left.
    Deadline,
    /// Its priority, if it is not normal.
    Priority,
    /// What became of the call.
    Outcome,
    /// The tools of several requests.
    Tools,
}

impl DetailKey {
    const fn label(self) -> &'static str {
        match self {
            Self::Agent => texts::AGENT,
            Self::OnBehalfOf => texts::ON_BEHALF_OF,
            Self::Caller => texts::CALLER,
            Self::Reason => texts::REASON,
            Self::Edited => texts::EDITED,
            Self::Rule => texts::RULE,
            Self::Asked => texts::ASKED,
            Self::Labels => texts::LABELS,
            Self::Run => texts::RUN,
            Self::Requested => texts::REQUESTED,
            Self::Deadline => texts::DEADLINE,
            Self::Priority => texts::PRIORITY,
            Self::Outcome => texts::OUTCOME,
            Self::Tools => texts::TOOLS,
        }
    }

    /// Whether a reviewer who does not see it whole cannot decide: what the agent and its caller say about the call.
    const fn decides(self) -> bool {
        matches!(self, Self::Agent | Self::OnBehalfOf | Self::Caller | Self::Reason | Self::Labels | Self::Run)
    }
}

/// The details of an approval, and whether those that decide are whole.
pub(super) fn of(approval: &RedactedApproval, now: Time, budget: &Budget) -> (Vec<Detail>, bool) {
    let mut details = Vec::new();
    let mut add = |key: DetailKey, value: Phrase| details.push(Detail { key, label: key.label(), value });
    add(DetailKey::Agent, people::agent(approval));
    if let Some(person) = &approval.on_behalf_of {
        add(DetailKey::OnBehalfOf, people::who_exactly(person));
    }
    add(DetailKey::Caller, people::who_exactly(&approval.caller));
    let reason = AgentText::lines(&approval.reason, budget.words);
    let no_reason = approval.reason.trim().is_empty();
    add(DetailKey::Reason, if no_reason { Phrase::new(texts::NO_REASON) } else { Phrase::quoting(reason) });
    if approval.edits > 0 {
        add(DetailKey::Edited, Phrase::new(texts::edited(approval.edits)));
    }
    add(DetailKey::Rule, rule(approval, budget));
    for panel in &approval.panels {
        let votes = texts::votes(panel.approvals, panel.quorum);
        let rule = if approval.panels.len() > 1 && !panel.rule.is_empty() {
            people::quoted(&panel.rule).say(texts::COLON)
        } else {
            Phrase::default()
        };
        add(DetailKey::Asked, rule.join(people::reviewers(panel)).say(texts::COMMA).say(votes));
    }
    if !approval.labels.is_empty() {
        add(DetailKey::Labels, labels(approval, budget));
    }
    if !approval.agent.run_id.is_empty() {
        add(DetailKey::Run, people::quoted(&approval.agent.run_id));
    }
    add(DetailKey::Requested, Phrase::new(texts::moment(approval.created_at, now)));
    if super::status::waits(approval, now) {
        let left = texts::left((approval.deadline - now).to_std().unwrap_or_default());
        add(DetailKey::Deadline, Phrase::new(format!("{} ({left})", texts::moment(approval.deadline, now))));
    }
    if approval.priority != Priority::Normal {
        add(DetailKey::Priority, Phrase::new(texts::priority(approval.priority)));
    }
    if let Some(outcome) = outcome(approval, budget) {
        add(DetailKey::Outcome, outcome);
    }
    let all_labels = approval.labels.len() <= budget.labels;
    let whole = details.iter().filter(|detail| detail.key.decides()).all(|detail| people::is_whole(&detail.value));
    (details, whole && all_labels)
}

/// Warns about what the agent and its caller say beside the arguments.
pub(super) fn warn(approval: &RedactedApproval, warnings: &mut Warnings) {
    let label = |key: DetailKey| Phrase::new(key.label());
    warnings.text(&Phrase::new(texts::TOOL), &approval.tool_name);
    let agent = &approval.agent;
    for name in [&agent.name].into_iter().chain(&agent.chain) {
        warnings.text(&label(DetailKey::Agent), name);
    }
    warnings.text(&label(DetailKey::Run), &agent.run_id);
    warnings.text(&label(DetailKey::Reason), &approval.reason);
    let on_behalf_of = approval.on_behalf_of.as_ref().map(|person| (DetailKey::OnBehalfOf, person));
    for (key, actor) in [(DetailKey::Caller, &approval.caller)].into_iter().chain(on_behalf_of) {
        warnings.text(&label(key), &actor.issuer);
        warnings.text(&label(key), &actor.subject);
    }
    for (key, value) in &approval.labels {
        warnings.text(&label(DetailKey::Labels), key);
        warnings.text(&label(DetailKey::Labels), value);
    }
}

/// The tools of several requests.
pub(super) fn tools(names: &[String]) -> Vec<Detail> {
    if names.is_empty() {
        return Vec::new();
    }
    let more = names.len().saturating_sub(TOOLS);
    let named = Phrase::list(names.iter().take(TOOLS).map(|name| people::quoted(name)), texts::COMMA);
    let value = if more > 0 { named.say(texts::more(more)) } else { named };
    vec![Detail { key: DetailKey::Tools, label: DetailKey::Tools.label(), value }]
}

fn rule(approval: &RedactedApproval, budget: &Budget) -> Phrase {
    let name = if approval.rule.is_empty() { Phrase::new(texts::NO_RULE) } else { people::quoted(&approval.rule) };
    if approval.message.trim().is_empty() {
        return name;
    }
    name.say(texts::COLON).quote(AgentText::line(&approval.message, budget.words))
}

fn labels(approval: &RedactedApproval, budget: &Budget) -> Phrase {
    let label = |(key, value): (&String, &String)| people::quoted(key).say("=").quote(AgentText::line(value, NAME_MAX));
    let more = approval.labels.len().saturating_sub(budget.labels);
    let shown = Phrase::list(approval.labels.iter().take(budget.labels).map(label), texts::COMMA);
    if more > 0 { shown.say(texts::more(more)) } else { shown }
}

fn outcome(approval: &RedactedApproval, budget: &Budget) -> Option<Phrase> {
    let Some((result, message)) = &approval.outcome else {
        return approval.claimed_at.map(|_| Phrase::new(texts::CLAIMED));
    };
    let word = match result {
        ExecutionResult::Succeeded => texts::SUCCEEDED,
        ExecutionResult::Failed => texts::FAILED,
    };
    if message.trim().is_empty() {
        return Some(Phrase::new(word));
    }
    Some(Phrase::new(word).say(texts::COLON).quote(AgentText::line(message, budget.words)))
}
