//! Decodes policies, and the calls to test them on.

use std::time::Duration;

use super::{Checker, Violation, Violations, scalars};
use crate::{
    domain::{
        Actor, ActorKind, MinAssurance, Priority, Status,
        limits::{CALLER_MAX, CLAIM_WINDOW_MAX, REMEMBER_REJECTION_MAX, RequestLimits, TIMEOUT_MAX},
    },
    policy::{Asks, Document, Escalate, Policy, Problem, RULE_NAME_MAX, Rule, RuleEffect, TestCase},
    proto::v1,
    wire::{enums::Code as _, field_path},
};

const SECOND: Duration = Duration::from_secs(1);

/// Maximum number of cases in a test.
const CASES_MAX: usize = 1_000;

/// Converts a policy message to a document, and reports what a document cannot hold: durations out of range and a
/// default without an effect, which are omitted. Paths are those in the message `signoff.v1.Policy`. Everything else is
/// checked when the document is compiled.
#[must_use]
pub fn document(message: v1::Policy) -> (Document, Vec<Violation>) {
    let mut check = Checker::default();
    let v1::Policy { tools, unlisted_tools, rules, summary, redact, reject_reasons, notify } = message;
    let unlisted_tools = unlisted_tools.and_then(|unlisted| check.unlisted_tools(unlisted));
    let rules = rules.into_iter().enumerate();
    let rules = rules.map(|(index, rule)| check.within(&field_path::at("rules", index), |check| check.rule(rule)));
    let document = Document { tools, unlisted_tools, rules: rules.collect(), summary, redact, reject_reasons, notify };
    (document, check.into_violations())
}

/// Compiles the policy of a message.
///
/// # Errors
/// Every rule that it breaks. Paths are those in the message `signoff.v1.Policy`.
pub fn policy(message: v1::Policy) -> Result<Policy, Vec<Violation>> {
    let (document, mut violations) = document(message);
    match Policy::compile(document) {
        Ok(policy) if violations.is_empty() => Ok(policy),
        Ok(_) => Err(violations),
        Err(problems) => {
            violations.extend(problems.into_iter().map(Violation::from));
            Err(violations)
        }
    }
}

impl From<Problem> for Violation {
    fn from(Problem { path, message }: Problem) -> Self {
        Self { field: path, description: message }
    }
}

/// Decodes the field `cases` of a request or a file. The limits are those of RequestApproval.
///
/// # Errors
/// Every rule that they break.
pub fn test_cases(cases: Vec<v1::PolicyTestCase>, limits: &RequestLimits) -> Result<Vec<TestCase>, Violations> {
    let mut check = Checker::default();
    if cases.is_empty() || cases.len() > CASES_MAX {
        check.refuse("cases", format!("has {} cases; 1 to {CASES_MAX} are allowed", cases.len()));
        return check.finish(|| None);
    }
    let cases = cases.into_iter().enumerate();
    let cases: Vec<_> = cases
        .map(|(index, case)| check.within(&field_path::at("cases", index), |check| check.test_case(case, limits)))
        .collect();
    check.finish(|| cases.into_iter().collect())
}

impl Checker {
    fn unlisted_tools(&mut self, from: v1::UnlistedTools) -> Option<RuleEffect> {
        use v1::unlisted_tools::Effect as Wire;
        match from.effect {
            Some(Wire::AutoApprove(v1::AutoApprove {})) => Some(RuleEffect::AutoApprove {}),
            Some(Wire::AutoReject(v1::AutoReject { message })) => Some(RuleEffect::AutoReject { message }),
            Some(Wire::RequireApproval(asks)) => {
                Some(self.within("unlisted_tools", |check| check.require_approval(asks)))
            }
            None => {
                self.refuse("unlisted_tools", "has no effect; set auto_approve, require_approval or auto_reject");
                None
            }
        }
    }

    fn rule(&mut self, from: v1::PolicyRule) -> Rule {
        use v1::policy_rule::Effect as Wire;
        let v1::PolicyRule {
            name,
            description,
            tools,
            agents,
            labels,
            when,
            effect,
            summary,
            redact,
            reject_reasons,
            notify,
        } = from;
        let effect = effect.map(|effect| match effect {
            Wire::AutoApprove(v1::AutoApprove {}) => RuleEffect::AutoApprove {},
            Wire::AutoReject(v1::AutoReject { message }) => RuleEffect::AutoReject { message },
            Wire::RequireApproval(asks) => self.require_approval(asks),
        });
        let labels = labels.into_iter().collect();
        Rule { name, description, tools, agents, labels, when, summary, redact, reject_reasons, notify, effect }
    }

    fn require_approval(&mut self, from: v1::RequireApproval) -> RuleEffect {
        let v1::RequireApproval {
            timeout,
            claim_window,
            message,
            reviewers,
            quorum,
            reject_threshold,
            comment_required,
            allow_edits,
            escalate,
            remember_rejection,
            min_assurance,
        } = from;
        self.within("require_approval", |check| {
            let escalate = escalate.into_iter().enumerate();
            let escalate = escalate
                .map(|(index, one)| check.within(&field_path::at("escalate", index), |check| check.escalation(one)));
            RuleEffect::RequireApproval(Asks {
                escalate: escalate.collect(),
                reviewers,
                quorum: (quorum != 0).then_some(quorum),
                reject_threshold: (reject_threshold != 0).then_some(reject_threshold),
                comment_required,
                allow_edits,
                timeout: timeout.and_then(|span| check.span("timeout", &span, SECOND, TIMEOUT_MAX)),
                claim_window: claim_window.and_then(|span| check.span("claim_window", &span, SECOND, CLAIM_WINDOW_MAX)),
                remember_rejection: remember_rejection
                    .and_then(|span| check.span("remember_rejection", &span, SECOND, REMEMBER_REJECTION_MAX)),
                min_assurance: check.min_assurance(min_assurance),
                message,
            })
        })
    }

    fn escalation(&mut self, from: v1::Escalation) -> Escalate {
        let v1::Escalation { after, reviewers, priority, notify } = from;
        let after = after.and_then(|span| self.span("after", &span, SECOND, TIMEOUT_MAX));
        let allowed = "PRIORITY_NORMAL, PRIORITY_HIGH or PRIORITY_URGENT";
        let priority = (priority != 0).then(|| self.choice("priority", priority, allowed, Priority::from_wire));
        Escalate { after, reviewers, priority: priority.flatten(), notify }
    }

    fn min_assurance(&mut self, wire: i32) -> Option<MinAssurance> {
        let allowed = "MIN_ASSURANCE_CHAT or MIN_ASSURANCE_CREDENTIALS";
        let chosen = (wire != 0).then(|| self.choice("min_assurance", wire, allowed, MinAssurance::from_wire));
        chosen.flatten()
    }

    fn test_case(&mut self, from: v1::PolicyTestCase, limits: &RequestLimits) -> Option<TestCase> {
        let v1::PolicyTestCase { name, tool_name, arguments, agent, labels, caller, time, expect, expect_rule } = from;
        self.text("name", &name, limits.text_bytes);
        self.tool_name("tool_name", &tool_name);
        let arguments = self.arguments("arguments", arguments.unwrap_or_default(), limits);
        let agent = self.agent(agent.unwrap_or_default(), limits);
        self.labels(labels.iter(), limits.labels);
        let caller = match caller {
            Some(caller) => self.caller(caller),
            None => Some(Actor { kind: ActorKind::Agent, issuer: "test".to_owned(), subject: "agent".to_owned() }),
        };
        let time = self.moment("time", time);
        let allowed = "APPROVAL_STATUS_PENDING, APPROVAL_STATUS_AUTO_APPROVED or APPROVAL_STATUS_AUTO_REJECTED";
        let expect = (expect != 0).then(|| {
            let at_once = |status| matches!(status, Status::Pending | Status::AutoApproved | Status::AutoRejected);
            self.choice("expect", expect, allowed, |wire| Status::from_wire(wire).filter(|status| at_once(*status)))
        });
        self.name("expect_rule", &expect_rule, RULE_NAME_MAX);
        Some(TestCase {
            name,
            tool_name,
            arguments: arguments?,
            agent,
            labels: labels.into_iter().collect(),
            caller: caller?,
            time,
            expect: expect.flatten(),
            expect_rule: (!expect_rule.is_empty()).then_some(expect_rule),
        })
    }

    fn caller(&mut self, from: v1::Actor) -> Option<Actor> {
        let v1::Actor { kind, issuer, subject } = from;
        let allowed = "ACTOR_KIND_AGENT, ACTOR_KIND_PERSON or ACTOR_KIND_SERVICE";
        let kind = self.choice("caller.kind", kind, allowed, scalars::caller_kind);
        let issuer = self.identity("caller.issuer", &issuer, CALLER_MAX);
        let subject = self.identity("caller.subject", &subject, CALLER_MAX);
        Some(Actor { kind: kind?, issuer, subject })
    }
}
