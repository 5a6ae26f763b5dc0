//! E-mail through a real SMTP server, the program tests/smtp/receiver.py.

mod attacks;
mod failures;
mod messages;
mod receiver;
mod rendered;

use std::sync::Arc;

use serde_json::json;
use signoff::{
    clock::ServerClock,
    domain::{Actor, ActorKind, ApprovalId, ChannelState, Choice, NotificationKind, Revision, Status},
    notify::{Channel, Fields, KINDS, LinkMinter, Links, Message, Resources, SendError, Sent},
};

use self::{
    messages::{about, decided, payment, soon_after},
    receiver::{Receiver, Security},
};

/// The settings of a channel that sends to a receiver, with more lines.
fn settings(receiver: &Receiver, more: &str) -> String {
    let login = "username = \"signoff\"\npassword_file = \"PASSWORD\"\n";
    let common = format!(
        "host = \"127.0.0.1\"\nport = {}\ntls = \"{}\"\nfrom = \"Signoff <signoff@example.org>\"\n{}{}{more}\n",
        receiver.port,
        receiver.security.name(),
        if receiver.security == Security::None { "" } else { "ca_file = \"CA\"\n" },
        if receiver.login { login } else { "" },
    );
    common
        .replace("PASSWORD", &receiver.path("password").display().to_string())
        .replace("CA", &receiver.path("ca.crt").display().to_string())
}

/// The channel of a configuration.
fn channel(settings: &str, minter: Option<Arc<dyn LinkMinter>>) -> Arc<dyn Channel> {
    let mut fields = Fields::new(settings.parse().expect("valid TOML"));
    let kind = KINDS.iter().find(|kind| kind.name == "email").expect("it is registered");
    let built = (kind.parse)(&mut fields);
    assert_eq!(fields.finish(), []);
    let resources = Resources {
        clock: Arc::new(ServerClock::start(None, |_| {}).expect("a clock")),
        links: Links::new(None),
        minter,
    };
    built.expect("valid settings").build(&resources).expect("it can be built")
}

async fn send(channel: &Arc<dyn Channel>, message: &Message, state: Option<&ChannelState>) -> Result<Sent, SendError> {
    crate::server::soon("the message is sent", channel.send(message, state)).await
}

#[tokio::test]
async fn a_request_arrives_as_html_and_as_plain_text() {
    for security in [Security::StartTls, Security::Implicit, Security::None] {
        let mut receiver = Receiver::start(security, security != Security::None).await;
        let channel = channel(&settings(&receiver, "to = [\"Finance <finance@example.org>\"]"), None);
        let message = about(&payment(), NotificationKind::Requested, soon_after(60));
        let sent = send(&channel, &message, None).await.expect("taken");
        assert_eq!(sent.answer, "250 2.0.0 taken as message 1");

        let mail = receiver.mail().await;
        assert_eq!((mail.encrypted, mail.user.is_some()), (security != Security::None, security != Security::None));
        assert_eq!(
            (mail.sender.as_str(), &mail.recipients[..]),
            ("signoff@example.org", &["finance@example.org".to_owned()][..])
        );
        assert_eq!(mail.defects, [""; 0]);
        assert_eq!(mail.types, ["multipart/alternative", "text/plain", "text/html"]);
        let names: Vec<_> = mail.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "From",
                "To",
                "Date",
                "Message-ID",
                "Subject",
                "Auto-Submitted",
                "X-Auto-Response-Suppress",
                "References",
                "MIME-Version",
                "Content-Type"
            ]
        );
        assert_eq!(mail.header("From"), "Signoff <signoff@example.org>");
        assert_eq!(mail.header("To"), "Finance <finance@example.org>");
        assert_eq!(mail.header("Date"), "Fri, 15 Jan 2027 08:01:00 +0000", "of the message, not of the machine");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert_eq!(mail.header("Subject"), "Approval request: process_payment (000001)");
        for content in [&mail.plain, &mail.text] {
            for part in [
                "process_payment: approval needed",
                "Waiting for approval from any reviewer, 4 min left",
                "amount",
                "12400",
                "Acme GmbH",
                "billing-bot ← planner",
                "Invoice 4711 is due today.",
                "0 of 1 approval",
                "08:05 UTC (4 min left)",
                "As of 2027-01-15 08:01 UTC.",
            ] {
                assert!(content.contains(part), "{part:?} in {content}");
            }
        }
        let open = format!("https://signoff.example.org/approvals/{}", payment().id);
        assert_eq!(mail.links, std::slice::from_ref(&open));
        assert!(mail.plain.contains(&format!("Open: {open}\n")), "{}", mail.plain);
    }
}

#[tokio::test]
async fn the_messages_about_one_approval_are_one_thread() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let channel = channel(&settings(&receiver, "to = [\"finance@example.org\"]"), None);
    let first = about(&payment(), NotificationKind::Requested, soon_after(0));
    let sent = send(&channel, &first, None).await.expect("taken");
    let asked = receiver.mail().await;
    // A repetition after a crash is the same message, whether or not its state was recorded.
    for state in [None, sent.state.as_ref()] {
        send(&channel, &first, state).await.expect("taken");
        let again = receiver.mail().await;
        assert_eq!(again.headers[..9], asked.headers[..9]);
    }
    let approved = decided(payment(), Status::Approved, "fine");
    let second = about(&approved, NotificationKind::Decided, soon_after(120));
    let after = send(&channel, &second, sent.state.as_ref()).await.expect("taken");
    let told = receiver.mail().await;
    assert_ne!(told.header("Message-ID"), asked.header("Message-ID"));
    assert_eq!(told.header("In-Reply-To"), asked.header("Message-ID"));
    assert_eq!(told.header("References"), format!("{} {}", asked.header("References"), asked.header("Message-ID")));
    assert_eq!(told.header("Subject"), format!("Re: {}", asked.header("Subject")));
    assert!(
        told.plain.starts_with("process_payment: approved\nApproved by alice, 08:01 UTC: fine\n"),
        "{}",
        told.plain
    );
    assert_eq!(after.state, sent.state, "the first message stays the first");
}

#[tokio::test]
async fn tests_and_bundles_decide_nothing() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let channel = channel(&settings(&receiver, "to = [\"finance@example.org\"]"), None);
    send(&channel, &messages::test(), None).await.expect("taken");
    let mail = receiver.mail().await;
    assert_eq!(mail.header("Subject"), "Test message from Signoff");
    send(&channel, &messages::bundle("billing-bot", 5), None).await.expect("taken");
    let mail = receiver.mail().await;
    assert_eq!(mail.header("Subject"), "billing-bot: 5 more requests");
    assert!(mail.plain.contains("billing-bot asked 5 more times since 08:00 UTC."));
    assert_eq!(mail.links, ["https://signoff.example.org/"]);
    assert!(mail.text.contains("Open the queue"));
}

/// Links that say for whom and what they are.
struct Minted;

#[async_trait::async_trait]
impl LinkMinter for Minted {
    async fn mint(&self, _: ApprovalId, revision: Revision, reviewer: &Actor, choice: Choice) -> Option<String> {
        Some(format!("https://signoff.example.org/tap?{}/{}/{revision}/{choice:?}", reviewer.issuer, reviewer.subject))
    }
}

#[tokio::test]
async fn links_that_decide_go_to_their_person_only() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let more = "to = [\"finance@example.org\"]\npeople = { \"alice@example.org\" = \"https://idp/alice\" }";
    let channel = channel(&settings(&receiver, more), Some(Arc::new(Minted)));
    let open = format!("https://signoff.example.org/approvals/{}", payment().id);
    let tap = |choice: &str| format!("https://signoff.example.org/tap?https://idp/alice/1/{choice}");

    let waits = about(&payment(), NotificationKind::Requested, soon_after(0));
    send(&channel, &waits, None).await.expect("taken");
    let (list, alice) = (receiver.mail().await, receiver.mail().await);
    assert_eq!((&list.recipients, &list.links), (&vec!["finance@example.org".to_owned()], &vec![open.clone()]));
    assert_eq!(alice.recipients, ["alice@example.org"]);
    assert_eq!(alice.links, [open.clone(), tap("Approve"), tap("Reject")]);
    assert!(alice.plain.contains(&tap("Approve")) && alice.plain.contains("for you alone"));
    assert_ne!(list.header("Message-ID"), alice.header("Message-ID"));

    // What is not shown whole cannot be approved from a message.
    let cut = messages::with_arguments(payment(), json!({"note": "x".repeat(5_000)}));
    send(&channel, &about(&cut, NotificationKind::Requested, soon_after(0)), None).await.expect("taken");
    let (_, alice) = (receiver.mail().await, receiver.mail().await);
    assert_eq!(alice.links, [open.clone(), tap("Reject")]);
    assert!(alice.plain.contains("(1,000 more characters)") && alice.plain.contains("Not everything is shown here."));

    let over = about(&decided(payment(), Status::Rejected, "no"), NotificationKind::Decided, soon_after(120));
    send(&channel, &over, None).await.expect("taken");
    let (_, alice) = (receiver.mail().await, receiver.mail().await);
    assert_eq!(alice.links, [open]);
}

#[tokio::test]
async fn the_requester_is_told_at_the_end_and_only_at_allowed_addresses() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let more = "to = [\"finance@example.org\"]\nrequester = true\nrequester_issuers = [\"https://idp\"]\n\
                requester_domains = [\"Example.org\"]";
    let channel = channel(&settings(&receiver, more), None);
    let on_behalf_of = |issuer: &str, subject: &str| {
        let person = Actor { kind: ActorKind::Person, issuer: issuer.into(), subject: subject.into() };
        messages::requested(payment(), |request| request.on_behalf_of = Some(person))
    };
    let bob = on_behalf_of("https://idp", "bob@example.org");
    send(&channel, &about(&bob, NotificationKind::Requested, soon_after(0)), None).await.expect("taken");
    assert_eq!(receiver.mail().await.recipients, ["finance@example.org"]);

    let rejected = decided(bob, Status::Rejected, "wrong account");
    send(&channel, &about(&rejected, NotificationKind::Decided, soon_after(120)), None).await.expect("taken");
    let (_, told) = (receiver.mail().await, receiver.mail().await);
    assert_eq!(told.recipients, ["bob@example.org"]);
    assert_eq!(told.header("Subject"), "process_payment: rejected");
    assert!(told.plain.contains("Rejected by alice, 08:01 UTC: wrong account"));
    for hidden in ["12400", "Invoice 4711", "https://", "team"] {
        assert!(!told.plain.contains(hidden) && !told.html.contains(hidden), "{hidden} in {}", told.plain);
    }

    // A rejected address of a requester is not a failure of the channel.
    let unknown = decided(on_behalf_of("https://idp", "unknown@example.org"), Status::Rejected, "no");
    send(&channel, &about(&unknown, NotificationKind::Decided, soon_after(120)), None).await.expect("taken");
    assert_eq!(receiver.mail().await.recipients, ["finance@example.org"]);

    for (issuer, subject) in [
        ("https://other-idp", "bob@example.org"),
        ("https://idp", "bob@example.com"),
        ("https://idp", "bob@sub.example.org"),
        ("https://idp", "bob@evil.example@example.org"),
        ("https://idp", "\"bob x\"@example.org"),
        ("https://idp", "bob@example.org\r\nRCPT TO:<victim@example.com>"),
        ("https://idp", "a%victim.example.com@example.org"),
        ("https://idp", "Bob <bob@example.org>"),
        ("https://idp", "bob"),
        ("https://idp", "finance@example.org"),
    ] {
        let ended = decided(on_behalf_of(issuer, subject), Status::Rejected, "no");
        send(&channel, &about(&ended, NotificationKind::Decided, soon_after(120)), None).await.expect("taken");
        assert_eq!(receiver.mail().await.recipients, ["finance@example.org"], "{subject}");
        receiver.has_no_more().await;
    }
}
