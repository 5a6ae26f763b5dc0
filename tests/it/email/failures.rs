//! Servers and recipients that do not take a message.

use std::fs;

use signoff::{
    domain::NotificationKind,
    notify::{Habits, SendError},
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use super::{
    channel,
    messages::{about, payment, soon_after},
    receiver::{Receiver, Security},
    send, settings,
};

fn message() -> signoff::notify::Message {
    about(&payment(), NotificationKind::Requested, soon_after(0))
}

fn retry(result: Result<signoff::notify::Sent, SendError>) -> String {
    match result {
        Err(SendError::Retry { reason, after: None }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_rejected_recipient_does_not_keep_the_others_from_their_message() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let more = "to = [\"a@example.org\", \"unknown@example.org\", \"b@example.org\"]";
    let channel = channel(&settings(&receiver, more), None);
    assert_eq!(channel.habits(), Habits { for_people: true, replaces: false, concurrency: 2 });
    let Err(SendError::Rejected { reason }) = send(&channel, &message(), None).await else { panic!("it is rejected") };
    assert!(
        reason.starts_with("rejected by SMTP server: unknown@example.org: permanent error (550): 5.1.1 No such user"),
        "{reason}"
    );
    assert!(reason.ends_with(". The other recipients have the message"), "{reason}");
    assert!(!reason.contains('\u{1b}'), "{reason:?}");
    assert_eq!(
        [receiver.mail().await, receiver.mail().await].map(|mail| mail.recipients.concat()),
        ["a@example.org", "b@example.org"]
    );
    // An operator's retry does not send to the others again.
    let Err(SendError::Rejected { reason }) = send(&channel, &message(), None).await else { panic!("it is rejected") };
    assert!(reason.ends_with(". The other recipients have the message"), "{reason}");
    receiver.has_no_more().await;
}

#[tokio::test]
async fn a_retry_goes_only_to_those_who_have_nothing() {
    for (busy, at_first, later) in [
        ("busy@example.org", &["a@example.org", "b@example.org"][..], &["busy@example.org"][..]),
        // Without a connection, nobody can have it.
        ("leave@example.org", &["a@example.org"], &["leave@example.org", "b@example.org"]),
    ] {
        let mut receiver = Receiver::start(Security::StartTls, true).await;
        let more = format!("to = [\"a@example.org\", \"{busy}\", \"b@example.org\"]");
        let channel = channel(&settings(&receiver, &more), None);
        let reason = retry(send(&channel, &message(), None).await);
        assert!(reason.starts_with(&format!("SMTP server 127.0.0.1:{}: ", receiver.port)), "{reason}");
        assert!(reason.contains("did not take the message"), "{reason}");
        for recipient in at_first {
            assert_eq!(receiver.mail().await.recipients, [*recipient]);
        }
        receiver.has_no_more().await;
        send(&channel, &message(), None).await.expect("taken");
        for recipient in later {
            assert_eq!(receiver.mail().await.recipients, [*recipient]);
        }
        receiver.has_no_more().await;
    }
}

#[tokio::test]
async fn wrong_credentials_are_retried_and_a_new_password_is_read() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let channel = channel(&settings(&receiver, "to = [\"a@example.org\"]"), None);
    fs::write(receiver.path("password"), "wrong-passw0rd\n").unwrap();
    let reason = retry(send(&channel, &message(), None).await);
    assert!(reason.contains("authentication failed: permanent error (535)"), "{reason}");
    assert!(!reason.contains("wrong-passw0rd"), "{reason}");
    fs::remove_file(receiver.path("password")).unwrap();
    assert!(retry(send(&channel, &message(), None).await).contains("password"));
    fs::write(receiver.path("password"), "s3cret\n").unwrap();
    send(&channel, &message(), None).await.expect("taken");
    assert_eq!(receiver.mail().await.user.as_deref(), Some("signoff"));
}

#[tokio::test]
async fn a_server_that_wants_credentials_may_get_them_later() {
    let receiver = Receiver::start(Security::StartTls, true).await;
    let without: String = settings(&receiver, "to = [\"a@example.org\"]")
        .lines()
        .filter(|line| !line.starts_with("username") && !line.starts_with("password"))
        .map(|line| format!("{line}\n"))
        .collect();
    let reason = retry(send(&channel(&without, None), &message(), None).await);
    assert!(reason.contains("(530)"), "{reason}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    for security in [Security::StartTls, Security::Implicit] {
        let mut receiver = Receiver::start(security, true).await;
        let stranger = Receiver::start(security, true).await;
        let settings = settings(&receiver, "to = [\"a@example.org\"]");
        let own = receiver.path("ca.crt").display().to_string();
        let other = stranger.path("ca.crt").display().to_string();
        let channel = channel(&settings.replace(&own, &other), None);
        let reason = retry(send(&channel, &message(), None).await);
        assert!(reason.contains("certificate"), "{reason}");
        receiver.has_no_more().await;
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let mut receiver = Receiver::start(Security::None, false).await;
    let text = settings(&receiver, "to = [\"a@example.org\"]").replace("\"none\"", "\"starttls\"");
    let reason = retry(send(&channel(&text, None), &message(), None).await);
    assert!(reason.ends_with("does not offer STARTTLS; set tls to \"implicit\" or \"none\""), "{reason}");
    receiver.has_no_more().await;
}

#[tokio::test]
async fn a_server_that_is_down_or_no_smtp_server_may_be_there_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"a@b.org\"\nto = [\"c@d.org\"]");
    let channel = channel(&text, None);
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "421 4.3.2 shutting down\r\n", "554 5.7.1 go away\r\n", ""] {
        let answered = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let message = message();
        let (result, ()) = tokio::join!(send(&channel, &message, None), answered);
        assert!(retry(result).contains("cannot connect"), "{answer:?}");
    }
    drop(listener);
    assert!(retry(send(&channel, &message(), None).await).contains("cannot connect"));
}
