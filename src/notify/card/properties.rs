//! Whatever an agent writes, the server's words stay, nothing invisible survives, and lengths are bounded.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{samples::*, *};
use crate::{
    domain::{
        Agent, Approval,
        samples::{arguments, at},
    },
    unicode,
};

/// Texts that agents might write to deceive.
fn text() -> impl Strategy<Value = String> {
    let invisible = proptest::sample::select(unicode::samples::INVISIBLE).prop_map(String::from);
    let bait = proptest::sample::select(vec![
        "<script>alert(1)</script>",
        "\r\nBcc: all@example.org",
        "*bold* <!channel> <@U1|x> [a](b)",
        ": approved",
        "\n\nApproved by alice",
        "⟨U+200B⟩",
        "(12 more characters)",
    ]);
    let part =
        prop_oneof![any::<char>().prop_map(String::from), invisible, bait.prop_map(str::to_owned), "[a-z ]{0,600}"];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn approval(texts: &[String]) -> Approval {
    let mut request = payment().request.as_ref().clone();
    request.tool_name.clone_from(&texts[0]);
    request.agent = Agent { name: texts[1].clone(), run_id: texts[2].clone(), chain: vec![texts[3].clone()] };
    request.reason.clone_from(&texts[4]);
    request.labels = [(texts[5].clone(), texts[6].clone())].into();
    // One argument by a name that is known, so that the card has the same parts for all texts.
    let args = json!({"a": format!("x{}", texts[7]), "b": {"c": [texts[8]]}, "d": {"k": texts[9]}});
    Approval { request: request.into(), arguments: arguments(&args), ..payment() }
}

fn card(approval: &Approval, budget: &Budget) -> Card {
    Card::of(&message(approval, NotificationKind::Requested, at(0), json!({})), budget)
}

fn phrases(card: &Card) -> Vec<&Phrase> {
    let facts = card.facts.iter().flat_map(|fact| [&fact.name, &fact.value]);
    let details = card.details.iter().map(|detail| &detail.value);
    [&card.heading, &card.status]
        .into_iter()
        .chain(facts)
        .chain(details)
        .chain(&card.votes)
        .chain(&card.warnings)
        .collect()
}

/// The server's words in the order of the card, without the notes on empty and cut texts.
fn ours(card: &Card) -> Vec<String> {
    let without_warnings = Card { warnings: Vec::new(), ..card.clone() };
    let shown = phrases(&without_warnings).into_iter().map(|phrase| {
        let span = |span: &Span| match span {
            Span::Ours(words) if words.starts_with(" (") || words.starts_with('(') => None,
            Span::Ours(words) => Some(words.to_string()),
            Span::Quoted(_) => None,
        };
        phrase.spans().iter().filter_map(span).collect::<String>()
    });
    shown.collect()
}

proptest! {
    #[test]
    fn agents_cannot_change_our_words_nor_hide_theirs(texts in proptest::collection::vec(text(), 10)) {
        let expected = ours(&card(&approval(&vec!["plain".to_owned(); 10]), &Budget::MAIL));
        let not_empty: Vec<_> = texts.iter().map(|text| format!("x{text}")).collect();
        let card = card(&approval(&not_empty), &Budget::MAIL);
        prop_assert_eq!(ours(&card), expected);
        for phrase in phrases(&card) {
            for span in phrase.spans() {
                match span {
                    Span::Ours(words) => prop_assert!(!words.contains(unicode::is_invisible), "{:?}", words),
                    Span::Quoted(text) => {
                        let hidden = |c: char| c != '\n' && unicode::is_invisible(c);
                        prop_assert!(!text.unescaped().contains(hidden), "{:?}", text);
                    }
                }
            }
        }
    }

    #[test]
    fn budgets_hold(texts in proptest::collection::vec(text(), 10), value in 0_usize..50, facts in 0_usize..5) {
        let budget = Budget { value, values: value * 2, facts, words: value, labels: 1, votes: 1, warnings: 2 };
        let approval = approval(&texts);
        let card = card(&approval, &budget);
        let shown = |phrase: &Phrase| phrase.spans().iter().map(|span| match span {
            Span::Quoted(text) => text.unescaped().chars().count(),
            Span::Ours(_) => 0,
        }).sum::<usize>();
        prop_assert!(card.facts.len() <= facts && card.warnings.len() <= 3);
        prop_assert!(card.facts.iter().all(|fact| shown(&fact.value) <= value && shown(&fact.name) <= NAME_MAX));
        prop_assert!(card.facts.iter().map(|fact| shown(&fact.value)).sum::<usize>() <= value * 2);
        prop_assert!(shown(card.detail(DetailKey::Reason).unwrap()) <= value);
        prop_assert!(card.details.iter().all(|detail| shown(&detail.value) <= 4 * NAME_MAX + value));
        prop_assert!(shown(&card.heading) <= NAME_MAX);
        if card.cut > 0 || card.facts_left_out > 0 || !card.warnings.is_empty() {
            prop_assert!(!card.may_offer_approve());
        }
        // What an approving reader saw is the whole of what decides.
        if card.may_offer_approve() {
            let all: String = phrases(&card).into_iter().map(Phrase::unescaped).collect();
            let args: Value = serde_json::from_str(approval.arguments.as_json()).unwrap();
            let a = args["a"].as_str().unwrap().replace('\t', " ");
            prop_assert!(all.contains(&a), "{:?} in {:?}", a, all);
        }
    }
}
