//! A card as an Adaptive Card 1.4.
//!
//! Texts are runs of a `RichTextBlock`, which has no Markdown. A mention needs an entity beside its text, and there is
//! none here; the sequences that could mean a mention, a date or a template are broken nevertheless.

use serde_json::{Value, json};

use crate::notify::{Card, Phrase, Tone, plain_text};

/// Maximum size of a message, in bytes. Teams rejects about 28 KB.
pub(super) const MESSAGE_MAX: usize = 27 * 1024;

/// What follows a card that is cut.
const MORE: &str = "There is more. Open the page to see everything.";

/// The body of the request: a message with the card, of at most [`MESSAGE_MAX`] bytes.
pub(super) fn message(card: &Card) -> Vec<u8> {
    let mut blocks = blocks(card);
    let mut body = encode(card, &blocks);
    while body.len() > MESSAGE_MAX && blocks.len() > 1 {
        let excess = body.len() - MESSAGE_MAX;
        // Without the last blocks, and with a note in their place.
        let mut dropped = 0;
        while dropped <= excess && blocks.len() > 1 {
            dropped += blocks.pop().map_or(0, |block| block.to_string().len());
        }
        let cut: Vec<_> = blocks.iter().cloned().chain([block(&[run(MORE, false)])]).collect();
        body = encode(card, &cut);
    }
    body
}

fn encode(card: &Card, blocks: &[Value]) -> Vec<u8> {
    let url = card.open.as_deref().or(card.queue.as_deref());
    let actions: Vec<_> =
        url.map(|url| json!({"type": "Action.OpenUrl", "title": "Open", "url": url})).into_iter().collect();
    let content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": blocks,
        "actions": actions,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": content,
    });
    json!({"type": "message", "attachments": [attachment]}).to_string().into_bytes()
}

/// The heading, and everything else in the order in which it matters.
fn blocks(card: &Card) -> Vec<Value> {
    let mut heading = run(&plain_text::line(&card.heading), true);
    heading["size"] = "large".into();
    heading["color"] = color(card.tone).into();
    let mut blocks = vec![block(&[heading]), block(&[said(&card.status)])];
    for warning in &card.warnings {
        let mut warning = run(&format!("⚠ {}", plain_text::line(warning)), false);
        warning["color"] = "attention".into();
        blocks.push(block(&[warning]));
    }
    blocks.extend(card.facts.iter().map(|fact| labelled(&plain_text::line(&fact.name), &fact.value)));
    blocks.extend(plain_text::left_out(card).map(|words| block(&[run(&words, false)])));
    blocks.extend(card.details.iter().map(|detail| labelled(detail.label, &detail.value)));
    blocks.extend(card.votes.iter().map(|vote| block(&[said(vote)])));
    blocks
}

const fn color(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral | Tone::Ended => "default",
        Tone::Waiting => "warning",
        Tone::Approved => "good",
        Tone::Rejected => "attention",
    }
}

fn labelled(label: &str, value: &Phrase) -> Value {
    block(&[run(&format!("{label}: "), true), said(value)])
}

fn said(phrase: &Phrase) -> Value {
    run(&plain_text::line(phrase), false)
}

fn block(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

fn run(text: &str, bold: bool) -> Value {
    let weight = if bold { "bolder" } else { "default" };
    json!({"type": "TextRun", "text": inert(text), "weight": weight})
}

/// A text in which nothing is a mention (`<at>`), a function (`{{DATE(…)}}`) or a template (`${…}`): a word joiner, which
/// has no width, stands inside.
fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len());
    let mut before = None;
    for c in text.chars() {
        let breaks = matches!((before, c), (Some('{' | '$'), '{') | (Some('<'), 'a' | 'A' | '/'));
        if breaks {
            inert.push('\u{2060}');
        }
        inert.push(c);
        before = Some(c);
    }
    inert
}
