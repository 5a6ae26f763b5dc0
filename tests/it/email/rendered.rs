//! Messages for a person to look at: `target/email/*.html` and `*.txt`.

use std::{fs, path::Path};

use serde_json::json;
use signoff::domain::{Actor, ActorKind, Approval, NotificationKind, Status};

use super::{
    channel,
    messages::{about, bundle, decided, payment, requested, soon_after, test, with_arguments},
    receiver::{Receiver, Security},
    send, settings,
};

fn samples() -> Vec<(&'static str, signoff::notify::Message)> {
    let on_behalf_of =
        Actor { kind: ActorKind::Person, issuer: "https://idp.example.org".into(), subject: "bob".into() };
    let real = requested(payment(), |request| request.on_behalf_of = Some(on_behalf_of));
    let odd = json!({
        "to": "Acme GmbH\u{200b}", "iban": "DE89 3704 0044 0532 0130 00", "note": "Thank you. ".repeat(500),
        "site": "https://xn--pple-43d.com/login", "items": [{"sku": "A-1", "price": 12.5}, {"sku": "B-2", "price": 7}],
        "שלום": "مرحبا بالعالم", "tags": ["urgent", "q3"], "html": "<b>bold</b> & <script>alert(1)</script>",
        "text": "line one\nline two\n    indented",
    });
    let odd: Approval = with_arguments(real.clone(), odd);
    let requested = |approval: &Approval| about(approval, NotificationKind::Requested, soon_after(60));
    let done = |status| {
        about(
            &decided(real.clone(), status, "Checked against the invoice."),
            NotificationKind::Decided,
            soon_after(120),
        )
    };
    vec![
        ("requested", requested(&real)),
        ("odd", requested(&odd)),
        ("approved", done(Status::Approved)),
        ("rejected", done(Status::Rejected)),
        ("bundle", bundle("billing-bot", 5)),
        ("test", test()),
    ]
}

#[tokio::test]
async fn messages_can_be_looked_at() {
    let mut receiver = Receiver::start(Security::StartTls, true).await;
    let channel = channel(&settings(&receiver, "to = [\"finance@example.org\"]"), None);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/email");
    fs::create_dir_all(&directory).unwrap();
    for (name, message) in samples() {
        send(&channel, &message, None).await.expect("taken");
        let mail = receiver.mail().await;
        assert!(mail.html.len() < 100_000, "a mail program cuts longer messages: {}", mail.html.len());
        fs::write(directory.join(format!("{name}.html")), mail.html).unwrap();
        fs::write(directory.join(format!("{name}.txt")), mail.plain).unwrap();
    }
}
