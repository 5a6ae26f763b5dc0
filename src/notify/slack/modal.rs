//! The form that asks for a reason or a comment.

use serde_json::{Value, json};

use super::{
    payload::{
        Carried, Submission,
        modal::{CALLBACK, COMMENT, REASON},
    },
    text::{fitted, plain},
    texts,
};

// Limits of https://docs.slack.dev/reference/views and of its elements.
const OPTIONS: usize = 100;
const OPTION: usize = 75;
const INPUT: usize = 3_000;
const SECTION: usize = 3_000;

/// What a form asks.
pub(super) struct Form<'a> {
    /// What it is opened for.
    pub(super) carried: &'a Carried,
    /// The heading of the message.
    pub(super) heading: &'a str,
    /// Usual reasons to reject.
    pub(super) reasons: &'a [String],
    /// Whether the policy requires a comment.
    pub(super) comment_required: bool,
    /// Longest comment, in bytes.
    pub(super) comment_bytes: usize,
}

impl Form<'_> {
    /// The view.
    pub(super) fn view(&self) -> Value {
        let (title, submit) = if self.carried.approves {
            (texts::APPROVE_TITLE, texts::APPROVE)
        } else {
            (texts::REJECT_TITLE, texts::REJECT)
        };
        let (heading, _) = fitted(self.heading, SECTION);
        let mut blocks = vec![json!({ "type": "section", "text": plain(&heading) })];
        let reasons = usual(self.carried, self.reasons);
        if !reasons.is_empty() {
            let option = |(index, reason): (usize, &String)| json!({ "text": plain(&fitted(reason, OPTION).0), "value": index.to_string() });
            let options: Vec<_> = reasons.iter().enumerate().map(option).collect();
            blocks.push(json!({
                "type": "input",
                "block_id": REASON,
                "optional": true,
                "label": plain(texts::REASON),
                "element": {
                    "type": "static_select",
                    "action_id": REASON,
                    "placeholder": plain(texts::CHOOSE),
                    "options": options,
                },
            }));
        }
        // Always there, also where comments have no room: problems are shown beside it.
        blocks.push(json!({
            "type": "input",
            "block_id": COMMENT,
            // A reason counts as a comment.
            "optional": !self.comment_required || !reasons.is_empty(),
            "label": plain(texts::COMMENT),
            "hint": plain(texts::COMMENT_HINT),
            "element": {
                "type": "plain_text_input",
                "action_id": COMMENT,
                "multiline": true,
                "max_length": self.comment_bytes.clamp(1, INPUT),
            },
        }));
        json!({
            "type": "modal",
            "callback_id": CALLBACK,
            "private_metadata": json!(self.carried).to_string(),
            "title": plain(title),
            "submit": plain(submit),
            "close": plain(texts::CANCEL),
            "blocks": blocks,
        })
    }
}

/// The reasons that a form offers.
fn usual<'a>(carried: &Carried, reasons: &'a [String]) -> &'a [String] {
    let reasons = if carried.approves { &[] } else { reasons };
    &reasons[..reasons.len().min(OPTIONS)]
}

/// What the reviewer says: the reason, then the comment.
pub(super) fn comment(submission: &Submission, reasons: &[String]) -> String {
    let reason = submission.reason.and_then(|index| usual(&submission.carried, reasons).get(index));
    let lines = [reason.map(String::as_str).unwrap_or_default(), submission.comment.trim()];
    lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The answer that shows a problem in the form.
pub(super) fn problem(problem: &str) -> Value {
    json!({ "response_action": "errors", "errors": { COMMENT: problem } })
}

/// The answer that closes the form.
pub(super) fn done() -> Value {
    json!({ "response_action": "clear" })
}
