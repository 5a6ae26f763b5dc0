//! Evaluates a policy for a call: the strictest rule wins.
//!
//! The order of rules must not matter. With "first match wins", a rule that somebody adds at the top could silently
//! disable a rejection below it, and nobody could tell the effect of one rule without all others. So every rule for the
//! tool is evaluated, and the strictest effect counts. No other rule can weaken a rule that rejects.
//!
//! A condition that fails to evaluate must not make a call pass, because the caller chooses the arguments that make it
//! fail. So a failed rule that requires approval counts as a match, and any failed rule turns an automatic approval
//! into a request for approval. A failed rule never rejects: an error in a policy should be seen by a person. The same
//! holds when conditions run out of steps.
//!
//! The call notifies the channels of the rules that have the deciding effect: of all rules that require approval, or
//! else the policy's own; of the one rule that approves or rejects.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Asks, Call, Effort, Judgement, RuleEffect,
    combined_requirement::CombinedRequirement,
    condition::{Scope, StepBudget},
    problems::{TOOLS, UNLISTED_TOOLS},
    rules::{Matcher, Policy},
};
use crate::domain::{ChannelName, Effect, RuleOutcome, RuleTrace};

/// Maximum number of rules in a trace.
pub const TRACE_MAX: usize = 256;

/// Maximum number of rules that may require approval of one call. Bounds the stored and sent size of an approval.
pub const PANELS_MAX: usize = 32;

/// The rule in the trace of a call that is rejected because more than [`PANELS_MAX`] rules require approval.
pub const TOO_MANY_PANELS_RULE: &str = "_too_many_panels";

/// The rules that count for a call: the first of each effect. Rules come strictest first, then by name.
///
/// `count`, `judge` and `by_default` decide what a failed rule counts for.
#[derive(Default)]
struct Tally<'a> {
    rejects: Option<&'a Matcher>,
    asks: Option<&'a Matcher>,
    approves: Option<&'a Matcher>,
    fails: Option<&'a Matcher>,
    /// The channels of all rules that require approval.
    notify: BTreeSet<&'a ChannelName>,
    requirement: CombinedRequirement,
}

impl<'a> Tally<'a> {
    fn count(&mut self, rule: &'a Matcher, outcome: RuleOutcome) {
        let first = |slot: &mut Option<&'a Matcher>| {
            slot.get_or_insert(rule);
        };
        match (outcome, &rule.effect) {
            (RuleOutcome::NotMatched, _) => return,
            // Arguments that make a condition fail must not bypass the required approval.
            (_, RuleEffect::RequireApproval(asks)) => {
                first(&mut self.asks);
                self.notify.extend(&rule.notify);
                self.requirement.add(&rule.name, asks);
            }
            (RuleOutcome::Matched, RuleEffect::AutoReject { .. }) => first(&mut self.rejects),
            (RuleOutcome::Matched, RuleEffect::AutoApprove {}) => first(&mut self.approves),
            (RuleOutcome::Failed, _) => {}
        }
        if outcome == RuleOutcome::Failed {
            first(&mut self.fails);
        }
    }
}

impl Policy {
    /// Evaluates a call. Conditions fail once they run out of steps: see [`Judgement::exhausted`].
    #[must_use]
    pub fn judge(&self, call: &Call<'_>, effort: Effort) -> Judgement {
        let (scope, meter) = (Scope::new(*call), StepBudget::new(effort.steps()));
        let (mut tally, mut trace) = (Tally::default(), Vec::new());
        for rule in self.rules_for(call.tool_name) {
            let (outcome, detail) = rule.evaluate(call, &scope, &meter);
            tally.count(rule, outcome);
            trace.push(RuleTrace { rule: Arc::clone(&rule.name), outcome, detail });
        }
        let (effect, rule, claim_window, notify) = match tally {
            Tally { rejects: Some(rule), .. } => (Effect::AutoReject, rule, None, rule.notify.iter().collect()),
            Tally { asks: Some(_), requirement, .. } if requirement.panels() > PANELS_MAX => {
                return too_many_panels(requirement.panels(), trace, meter.is_empty());
            }
            Tally { asks: Some(rule), requirement, notify, .. } => {
                let (requirement, claim_window) = requirement.into_requirement();
                let notify = if notify.is_empty() { self.notify.iter().collect() } else { notify };
                (Effect::RequireApproval(requirement), rule, claim_window, notify)
            }
            Tally { approves: Some(rule), fails: None, .. } => {
                (Effect::AutoApprove, rule, None, rule.notify.iter().collect())
            }
            Tally { fails, approves, .. } => {
                return self.by_default(call, fails, approves.is_some(), trace, meter.is_empty());
            }
        };
        let (rule, message, exhausted) = (Arc::clone(&rule.name), Arc::clone(&rule.message), meter.is_empty());
        let notify = notify.into_iter().cloned().collect();
        Judgement { effect, rule, message, claim_window, notify, trace, trace_omitted: 0, exhausted }.fitting()
    }

    /// The effect of the tool's default, if no matching rule decides.
    fn by_default(
        &self,
        call: &Call<'_>,
        fails: Option<&Matcher>,
        approved: bool,
        mut trace: Vec<RuleTrace>,
        exhausted: bool,
    ) -> Judgement {
        let asks = RuleEffect::RequireApproval(Asks::default());
        let (name, default, why) = if self.lists(call.tool_name) {
            (TOOLS, &asks, "the default for listed tools")
        } else {
            let default = self.document().unlisted_tools.as_ref().unwrap_or(&asks);
            (UNLISTED_TOOLS, default, "the default for other tools")
        };
        let (effect, message, claim_window) = match default {
            RuleEffect::AutoApprove {} => (Effect::AutoApprove, "", None),
            RuleEffect::AutoReject { message } => (Effect::AutoReject, message.as_str(), None),
            RuleEffect::RequireApproval(asks) => {
                let (requirement, claim_window) = CombinedRequirement::of(&name.into(), asks).into_requirement();
                (Effect::RequireApproval(requirement), asks.message.as_str(), claim_window)
            }
        };
        // A failed rule decides if the call would otherwise be approved automatically.
        let failed = fails.filter(|_| approved || effect == Effect::AutoApprove);
        let (effect, rule, message) = match failed {
            Some(rule) if matches!(effect, Effect::RequireApproval(_)) => {
                (effect, Arc::clone(&rule.name), Arc::default())
            }
            Some(rule) => {
                let (requirement, _) = CombinedRequirement::of(&name.into(), &Asks::default()).into_requirement();
                (Effect::RequireApproval(requirement), Arc::clone(&rule.name), Arc::default())
            }
            None => {
                trace.push(RuleTrace { rule: name.into(), outcome: RuleOutcome::Matched, detail: why.into() });
                (effect, name.into(), message.into())
            }
        };
        // No rule decides, so only the policy can name channels. It names them for calls that need approval.
        let asks = matches!(effect, Effect::RequireApproval(_));
        let notify = if asks { self.notify.iter().cloned().collect() } else { Vec::new() };
        Judgement { effect, rule, message, claim_window, notify, trace, trace_omitted: 0, exhausted }.fitting()
    }
}

/// Asking only some of the panels would let the call pass without the others.
fn too_many_panels(panels: usize, mut trace: Vec<RuleTrace>, exhausted: bool) -> Judgement {
    let rule = Arc::from(TOO_MANY_PANELS_RULE);
    let message = format!(
        "{panels} rules of the policy require approval of this call; the limit is {PANELS_MAX}. \
         An operator must change the policy."
    );
    let detail = format!("{panels} rules require approval; the limit is {PANELS_MAX}");
    trace.push(RuleTrace { rule: Arc::clone(&rule), outcome: RuleOutcome::Matched, detail: detail.into() });
    Judgement {
        effect: Effect::AutoReject,
        rule,
        message: message.into(),
        claim_window: None,
        notify: Vec::new(),
        trace,
        trace_omitted: 0,
        exhausted,
    }
    .fitting()
}

impl Judgement {
    /// Shortens a long trace: omits rules that did not match, then the last rules.
    fn fitting(mut self) -> Self {
        if let Some(over) = self.trace.len().checked_sub(TRACE_MAX).filter(|over| *over > 0) {
            let mut leave = over;
            // From the end, because readers begin at the start.
            let mut kept: Vec<_> = Vec::with_capacity(TRACE_MAX);
            for one in std::mem::take(&mut self.trace).into_iter().rev() {
                let decides = one.outcome != RuleOutcome::NotMatched;
                if leave > 0 && !decides { leave -= 1 } else { kept.push(one) }
            }
            kept.reverse();
            let decider = kept.iter().position(|one| one.rule == self.rule);
            if let Some(place) = decider.filter(|place| *place >= TRACE_MAX) {
                let decider = kept.remove(place);
                kept.insert(TRACE_MAX - 1, decider);
            }
            kept.truncate(TRACE_MAX);
            self.trace = kept;
            self.trace_omitted = u32::try_from(over).unwrap_or(u32::MAX);
        }
        self
    }
}
