//! What the policy would do with a call.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use askama::Template;
use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};

use super::{AgentText, Fact, Tab, Tabs, readable, words};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        form::{Form, lines},
        layout::{Layout, Place},
        phrase::Phrase,
        span,
        submitted::Submitted,
        viewer::Viewer,
    },
    domain::{ChannelName, Effect, Requirement, RuleOutcome, RuleTrace, Verdict, limits::RequestLimits},
    identity::Method,
    policy::{self, TestCase},
    proto::v1,
    wire::{
        decode::{self, PolicyTest},
        structs,
    },
};

#[derive(Template)]
#[template(path = "policy_try.html")]
struct TryPage {
    layout: Layout,
    tabs: Tabs,
    form: Form,
    result: Option<Tried>,
}

/// The verdict on a call, in words.
struct Tried {
    version: String,
    effect: &'static str,
    rule: String,
    message: String,
    facts: Vec<Fact>,
    trace: Vec<Traced>,
    omitted: u32,
    warnings: Vec<policy::Problem>,
}

/// A rule of the trace, in words.
struct Traced {
    rule: String,
    outcome: &'static str,
    why: Phrase,
}

impl TryPage {
    fn of(viewer: &Viewer, form: Form, result: Option<Tried>) -> Response {
        rendered(&Self {
            layout: Layout::of(viewer, words::TRY, Some(Place::Policy)),
            tabs: Tabs::of(viewer, Tab::Try),
            form,
            result,
        })
    }
}

/// `GET /policy/try`.
pub(super) async fn page(viewer: Viewer) -> Result<Response, Failed> {
    viewer.sees(Method::TestPolicy)?;
    Ok(TryPage::of(&viewer, Form::new(&viewer, &[("arguments", "{\n}")]), None))
}

/// `POST /policy/try`: judges the call. Changes nothing; the form may be too long for an address.
pub(super) async fn submit(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    request: Request,
) -> Result<Response, Failed> {
    viewer.sees(Method::TestPolicy)?; // before the long form is read
    let submitted = Submitted::from_request(request, &desk).await?;
    let mut form = Form::of(&submitted);
    let Some(PolicyTest { tried, cases }) = decoded(&mut form, &desk.limits) else {
        return Ok((StatusCode::BAD_REQUEST, TryPage::of(&viewer, form, None)).into_response());
    };
    let calls = |now| cases.iter().map(|case: &TestCase| case.call(now)).collect();
    let (policy, verdicts) = match desk.policies.test(&viewer.principal, tried, calls).await {
        Ok(judged) => judged,
        Err(error) => {
            let status = form.failed(error)?;
            return Ok((status, TryPage::of(&viewer, form, None)).into_response());
        }
    };
    let tools = cases.iter().map(|case| case.tool_name.clone()).collect::<BTreeSet<_>>();
    let warnings = desk.policies.warnings(&viewer.principal.actor, policy, tools).await;
    let result = verdicts.into_iter().next().map(|verdict| Tried::of(verdict, warnings));
    Ok(TryPage::of(&viewer, form, result))
}

/// The test that a form asks for. Adds problems to the form if it is not valid.
fn decoded(form: &mut Form, limits: &RequestLimits) -> Option<PolicyTest> {
    let text = |form: &Form, name: &str| form.value(name).trim().to_owned();
    let arguments = match object(form.value("arguments")) {
        Ok(arguments) => Some(structs::from_object(arguments)),
        Err(problem) => {
            form.refuse("arguments", problem);
            None
        }
    };
    let labels = match labels(form.value("labels")) {
        Ok(labels) => labels,
        Err(problem) => {
            form.refuse("labels", problem);
            HashMap::new()
        }
    };
    let caller = text(form, "caller");
    let caller = match caller.split_once('/') {
        None if caller.is_empty() => None,
        Some((issuer, subject)) if !issuer.is_empty() && !subject.is_empty() => {
            let kind = v1::ActorKind::Agent.into();
            Some(v1::Actor { kind, issuer: issuer.to_owned(), subject: subject.to_owned() })
        }
        _ => {
            form.refuse("caller", words::CALLER_WRONG);
            None
        }
    };
    let version = text(form, "version");
    let version = if version.is_empty() { Ok(None) } else { version.parse().map(Some) };
    let version = version.unwrap_or_else(|_| {
        form.refuse("version", words::TRIED_VERSION_WRONG);
        None
    });
    let agent = v1::Agent { name: text(form, "agent"), ..v1::Agent::default() };
    let case = v1::PolicyTestCase {
        tool_name: text(form, "tool"),
        arguments,
        agent: Some(agent),
        labels,
        caller,
        ..v1::PolicyTestCase::default()
    };
    let message = v1::TestPolicyRequest { policy: None, version, cases: vec![case] };
    let test = decode::policy_test(message, limits).map_err(|violations| form.refuse_all(violations, place)).ok();
    test.filter(|_| form.problems().is_empty())
}

/// The field of the form, and its label, for a field of the message.
fn place(field: &str) -> (&'static str, &'static str) {
    let field = field.strip_prefix("cases[0].").unwrap_or(field);
    [
        ("tool_name", "tool", words::TOOL),
        ("arguments", "arguments", words::ARGUMENTS),
        ("agent", "agent", words::AGENT),
        ("labels", "labels", words::LABELS),
        ("caller", "caller", words::CALLER),
        ("version", "version", words::TRIED_VERSION),
    ]
    .into_iter()
    .find(|(begin, ..)| field.starts_with(begin))
    .map_or(("", ""), |(_, name, label)| (name, label))
}

/// A JSON object, or the place where the text is none.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(words::NOT_AN_OBJECT.to_owned()),
        Err(error) => {
            let why = error.to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
            Err(words::not_json(error.line(), error.column(), why))
        }
    }
}

/// Labels, one per line.
fn labels(text: &str) -> Result<HashMap<String, String>, String> {
    let mut labels = HashMap::new();
    for line in lines(text) {
        let Some((key, value)) = line.split_once('=') else { return Err(format!("{} {line}", words::LABEL_WRONG)) };
        let (key, value) = (key.trim(), value.trim());
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{} {key}", words::LABEL_TWICE));
        }
    }
    Ok(labels)
}

impl Tried {
    fn of(verdict: Verdict, warnings: Vec<policy::Problem>) -> Self {
        let fact = |name, value: &str| Fact { name, value: Phrase::new(value) };
        let mut facts = match &verdict.effect {
            Effect::RequireApproval(requirement) => asked(requirement),
            Effect::AutoApprove | Effect::AutoReject => Vec::new(),
        };
        facts.push(Fact { name: words::NOTIFIES, value: told(&verdict) });
        if verdict.effect != Effect::AutoReject {
            let window = format!("{}{}", span::exactly(verdict.claim_window), words::CLAIM_WINDOW_AFTER);
            facts.push(fact(words::CLAIM_WINDOW, &window));
        }
        Self {
            version: verdict.policy_version,
            effect: match verdict.effect {
                Effect::AutoApprove => words::WOULD_APPROVE,
                Effect::RequireApproval(_) => words::WOULD_ASK,
                Effect::AutoReject => words::WOULD_REJECT,
            },
            rule: verdict.rule,
            message: verdict.message,
            facts,
            trace: verdict.trace.iter().map(Traced::of).collect(),
            omitted: verdict.trace_omitted,
            warnings,
        }
    }
}

/// The channels that would be told.
fn told(verdict: &Verdict) -> Phrase {
    match (verdict.notify.as_slice(), &verdict.effect) {
        ([], Effect::RequireApproval(_)) => Phrase::new(words::NOTIFIES_DEFAULT),
        ([], _) => Phrase::new(words::NOBODY),
        (names, _) => Phrase::default().list(names.iter().map(ChannelName::as_str)),
    }
}

/// The reviewers that would be asked, and how.
fn asked(requirement: &Requirement) -> Vec<Fact> {
    let fact = |name, value: &str| Fact { name, value: Phrase::new(value) };
    let mut facts = Vec::new();
    for panel in &requirement.panels {
        let names: Vec<_> = panel.reviewers.iter().map(ToString::to_string).collect();
        let who = readable::reviewers(names.iter().map(String::as_str));
        let value = Phrase::new(&words::approvals(panel.quorum)).join(who).say(words::FOR_RULE).quote(&panel.rule);
        facts.push(Fact { name: words::WHO, value });
    }
    let Requirement { reject_threshold, comment_required, allow_edits, timeout, remember_rejection, .. } = requirement;
    facts.push(fact(words::REJECT_THRESHOLD, &reject_threshold.to_string()));
    facts.push(fact(words::EDITS, if *allow_edits { words::EDITS_ALLOWED } else { words::EDITS_DENIED }));
    facts.push(fact(words::TIMEOUT, &timeout.map_or_else(|| words::DEFAULT.to_owned(), span::exactly)));
    facts.extend(comment_required.then(|| fact(words::COMMENTS, words::COMMENT_REQUIRED)));
    facts.extend(remember_rejection.map(|span| fact(words::REMEMBERS, &span::exactly(span))));
    facts.push(readable::assurance(requirement.min_assurance));
    for escalation in &requirement.escalations {
        let names: Vec<_> = escalation.reviewers.iter().map(ToString::to_string).collect();
        let notify: Vec<_> = escalation.notify.iter().map(ToString::to_string).collect();
        let value = readable::step(escalation.after, &names, Some(escalation.priority), &notify);
        facts.push(Fact { name: words::ESCALATES, value });
    }
    facts
}

impl Traced {
    fn of(trace: &RuleTrace) -> Self {
        let outcome = match trace.outcome {
            RuleOutcome::Matched => words::MATCHED,
            RuleOutcome::NotMatched => words::NOT_MATCHED,
            RuleOutcome::Failed => words::FAILED,
        };
        let why = match (trace.outcome, &*trace.detail) {
            (RuleOutcome::Matched, "auto_approve") => Phrase::new(words::APPROVES),
            (RuleOutcome::Matched, "require_approval") => Phrase::new(words::ASKS),
            (RuleOutcome::Matched, "auto_reject") => Phrase::new(words::REJECTS),
            // An error may quote the call.
            (RuleOutcome::Failed, error) => Phrase::quoting(error),
            (_, why) => Phrase::new(why),
        };
        Self { rule: trace.rule.to_string(), outcome, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_the_place_is_named() {
        assert!(object(" ").unwrap().is_empty());
        assert_eq!(object("{\"a\": 1}").unwrap().len(), 1);
        assert_eq!(object("[1]").unwrap_err(), words::NOT_AN_OBJECT);
        assert_eq!(object("{\n \"a\": }").unwrap_err(), "Arguments: line 2, column 7: expected value");
    }

    #[test]
    fn labels_are_pairs() {
        let read = |text| labels(text).map(|labels| labels.len());
        assert_eq!(read("a=1\n\n b = c=d \n"), Ok(2));
        assert_eq!(labels("b = c=d").unwrap()["b"], "c=d");
        assert_eq!(read("a"), Err(format!("{} a", words::LABEL_WRONG)));
        assert_eq!(read("a=1\na=2"), Err(format!("{} a", words::LABEL_TWICE)));
    }
}
