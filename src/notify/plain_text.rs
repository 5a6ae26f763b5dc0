//! Cards as plain text, for channels without markup of their own.

use super::{Card, Phrase};

/// A phrase on one line.
pub(super) fn line(phrase: &Phrase) -> String {
    phrase.render(str::to_owned, |text| text.isolated().replace('\n', " "))
}

/// The card without its heading, one line for each item: what is going on, what is asked, and what to beware of.
pub(super) fn lines(card: &Card) -> Vec<String> {
    let mut lines = vec![line(&card.status)];
    lines.extend(card.warnings.iter().map(|warning| format!("⚠ {}", line(warning))));
    lines.extend(card.facts.iter().map(|fact| format!("{}: {}", line(&fact.name), line(&fact.value))));
    lines.extend(left_out(card));
    lines.extend(card.details.iter().map(|detail| format!("{}: {}", detail.label, line(&detail.value))));
    lines.extend(card.votes.iter().map(line));
    lines
}

/// That arguments are not shown.
pub(super) fn left_out(card: &Card) -> Option<String> {
    match card.facts_left_out {
        0 => None,
        1 => Some("1 more value is not shown".to_owned()),
        count => Some(format!("{count} more values are not shown")),
    }
}
