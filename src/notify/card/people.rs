//! Who acts and who is asked, in words.

use super::{
    agent_text::AgentText,
    budget::NAME_MAX,
    phrase::{Phrase, Span},
    texts,
};
use crate::{
    domain::Actor,
    policy::{PanelProgress, RedactedApproval, RedactedDecision, RedactedVote},
};

/// Maximum number of reviewers that are named for one rule.
const REVIEWERS: usize = 6;

pub(super) fn quoted(name: &str) -> Phrase {
    Phrase::quoting(AgentText::line(name, NAME_MAX))
}

/// The short name of an actor.
pub(super) fn who(actor: &Actor) -> Phrase {
    texts::automatic(actor.kind).map_or_else(|| quoted(&actor.subject), Phrase::new)
}

/// The name of an actor, and the authority that vouches for it.
pub(super) fn who_exactly(actor: &Actor) -> Phrase {
    match texts::automatic(actor.kind) {
        Some(words) => Phrase::new(words),
        None => quoted(&actor.subject).say(" (").join(quoted(&actor.issuer)).say(")"),
    }
}

/// An actor, and the program through which the actor's decision came.
fn through(actor: &Actor, via: Option<&Actor>) -> Phrase {
    let named = who(actor);
    via.map_or_else(|| named.clone(), |via| named.clone().say(texts::THROUGH).join(who(via)))
}

/// The vote that decided, if one did.
pub(super) fn deciding<'a>(approval: &'a RedactedApproval, decision: &RedactedDecision) -> Option<&'a RedactedVote> {
    approval.votes.iter().find(|vote| vote.actor == decision.actor && vote.at == decision.at)
}

/// Who decided, through what, and where.
pub(super) fn decided_by(approval: &RedactedApproval, decision: &RedactedDecision) -> (Phrase, &'static str) {
    match deciding(approval, decision) {
        Some(vote) => (through(&decision.actor, vote.via.as_ref()), how(vote)),
        None => (who(&decision.actor), ""),
    }
}

pub(super) const fn how(vote: &RedactedVote) -> &'static str {
    match (vote.surface, vote.assurance) {
        (Some(surface), Some(assurance)) => texts::how(surface, assurance),
        _ => "",
    }
}

/// The voter of a vote.
pub(super) fn voter(vote: &RedactedVote) -> Phrase {
    through(&vote.actor, vote.via.as_ref())
}

/// The reviewers whom the rules ask that lack votes.
pub(super) fn awaited(approval: &RedactedApproval) -> Phrase {
    let lacking = approval.panels.iter().filter(|panel| panel.approvals < panel.quorum);
    let mut asked: Vec<Phrase> = Vec::new();
    for reviewers in lacking.map(reviewers) {
        if !asked.contains(&reviewers) {
            asked.push(reviewers);
        }
    }
    if asked.is_empty() { Phrase::new(texts::ANY_REVIEWER) } else { Phrase::list(asked, texts::AND_FROM) }
}

/// The reviewers whom one rule asks.
pub(super) fn reviewers(panel: &PanelProgress) -> Phrase {
    if panel.reviewers.is_empty() {
        return Phrase::new(texts::ANY_REVIEWER);
    }
    let one = |reviewer: &String| match reviewer.split_once(':') {
        Some(("group", name)) => Phrase::new(texts::GROUP).join(quoted(name)),
        Some((_, name)) => quoted(name),
        None => quoted(reviewer),
    };
    let more = panel.reviewers.len().saturating_sub(REVIEWERS);
    let named = Phrase::list(panel.reviewers.iter().take(REVIEWERS).map(one), texts::OR);
    if more > 0 { named.say(texts::more(more)) } else { named }
}

/// The agent and those that handed the task on to it.
pub(super) fn agent(approval: &RedactedApproval) -> Phrase {
    let agent = &approval.agent;
    let name = if agent.name.is_empty() { Phrase::new(texts::NO_AGENT) } else { quoted(&agent.name) };
    let chain = agent.chain.iter().rev().map(|name| Phrase::new(texts::HANDED_ON_FROM).join(quoted(name)));
    chain.fold(name, Phrase::join)
}

/// Whether every quoted text of a phrase is whole.
pub(super) fn is_whole(phrase: &Phrase) -> bool {
    phrase.spans().iter().all(|span| !matches!(span, Span::Quoted(text) if text.cut() > 0))
}
