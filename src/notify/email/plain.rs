//! The plain text of a message.

use std::fmt::Write as _;

use super::{composed::Composed, texts};
use crate::notify::{Phrase, plain_text::line};

/// The text. It has the same content as the HTML, in the same order.
pub(super) fn plain(composed: &Composed<'_>, as_of: &str) -> String {
    let Composed { card, one_tap, .. } = composed;
    let mut text = String::new();
    let mut section = |heading: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let heading = if heading.is_empty() { String::new() } else { format!("{heading}\n") };
            // Writing to a string does not fail.
            _ = write!(text, "{heading}{}\n\n", lines.join("\n"));
        }
    };
    section("", vec![line(&card.heading), line(&card.status)]);
    let bullet = |phrase: &Phrase| format!("  - {}", line(phrase));
    section(texts::WARNINGS, card.warnings.iter().map(bullet).collect());
    let fact = |name: &Phrase, value: &Phrase| format!("  {}: {}", line(name), block(value));
    let mut facts: Vec<_> = card.facts.iter().map(|one| fact(&one.name, &one.value)).collect();
    facts.extend(composed.left_out().map(|words| format!("  {words}")));
    section(texts::ARGUMENTS, facts);
    let detail = |one: &crate::notify::Detail| format!("  {}: {}", one.label, block(&one.value));
    section(texts::DETAILS, card.details.iter().map(detail).collect());
    section(texts::VOTES, card.votes.iter().map(bullet).collect());
    let mut links: Vec<_> = composed.open().map(|(label, url)| format!("{label}: {url}")).into_iter().collect();
    links.extend(one_tap.iter().map(|(choice, url)| format!("{} {url}", texts::choice(*choice))));
    if !one_tap.is_empty() {
        links.push(texts::LINKS_ARE_YOURS.to_owned());
    }
    section("", links);
    section("", composed.footer(as_of));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A phrase that may have several lines: all but the first are indented, so that none looks like a line of the message.
fn block(phrase: &Phrase) -> String {
    phrase.render(str::to_owned, |text| text.isolated().replace('\n', "\n    | "))
}
