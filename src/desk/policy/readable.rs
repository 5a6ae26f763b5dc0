//! A policy in words.

use std::time::Duration;

use super::words;
use crate::{
    desk::{phrase::Phrase, span},
    domain::{MinAssurance, Priority},
    policy::{Asks, Document, Escalate, Rule, RuleEffect},
};

/// One thing that a rule says.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: Phrase,
}

/// A rule in words.
#[derive(Debug)]
pub(super) struct ReadableRule {
    pub(super) name: String,
    pub(super) description: String,
    /// The calls that it matches.
    pub(super) calls: Vec<Fact>,
    /// Its condition, as code.
    pub(super) when: String,
    pub(super) effect: &'static str,
    /// How it has this effect.
    pub(super) how: Vec<Fact>,
}

impl ReadableRule {
    pub(super) fn of(rule: &Rule) -> Self {
        let Rule { name, description, tools, agents, labels, when, summary, redact, reject_reasons, notify, effect } =
            rule;
        let mut calls = Vec::new();
        push(&mut calls, words::TOOLS, tools);
        push(&mut calls, words::AGENTS, agents);
        let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        push(&mut calls, words::LABELS, &labels);
        let mut how = effect.as_ref().map(facts).unwrap_or_default();
        push(&mut how, words::NOTIFIES, notify);
        push_display(&mut how, summary, redact, reject_reasons);
        Self {
            name: name.clone(),
            description: description.clone(),
            calls,
            when: when.clone(),
            effect: effect.as_ref().map_or(words::NO_EFFECT, self::effect),
            how,
        }
    }
}

/// What holds if no rule matches.
pub(super) fn defaults(document: &Document) -> Vec<Fact> {
    let mut defaults = Vec::new();
    if !document.tools.is_empty() {
        let tools = Phrase::new(words::LISTED_ASK).list(document.tools.iter().map(String::as_str));
        defaults.push(Fact { name: words::LISTED, value: tools });
    }
    let asks = RuleEffect::RequireApproval(Asks::default());
    let unlisted = document.unlisted_tools.as_ref().unwrap_or(&asks);
    defaults.push(Fact { name: words::OTHERS, value: Phrase::new(effect(unlisted)) });
    if document.unlisted_tools.is_some() {
        defaults.extend(facts(unlisted));
    }
    defaults
}

/// How the policy shows approvals, and to whom.
pub(super) fn shown(document: &Document) -> Vec<Fact> {
    let mut shown = Vec::new();
    push(&mut shown, words::NOTIFIES, &document.notify);
    push_display(&mut shown, &document.summary, &document.redact, &document.reject_reasons);
    shown
}

/// The effect in a few words.
pub(super) const fn effect(effect: &RuleEffect) -> &'static str {
    match effect {
        RuleEffect::AutoApprove {} => words::APPROVES,
        RuleEffect::RequireApproval(_) => words::ASKS,
        RuleEffect::AutoReject { .. } => words::REJECTS,
    }
}

/// Reviewers as a policy names them; any, if it names none.
pub(super) fn reviewers<'a>(names: impl IntoIterator<Item = &'a str>) -> Phrase {
    let mut phrase = Phrase::default();
    let mut first = true;
    for name in names {
        phrase = if first { phrase } else { phrase.say(words::OR) };
        first = false;
        phrase = match name.split_once(':') {
            Some(("group", group)) => phrase.say(words::MEMBERS).quote(group),
            Some(("user", user)) => phrase.quote(user),
            _ => phrase.quote(name),
        };
    }
    if first { Phrase::new(words::ANYONE) } else { phrase }
}

fn facts(effect: &RuleEffect) -> Vec<Fact> {
    match effect {
        RuleEffect::AutoApprove {} => Vec::new(),
        RuleEffect::AutoReject { message } => said(message).into_iter().collect(),
        RuleEffect::RequireApproval(asks) => asked(asks),
    }
}

fn said(message: &str) -> Option<Fact> {
    (!message.is_empty()).then(|| Fact { name: words::MESSAGE, value: Phrase::quoting(message) })
}

fn asked(asks: &Asks) -> Vec<Fact> {
    let Asks {
        reviewers: names,
        quorum,
        reject_threshold,
        comment_required,
        allow_edits,
        escalate,
        timeout,
        claim_window,
        remember_rejection,
        min_assurance,
        message,
    } = asks;
    let fact = |name, value: &str| Fact { name, value: Phrase::new(value) };
    let count = |count: &Option<u32>| count.unwrap_or(1).to_string();
    let span = |span: &Option<_>| span.map_or_else(|| words::DEFAULT.to_owned(), span::exactly);
    let window = claim_window.map(|window| format!("{}{}", span::exactly(window), words::CLAIM_WINDOW_AFTER));
    let edits = if allow_edits.unwrap_or(true) { words::EDITS_ALLOWED } else { words::EDITS_DENIED };
    let mut facts = vec![
        Fact { name: words::WHO, value: reviewers(names.iter().map(String::as_str)) },
        fact(words::QUORUM, &count(quorum)),
        fact(words::REJECT_THRESHOLD, &count(reject_threshold)),
        fact(words::EDITS, edits),
        fact(words::TIMEOUT, &span(timeout)),
        fact(words::CLAIM_WINDOW, window.as_deref().unwrap_or(words::DEFAULT)),
    ];
    facts.extend(comment_required.then(|| fact(words::COMMENTS, words::COMMENT_REQUIRED)));
    facts.extend(remember_rejection.map(|span| fact(words::REMEMBERS, &span::exactly(span))));
    facts.extend(min_assurance.map(assurance));
    facts.extend(escalate.iter().map(|one| Fact { name: words::ESCALATES, value: escalation(one) }));
    facts.extend(said(message));
    facts
}

/// Which approvals count.
pub(super) fn assurance(least: MinAssurance) -> Fact {
    let value = match least {
        MinAssurance::Chat => words::ASSURANCE_CHAT,
        MinAssurance::Credentials => words::ASSURANCE_CREDENTIALS,
    };
    Fact { name: words::ASSURANCE, value: Phrase::new(value) }
}

fn escalation(escalate: &Escalate) -> Phrase {
    let Escalate { after, reviewers: names, priority, notify } = escalate;
    step(after.unwrap_or_default(), names, *priority, notify)
}

/// What an escalation does.
pub(super) fn step(after: Duration, names: &[String], priority: Option<Priority>, notify: &[String]) -> Phrase {
    let mut phrase = Phrase::new(&words::escalates_after(&span::exactly(after)));
    let mut first = true;
    let mut part = |phrase: Phrase, begins: &str, goes_on: &str| {
        phrase.say(if std::mem::take(&mut first) { begins } else { goes_on })
    };
    if !names.is_empty() {
        phrase = part(phrase, words::ALSO_ASKS, "").join(reviewers(names.iter().map(String::as_str)));
    }
    if let Some(priority) = priority {
        phrase = part(phrase, words::RAISES, words::AND_RAISES).say(priority.name());
    }
    if !notify.is_empty() {
        phrase = part(phrase, words::TELLS, words::AND_TELLS).list(notify.iter().map(String::as_str));
    }
    phrase
}

fn push(facts: &mut Vec<Fact>, name: &'static str, texts: &[String]) {
    if !texts.is_empty() {
        facts.push(Fact { name, value: Phrase::default().list(texts.iter().map(String::as_str)) });
    }
}

fn push_display(facts: &mut Vec<Fact>, summary: &[String], redact: &[String], reject_reasons: &[String]) {
    push(facts, words::SUMMARY, summary);
    push(facts, words::REDACT, redact);
    push(facts, words::REJECT_REASONS, reject_reasons);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words_of(facts: &[Fact]) -> Vec<String> {
        let plain = |fact: &Fact| {
            let value = fact.value.to_string().replace("<bdi class=\"agent\">", "‹").replace("</bdi>", "›");
            format!("{}: {value}", fact.name)
        };
        facts.iter().map(plain).collect()
    }

    #[test]
    fn every_part_of_a_rule_is_in_words() {
        let rule: Rule = serde_json::from_value(json!({
            "name": "large", "description": "d", "tools": ["pay*", "<b>"], "agents": ["bot"],
            "labels": {"env": "prod"}, "when": "args.amount > 10",
            "summary": ["args.amount"], "redact": ["args.iban"], "reject_reasons": ["wrong amount"],
            "notify": ["finance-slack"],
            "require_approval": {
                "reviewers": ["group:finance", "user:local/ann"], "quorum": 2, "reject_threshold": 3,
                "comment_required": true, "allow_edits": false, "timeout": "5400s", "claim_window": "60s",
                "remember_rejection": "3600s", "message": "m", "min_assurance": "MIN_ASSURANCE_CHAT",
                "escalate": [
                    {"after": "600s", "reviewers": ["group:boss"], "priority": "PRIORITY_HIGH"},
                    {"after": "900s", "priority": "PRIORITY_URGENT", "notify": ["oncall", "boss"]},
                    {"after": "950s", "notify": ["<b>"]},
                ],
            },
        }))
        .unwrap();
        let rule = ReadableRule::of(&rule);
        assert_eq!(words_of(&rule.calls), ["Tools: ‹pay*›, ‹&lt;b&gt;›", "Agents: ‹bot›", "Labels: ‹env=prod›"]);
        assert_eq!((rule.when.as_str(), rule.effect), ("args.amount > 10", "Asks reviewers"));
        assert_eq!(
            words_of(&rule.how),
            [
                "Who decides: members of the group ‹finance›, or ‹local/ann›",
                "Approvals needed: 2",
                "Rejections that reject: 3",
                "Edits: reviewers cannot change arguments",
                "Waits at most: 1 hour 30 minutes",
                "Can be claimed for: 1 minute after the decision",
                "Comments: every vote needs one",
                "A rejection also rejects the same call in the same run for: 1 hour",
                "Approvals from chat: count, also those that a bridge brings",
                "If nobody decides: after 10 minutes: also asks members of the group ‹boss›, priority at least HIGH",
                "If nobody decides: after 15 minutes: priority at least URGENT, notifies ‹oncall›, ‹boss›",
                "If nobody decides: after 15 minutes 50 seconds: notifies ‹&lt;b&gt;›",
                "Message: ‹m›",
                "Notified channels: ‹finance-slack›",
                "Rows and messages show: ‹args.amount›",
                "Only the page of the approval shows: ‹args.iban›",
                "Reasons offered to reject: ‹wrong amount›",
            ]
        );
    }

    #[test]
    fn defaults_are_in_words() {
        let of = |document| words_of(&defaults(&serde_json::from_value(document).unwrap()));
        assert_eq!(of(json!({})), ["All other tools: Asks reviewers"]);
        assert_eq!(
            of(json!({"tools": ["pay"], "unlisted_tools": {"auto_reject": {"message": "no"}}})),
            ["Listed tools: Reviewers are asked about ‹pay›", "All other tools: Rejects at once", "Message: ‹no›"]
        );
    }
}
