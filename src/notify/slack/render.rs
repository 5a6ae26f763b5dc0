//! Renders cards as messages of Block Kit, within its limits.
//!
//! Texts of others are in `plain_text` objects of their own: neither their characters nor their line breaks can make them
//! look like other parts of the message. See `text`.

use serde_json::{Value, json};

use super::{
    payload::{APPROVE, OPEN, REJECT, Shown},
    text::{escape, fitted, formatted, length, plain},
    texts,
};
use crate::notify::card::{Card, Deadline, DetailKey, Phrase};

// Limits of https://docs.slack.dev/reference/block-kit. The receiver of the tests checks them.
const BLOCKS: usize = 50;
const FIELDS: usize = 10;
const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;
const CONTEXT: usize = 10;

/// Blocks that are kept free for the end of a message.
const FOOT: usize = 4;

/// Longest half of the text for notifications.
const FALLBACK: usize = 200;

/// What is at the end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::notify) enum Foot {
    /// Buttons, while it can be decided.
    Buttons {
        /// Whether the policy accepts approvals from chat.
        accepts_chat: bool,
    },
    /// A link: nobody listens to buttons.
    Link,
    /// The note that a click is being handled.
    Recording,
}

/// A message for Slack.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::notify) struct Rendered {
    /// The text for notifications, escaped.
    pub(in crate::notify) text: String,
    /// The blocks.
    pub(in crate::notify) blocks: Vec<Value>,
    /// Whether it offers to approve: everything that decides is in it, and the policy accepts approvals from chat.
    pub(super) offers_approve: bool,
}

impl Rendered {
    /// Renders a card.
    pub(in crate::notify) fn of(card: &Card, foot: Foot) -> Self {
        let mut page = Page { blocks: Vec::new(), whole: true };
        page.head(card);
        page.warnings(&card.warnings);
        page.rows(card.facts.iter().map(|fact| (shown(&fact.name), shown(&fact.value))));
        let details = card.details.iter().map(|detail| {
            let value = match &card.deadline {
                Some(deadline) if detail.key == DetailKey::Deadline => Text { object: date(deadline), whole: true },
                _ => shown(&detail.value),
            };
            (label(detail.label), value)
        });
        page.rows(details);
        card.votes.iter().for_each(|vote| page.section(vote));
        let offers_approve = page.foot(card, foot);
        let half = |phrase: &Phrase| fitted(&phrase.unescaped().replace('\n', " "), FALLBACK).0;
        Self {
            text: format!("{} – {}", half(&card.heading), half(&card.status)), blocks: page.blocks, offers_approve
        }
    }

    /// A message of one sentence of this server.
    pub(super) fn note(sentence: &str) -> Self {
        let (text, _) = fitted(sentence, SECTION);
        Self { blocks: vec![section(plain(&text))], text, offers_approve: false }
    }
}

/// A text object, and whether it has everything.
struct Text {
    object: Value,
    whole: bool,
}

/// The blocks so far, and whether they have everything.
struct Page {
    blocks: Vec<Value>,
    whole: bool,
}

impl Page {
    fn push(&mut self, block: Value) {
        if self.blocks.len() < BLOCKS - FOOT {
            self.blocks.push(block);
        } else {
            self.whole = false;
        }
    }

    fn head(&mut self, card: &Card) {
        let (heading, whole) = escaped(&card.heading, HEADER);
        self.push(json!({ "type": "header", "text": plain(&heading) }));
        if !whole {
            self.section(&card.heading);
        }
        // The status of a request that waits says how much time is left, which is wrong as soon as it is read later.
        // The details have whom it waits for, and the deadline.
        if !card.waits() {
            self.section(&card.status);
        }
    }

    fn section(&mut self, phrase: &Phrase) {
        let (text, whole) = escaped(phrase, SECTION);
        self.whole &= whole;
        self.push(section(plain(&text)));
    }

    fn warnings(&mut self, warnings: &[Phrase]) {
        for some in warnings.chunks(CONTEXT) {
            let warning = |warning: &Phrase| {
                let (text, _) = escaped(&Phrase::new(texts::WARNING).join(warning.clone()), SECTION);
                plain(&text)
            };
            let elements: Vec<_> = some.iter().map(warning).collect();
            self.push(json!({ "type": "context", "elements": elements }));
        }
    }

    /// Names on the left, values on the right.
    fn rows(&mut self, rows: impl Iterator<Item = (Text, Text)>) {
        let mut fields = Vec::new();
        for (name, value) in rows {
            self.whole &= name.whole && value.whole;
            fields.extend([name.object, value.object]);
        }
        for some in fields.chunks(FIELDS) {
            self.push(json!({ "type": "section", "fields": some }));
        }
    }

    /// The end. Returns whether it offers to approve.
    fn foot(&mut self, card: &Card, foot: Foot) -> bool {
        let mut foot_blocks = Vec::new();
        if card.cut > 0 || card.facts_left_out > 0 {
            foot_blocks.push(context(&texts::left_out(card.cut, card.facts_left_out)));
        }
        let (mut offers, interactive) = (false, card.waits() && matches!(foot, Foot::Buttons { .. }));
        match (foot, card.approval) {
            (Foot::Buttons { accepts_chat }, Some((approval, revision))) if interactive => {
                let whole = card.everything_shown && self.whole;
                offers = whole && accepts_chat;
                if !whole {
                    foot_blocks.push(context(texts::NOT_EVERYTHING));
                } else if !accepts_chat {
                    foot_blocks.push(context(texts::NOT_BY_CHAT));
                }
                let shown = json!(Shown { approval, revision }).to_string();
                let mut buttons = Vec::new();
                if offers {
                    buttons.push(button(APPROVE, texts::APPROVE, "value", &shown, Some("primary")));
                }
                buttons.push(button(REJECT, texts::REJECT, "value", &shown, Some("danger")));
                buttons.extend(card.open.as_ref().map(|url| button(OPEN, texts::OPEN, "url", url, None)));
                foot_blocks.push(json!({ "type": "actions", "elements": buttons }));
            }
            (Foot::Recording, _) => foot_blocks.push(context(texts::RECORDING)),
            _ => {}
        }
        if !interactive {
            let link = card.open.as_ref().map(|url| (url, texts::OPEN_REQUEST));
            let link = link.or_else(|| card.queue.as_ref().map(|url| (url, texts::OPEN_QUEUE)));
            let link = link.map(|(url, words)| format!("<{}|{words}>", escape(url)));
            foot_blocks.extend(link.map(|link| section(formatted(&link))));
        }
        self.blocks.extend(foot_blocks);
        offers
    }
}

fn section(text: Value) -> Value {
    json!({ "type": "section", "text": text, "expand": true })
}

/// A remark of this server.
fn context(own: &str) -> Value {
    json!({ "type": "context", "elements": [plain(&escape(own))] })
}

fn button(id: &str, words: &str, key: &str, value: &str, style: Option<&str>) -> Value {
    let mut button = json!({ "type": "button", "action_id": id, "text": plain(words) });
    button[key] = value.into();
    if let Some(style) = style {
        button["style"] = style.into();
    }
    button
}

/// A label of this server.
fn label(own: &str) -> Text {
    Text { object: formatted(&format!("*{}*", escape(own))), whole: true }
}

fn shown(phrase: &Phrase) -> Text {
    let (text, whole) = escaped(phrase, FIELD);
    Text { object: plain(&text), whole }
}

/// A phrase, escaped, and whether it is whole. Texts that are written from right to left are isolated, so that they do
/// not move the words beside them.
fn escaped(phrase: &Phrase, max: usize) -> (String, bool) {
    let whole = phrase.render(escape, |text| escape(&text.isolated()));
    if length(&whole) <= max { (whole, true) } else { fitted(&phrase.unescaped(), max) }
}

/// A deadline that Slack shows in the reader's time zone.
fn date(deadline: &Deadline) -> Value {
    let (at, text) = (deadline.at.timestamp(), escape(&deadline.text));
    formatted(&format!("<!date^{at}^{{date_short_pretty}} {{time}}|{text}>"))
}
