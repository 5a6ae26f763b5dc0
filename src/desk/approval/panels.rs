//! Why the viewer is asked: the rules with their reviewers, and the votes so far.

use super::told::{Told, Who};
use crate::{
    desk::{moment::Moment, texts::approval as texts},
    domain::{Approval, Choice, Panel, Provenance, Vote},
    identity::Principal,
    policy::Rule,
};

/// The reviewers that one rule asks.
#[derive(Clone, Debug)]
pub(super) struct PanelRow {
    /// The rule; empty for the default of a policy without a rule for it.
    pub(super) rule: String,
    /// The purpose of the rule, in its author's words.
    pub(super) description: String,
    /// Its condition.
    pub(super) condition: String,
    /// Who may vote.
    pub(super) reviewers: String,
    /// Votes so far and needed.
    pub(super) count: String,
    pub(super) reached: bool,
    /// Whether the viewer's vote counts for it.
    pub(super) mine: bool,
}

/// One vote.
#[derive(Clone, Debug)]
pub(super) struct VoteRow {
    pub(super) who: Who,
    pub(super) via: Option<Who>,
    pub(super) mine: bool,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
    pub(super) at: Moment,
    pub(super) comment: Told,
    /// The rules for which it counts.
    pub(super) counts_for: String,
    /// Where it came from, as far as that is on record.
    pub(super) how: String,
    /// What the voter had opened.
    pub(super) opened: String,
}

/// The panels, in the policy's order. `rules` are those of the policy that judged the call, if they can be read.
pub(super) fn panels(approval: &Approval, viewer: &Principal, rules: &[Rule]) -> Vec<PanelRow> {
    let mine = if viewer.may(crate::identity::Method::Decide) && !approval.is_asked_by(&viewer.actor) {
        approval.counts_for(&viewer.actor, &viewer.groups)
    } else {
        Vec::new()
    };
    let row = |panel: &Panel| {
        let rule = rules.iter().find(|rule| *rule.name == *panel.rule);
        let votes = approval.approvals_for(panel);
        let reviewers: Vec<_> = approval.reviewers_of(panel).iter().map(ToString::to_string).collect();
        PanelRow {
            rule: panel.rule.to_string(),
            description: rule.map(|rule| rule.description.clone()).unwrap_or_default(),
            condition: rule.map(|rule| rule.when.clone()).unwrap_or_default(),
            reviewers: if reviewers.is_empty() { texts::ANY_REVIEWER.to_owned() } else { reviewers.join(", ") },
            count: texts::votes(votes, panel.quorum),
            reached: votes >= panel.quorum,
            mine: mine.contains(&panel.rule),
        }
    };
    approval.requirement().panels.iter().map(row).collect()
}

/// The votes on the current arguments.
pub(super) fn votes(approval: &Approval, viewer: &Principal) -> Vec<VoteRow> {
    let several = approval.requirement().panels.len() > 1;
    let row = |vote: &Vote| {
        let (sign, word) = choice(vote.choice);
        let provenance = vote.provenance.as_ref();
        VoteRow {
            who: Who(vote.actor.clone()),
            via: vote.via.clone().map(Who),
            mine: vote.actor.is(&viewer.actor),
            sign,
            word,
            at: Moment(vote.at),
            comment: Told::new(vote.comment.as_str()),
            counts_for: if several && vote.choice == Choice::Approve {
                vote.counted_for.join(", ")
            } else {
                String::new()
            },
            how: how(provenance),
            opened: provenance.map(|provenance| provenance.opened.join(", ")).unwrap_or_default(),
        }
    };
    approval.votes.iter().map(row).collect()
}

/// Where a decision came from, in words.
pub(super) fn how(provenance: Option<&Provenance>) -> String {
    provenance.map(|how| texts::how(how.surface, how.assurance)).unwrap_or_default()
}

/// The sign and the word of a vote.
pub(super) const fn choice(choice: Choice) -> (&'static str, &'static str) {
    match choice {
        Choice::Approve => ("✓", texts::APPROVED),
        Choice::Reject => ("✕", texts::REJECTED),
    }
}
