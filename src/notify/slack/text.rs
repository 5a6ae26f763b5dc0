//! Texts for Slack. What people and agents wrote is data: it cannot mention anybody, link, format, or hide a character.
//!
//! Slack gives a meaning to `&`, `<` and `>` in every text, and to `*`, `_`, `~`, `` ` `` and URLs in `mrkdwn`. So texts
//! of others are in `plain_text` objects only, with those three characters escaped. Only texts of this server are
//! `mrkdwn`. Cards have made invisible characters visible before.

use serde_json::{Value, json};

/// What stands at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Escapes the characters that have a meaning in every text.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escapes as much of a text as fits. Returns whether it is whole.
pub(super) fn fitted(text: &str, max: usize) -> (String, bool) {
    let (mut escaped, mut used) = (String::new(), 0);
    // The end of what is kept if the rest does not fit: there is room for the mark.
    let mut kept = 0;
    for c in text.chars() {
        let start = escaped.len();
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
        used += length(&escaped[start..]);
        if used > max {
            escaped.truncate(kept);
            escaped.push(ELLIPSIS);
            return (escaped, false);
        }
        if used < max {
            kept = escaped.len();
        }
    }
    (escaped, true)
}

/// The length of an escaped text. Slack does not say in which unit it counts: UTF-16 has the most of the usual ones.
pub(super) fn length(escaped: &str) -> usize {
    escaped.encode_utf16().count()
}

/// A `plain_text` object of an escaped text. Slack rejects an empty one.
pub(super) fn plain(escaped: &str) -> Value {
    let text = if escaped.trim().is_empty() { "–" } else { escaped };
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// A `mrkdwn` object of a text of this server.
pub(super) fn formatted(own: &str) -> Value {
    json!({ "type": "mrkdwn", "text": own, "verbatim": true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_and_links_are_text() {
        for (text, shown) in [
            ("<!here> <@U012> <#C1|x>", "&lt;!here&gt; &lt;@U012&gt; &lt;#C1|x&gt;"),
            ("&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"),
            ("*b* _i_ ~s~ `c` @channel :bomb:", "*b* _i_ ~s~ `c` @channel :bomb:"),
        ] {
            assert_eq!((escape(text), true), (shown.to_owned(), true));
            assert_eq!(fitted(text, 3_000), (shown.to_owned(), true));
        }
        assert_eq!(plain("a &amp; b")["emoji"], false);
        assert_eq!(plain(" ")["text"], "–");
    }

    #[test]
    fn texts_are_cut_to_what_slack_accepts() {
        assert_eq!(fitted("abcd", 4), ("abcd".to_owned(), true));
        assert_eq!(fitted("abcde", 4), ("abc…".to_owned(), false));
        assert_eq!(fitted("ab&", 4), ("ab…".to_owned(), false), "an escape is not cut in two");
        assert_eq!(fitted("ab\u{1f600}", 3), ("ab…".to_owned(), false), "in UTF-16 it has two units");
        assert_eq!(fitted("", 4), (String::new(), true));
        for max in 1..200 {
            let text = "<é\u{1f600}&x".repeat(8);
            let (cut, whole) = fitted(&text, max);
            assert!(length(&cut) <= max, "{cut}");
            assert_eq!(whole, cut == escape(&text));
        }
    }
}
