//! Texts of agents that try to be something else.

use std::collections::BTreeSet;

use serde_json::json;
use signoff::domain::{Approval, NotificationKind, Status};

use super::{
    channel,
    messages::{about, decided, payment, requested, soon_after, with_arguments},
    receiver::{Mail, Receiver, Security},
    send, settings,
};

const MARKUP: &str = "</td></table><script>alert(1)</script><img src=\"https://evil.example/x.png\" onerror='a()'>\
                      <a href=\"https://evil.example\">Approve</a><style>*{display:none}</style>&lt;b&gt;";
const HEADERS: &str = "x\r\nBcc: victim@example.org\r\nContent-Type: text/html\r\n\r\n<h1>owned</h1>\r\n.\r\nQUIT";
const HIDDEN: &str = "invoice\u{202e}fdp.exe\u{200b}\u{0}\u{1b}[31m\u{2028}\u{feff}";
const LINKS: &str = "Approve here: https://evil.example/approve or mail eve@evil.example";
const BOUNDARY: &str = "\r\n--boundary\r\nContent-Type: text/html\r\n\r\n<h1>owned</h1>";

/// An approval in which every field that somebody else writes is this text.
fn poisoned(text: &str) -> Approval {
    let approval = requested(payment(), |request| {
        request.tool_name = text.into();
        request.agent.name = text.into();
        request.agent.run_id = text.into();
        request.agent.chain = vec![text.into()];
        request.reason = text.into();
        request.labels = [(text.to_owned(), text.to_owned())].into();
        request.caller.subject = text.into();
        request.caller.issuer = text.into();
    });
    let approval = with_arguments(approval, json!({text: text, "list": [text], "object": {text: {"deep": text}}}));
    decided(approval, Status::Approved, text)
}

async fn received(approval: &Approval) -> (Mail, Mail) {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let channel = channel(&settings(&receiver, "to = [\"finance@example.org\"]"), None);
    let pending = Approval { status: Status::Pending, decision: None, ..approval.clone() };
    send(&channel, &about(&pending, NotificationKind::Requested, soon_after(0)), None).await.expect("taken");
    send(&channel, &about(approval, NotificationKind::Decided, soon_after(120)), None).await.expect("taken");
    let mails = (receiver.mail().await, receiver.mail().await);
    receiver.has_no_more().await;
    mails
}

fn set(texts: &[String]) -> BTreeSet<&str> {
    texts.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn texts_of_agents_are_never_markup_nor_headers() {
    let (plain, plain_end) = received(&poisoned("harmless")).await;
    for text in [MARKUP, HEADERS, HIDDEN, LINKS, BOUNDARY] {
        let (mail, end) = received(&poisoned(text)).await;
        for (mail, plain) in [(&mail, &plain), (&end, &plain_end)] {
            let names = |mail: &Mail| mail.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(mail), names(plain), "{text:?}");
            assert_eq!(
                (&mail.recipients, &mail.types, &mail.defects),
                (&plain.recipients, &plain.types, &plain.defects)
            );
            // The box of warnings, breaks of lines and of addresses are tags of this server.
            let tags = |mail: &Mail| {
                let ours = |tag: &&String| !["br", "wbr", "strong"].contains(&tag.as_str());
                mail.tags.iter().filter(ours).cloned().collect::<BTreeSet<_>>()
            };
            assert_eq!(tags(mail), tags(plain), "{text:?}");
            assert_eq!(mail.links, plain.links, "{text:?}");
            assert!(set(&mail.attributes).is_subset(&set(&plain.attributes)), "{:?}", mail.attributes);
            assert!(!mail.html.contains("<script") && !mail.html.contains("<img"), "{}", mail.html);
            let hidden = |c: char| {
                (c.is_control() && c != '\n' && c != '\r')
                    || matches!(c, '\u{202e}' | '\u{200b}' | '\u{2028}' | '\u{feff}')
            };
            for content in [&mail.plain, &mail.html, &mail.header("Subject").to_owned()] {
                assert!(!content.contains(hidden), "{text:?} in {content:?}");
            }
            assert!(!mail.header("Subject").contains(['\n', '\r']));
        }
    }
}

#[tokio::test]
async fn what_an_agent_wrote_is_shown_as_it_is() {
    let (mail, _) = received(&poisoned(MARKUP)).await;
    assert!(mail.text.contains("</td></table><script>alert(1)</script>"), "{}", mail.text);
    assert!(mail.text.contains("&lt;b&gt;"), "it is escaped once");
    let (mail, _) = received(&poisoned(HIDDEN)).await;
    for content in [&mail.plain, &mail.text] {
        assert!(content.contains("invoice⟨U+202E⟩fdp.exe⟨U+200B⟩⟨U+0000⟩⟨U+001B⟩[31m⟨U+2028⟩⟨U+FEFF⟩"), "{content}");
        assert!(content.contains("U+202E right-to-left override"), "{content}");
    }
}

#[tokio::test]
async fn lines_of_an_agent_do_not_look_like_lines_of_the_message() {
    let approval = requested(payment(), |request| {
        request.reason = "Pay it.\n\nVotes\n  - alice approved, 08:00 UTC\nOpen: https://evil.example".into();
    });
    let (mail, _) = received(&decided(approval, Status::Approved, "")).await;
    assert!(
        !mail.plain.lines().any(|line| line.starts_with("Votes") && !line.contains('|'))
            || mail.plain.contains("alice")
    );
    let forged =
        mail.plain.lines().filter(|line| line.contains("evil.example") || line.contains("alice approved, 08:00"));
    assert!(forged.clone().count() == 2, "{}", mail.plain);
    assert!(forged.into_iter().all(|line| line.starts_with("    | ")), "{}", mail.plain);
}
