//! Votes: who may vote on an approval, and what a vote counts for.

use std::{collections::BTreeSet, sync::Arc};

use super::{Actor, Approval, Choice, Panel, Request, Reviewer, Vote};

impl Approval {
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

    /// The reviewers who may vote for a panel now. Empty: any reviewer.
    #[must_use]
    pub fn reviewers_of<'a>(&'a self, panel: &'a Panel) -> Vec<&'a Reviewer> {
        let added = self.escalations().iter().filter(|escalation| escalation.rule == panel.rule);
        let mut reviewers: Vec<_> = panel.reviewers.iter().chain(added.flat_map(|one| &one.reviewers)).collect();
        if panel.reviewers.is_empty() {
            reviewers.clear();
        }
        reviewers
    }

    /// The rules for which a vote of this actor counts. Empty: the policy does not ask the actor.
    #[must_use]
    pub fn counts_for(&self, actor: &Actor, groups: &BTreeSet<String>) -> Vec<Arc<str>> {
        let eligible = |panel: &&Panel| {
            let reviewers = self.reviewers_of(panel);
            reviewers.is_empty() || reviewers.iter().any(|reviewer| reviewer.is(actor, groups))
        };
        self.requirement().panels.iter().filter(eligible).map(|panel| Arc::clone(&panel.rule)).collect()
    }

    /// The rules for which an approving vote counts if its credentials can name any voter. All votes with such
    /// credentials together count as one per rule, and as none for a rule that needs only one vote. That includes votes
    /// of the owner in person, because a thief of the credentials could cast them. `None` if the voter has approved
    /// with other credentials: such a vote must not replace that one.
    pub(super) fn counts_among_others(
        &self,
        rules: &[Arc<str>],
        actor: &Actor,
        via: Option<&Actor>,
    ) -> Option<Vec<Arc<str>>> {
        let bringer = via.unwrap_or(actor);
        let approving = || self.votes.iter().filter(|vote| vote.choice == Choice::Approve);
        if approving().any(|vote| vote.actor.is(actor) && !vote.brought_by().is(bringer)) {
            return None;
        }
        let used = |rule: &Arc<str>| {
            let by_others = approving().filter(|vote| !vote.actor.is(actor) && vote.brought_by().is(bringer));
            by_others.into_iter().any(|vote| vote.counted_for.contains(rule))
        };
        let alone = |rule: &Arc<str>| {
            let panel = self.requirement().panels.iter().find(|panel| panel.rule == *rule);
            panel.is_some_and(|panel| panel.quorum == 1)
        };
        Some(rules.iter().filter(|rule| !used(rule) && !alone(rule)).cloned().collect())
    }

    /// Whether an approving vote of this actor, for these rules, completes every quorum. It replaces an earlier vote of
    /// the actor.
    pub(super) fn completed_by(&self, actor: &Actor, counted_for: &[Arc<str>]) -> bool {
        let others = |panel: &Panel| {
            let counts = |vote: &Vote| vote.choice == Choice::Approve && vote.counted_for.contains(&panel.rule);
            self.count(|vote| counts(vote) && !vote.actor.is(actor))
        };
        let reached = |panel: &Panel| others(panel) + u32::from(counted_for.contains(&panel.rule)) >= panel.quorum;
        self.requirement().panels.iter().all(reached)
    }

    /// Whether the actor is the requester, or the person on whose behalf the request was made. These never decide it.
    #[must_use]
    pub fn is_asked_by(&self, actor: &Actor) -> bool {
        let Request { caller, on_behalf_of, .. } = &*self.request;
        caller.is(actor) || on_behalf_of.as_ref().is_some_and(|person| person.is(actor))
    }

    /// Whether the actor is, or was, asked about this call: in this request or, for a remembered rejection, in the
    /// rejected one.
    #[must_use]
    pub fn is_shown_to(&self, actor: &Actor, groups: &BTreeSet<String>) -> bool {
        let Some(remembered) = &self.verdict.remembered_rejection else {
            return self.asks_people() && !self.counts_for(actor, groups).is_empty();
        };
        let asked = |panel: &Panel| {
            panel.reviewers.is_empty() || panel.reviewers.iter().any(|reviewer| reviewer.is(actor, groups))
        };
        remembered.panels.iter().any(asked)
    }

    /// Whether an approving vote of the actor would count now. `needs_others`: its credentials must not decide alone.
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

    /// Whether the actor has rejected, or has approved for all of these rules. Another approval would add nothing.
    pub(super) fn has_voted(&self, actor: &Actor, rules: &[Arc<str>]) -> bool {
        let covers = |vote: &Vote| rules.iter().all(|rule| vote.counted_for.contains(rule));
        self.votes.iter().any(|vote| vote.actor.is(actor) && (vote.choice == Choice::Reject || covers(vote)))
    }

    /// Whether the actor has rejected.
    pub(super) fn has_rejected(&self, actor: &Actor) -> bool {
        self.votes.iter().any(|vote| vote.choice == Choice::Reject && vote.actor.is(actor))
    }
}

impl Vote {
    /// The actor whose credentials the vote came with.
    const fn brought_by(&self) -> &Actor {
        match &self.via {
            Some(via) => via,
            None => &self.actor,
        }
    }
}
