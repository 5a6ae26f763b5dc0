//! People sign in at the desk with the real provider, as a browser does it.

use http::{Method, Uri, header::SET_COOKIE};

use super::Provider;
use crate::{browser::Browser, server::Server};

impl Browser {
    /// Begins a sign-in, and fills in the provider's form; the result is the URL to which the provider sends it back.
    async fn at_the_provider(&mut self, begin: &str, form: &str) -> String {
        let begun = self.get(begin).await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        let issuer: Uri = begun.location().parse().expect("a URL");
        let origin = format!("http://{}", issuer.authority().expect("a host"));
        let asked = self.get(begun.location()).await;
        let page = absolute(&origin, asked.location());
        let resumed = self.send(Method::POST, &page, Some(form)).await;
        assert_eq!(resumed.status, 303, "{}", resumed.text);
        let back = self.get(&absolute(&origin, resumed.location())).await;
        back.location().to_owned()
    }

    /// Whether it has a session: a form without the page's token is refused in a session, and sent to the sign-in
    /// without one.
    async fn is_signed_in(&mut self, desk: &str) -> bool {
        let answer = self.send(Method::POST, &format!("{desk}/sign-out"), Some("")).await;
        match answer.status {
            403 => true,
            303 => false,
            status => panic!("{status}: {}", answer.text),
        }
    }
}

fn absolute(origin: &str, location: &str) -> String {
    if location.starts_with('/') { format!("{origin}{location}") } else { location.to_owned() }
}

/// A server that is the provider's client, and the address of its desk.
async fn desk(provider: &Provider, client: &str, more: &[&str]) -> (tempfile::TempDir, Server, String) {
    let data = tempfile::tempdir().unwrap();
    let (issuer, client) = (format!("oidc.issuer={}", provider.issuer), format!("oidc.client_id={client}"));
    let settings = [&[&*issuer, &*client, "roles.reviewer=finance", "log.filter=trace"], more].concat();
    let server = Server::start(&data.path().join("store"), &settings).await;
    let address = format!("http://{}", server.address());
    (data, server, address)
}

/// Nothing that a sign-in must keep secret is in the log, which has everything.
fn nothing_is_logged(server: &Server, browser: &Browser, callback: &str) {
    let log = server.log();
    let query = callback.split_once('?').expect("a query").1;
    let parameters = form_urlencoded::parse(query.as_bytes());
    let sent = parameters.filter(|(name, _)| name == "code" || name == "state").map(|(_, value)| value.into_owned());
    for secret in sent.chain(browser.cookies.values().filter(|value| value.len() > 20).cloned()) {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
    assert!(!log.contains("eyJ"), "a token is in the log");
}

#[tokio::test]
async fn people_sign_in_at_the_desk() {
    let provider = Provider::start().await;
    let (_data, server, desk) = desk(&provider, "desk", &[]).await;
    let mut browser = Browser::default();
    let page = browser.get(&format!("{desk}/sign-in?next=/history%3Fa=b")).await;
    let (name, link) = (provider.issuer.trim_start_matches("http://"), "/sign-in/openid?next=/history%3Fa%3Db");
    assert!(page.text.contains(&format!("Sign in with {name}")) && page.text.contains(link), "{}", page.text);
    assert!(!browser.is_signed_in(&desk).await);

    let callback = browser.at_the_provider(&format!("{desk}{link}"), "action=sign-in&name=alice").await;
    assert!(callback.starts_with(&format!("{desk}/sign-in/openid/callback?code=")), "{callback}");
    nothing_is_logged(&server, &browser, &callback);
    // A program that looks at the link, and another browser that gets it, change nothing.
    let looked = browser.clone().send(Method::HEAD, &callback, None).await;
    assert_eq!((looked.status, looked.headers.get(SET_COOKIE)), (200, None));
    let stolen = Browser::default().get(&callback).await;
    assert_eq!((stolen.status, stolen.headers.get(SET_COOKIE)), (400, None));
    assert!(stolen.text.contains("not open in this browser"), "{}", stolen.text);

    let mut copy = browser.clone();
    let done = browser.get(&callback).await;
    assert_eq!((done.status, done.location()), (303, "/history?a=b"), "{}", done.text);
    assert_eq!(done.headers["referrer-policy"], "no-referrer");
    assert!(browser.is_signed_in(&desk).await);
    nothing_is_logged(&server, &browser, &callback);

    // Again with the same answer: without the cookie here, and with it at the provider.
    for (again, told) in [(&mut browser, "not open in this browser"), (&mut copy, "did not accept the sign-in")] {
        let refused = again.get(&callback).await;
        assert!(refused.status == 400 && refused.text.contains(told), "{}", refused.text);
    }
    assert!(browser.is_signed_in(&desk).await, "the session stays");
    assert!(!copy.is_signed_in(&desk).await);
}

#[tokio::test]
async fn people_without_a_role_and_people_who_cancel_learn_why() {
    let provider = Provider::start().await;
    let (_data, server, desk) = desk(&provider, "desk", &[]).await;
    for (form, told) in [
        ("action=sign-in&name=eve", &["no groups in the claim groups", "roles.reviewer"][..]),
        ("action=sign-in&name=deployer", &["Your groups: deployers, on-call", "roles.reviewer"]),
        ("action=cancel", &["you cancelled"]),
    ] {
        let mut browser = Browser::default();
        let callback = browser.at_the_provider(&format!("{desk}/sign-in/openid"), form).await;
        let refused = browser.get(&callback).await;
        assert_eq!(refused.status, 403, "{form}");
        for text in told {
            assert!(refused.text.contains(text), "{form}: {}", refused.text);
        }
        assert!(!refused.text.contains("the person cancelled"), "the provider's own text is not shown");
        assert!(!browser.is_signed_in(&desk).await);
        nothing_is_logged(&server, &browser, &callback);
    }
}

#[tokio::test]
async fn a_browser_at_another_name_of_the_server_is_sent_to_the_public_one() {
    let provider = Provider::start().await;
    let (_data, _server, desk) = desk(&provider, "desk", &[]).await;
    let elsewhere = desk.replace("127.0.0.1", "localhost");
    let sent = Browser::default().get(&format!("{elsewhere}/sign-in/openid?next=/history")).await;
    assert_eq!(sent.location(), format!("{desk}/sign-in/openid?here=1&next=/history"));
    assert!(sent.headers.get(SET_COOKIE).is_none());
    // Behind a proxy that replaces the name, this would go on for ever.
    let sent = Browser::default().get(&format!("{elsewhere}/sign-in/openid?here=1")).await;
    assert!(sent.location().starts_with(&provider.issuer), "{}", sent.location());
}

#[tokio::test]
async fn a_client_with_a_secret_signs_people_in() {
    let provider = Provider::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("client-secret");
    std::fs::write(&file, "a secret: 100%\n").unwrap();
    let secret = format!("oidc.client_secret_file={}", file.display());
    let (_data, server, desk) = desk(&provider, "desk-with-secret", &[&secret, "roles.auditor=auditors"]).await;
    let mut browser = Browser::default();
    let callback = browser.at_the_provider(&format!("{desk}/sign-in/openid"), "action=sign-in&name=bob").await;
    let done = browser.get(&callback).await;
    assert_eq!((done.status, done.location()), (303, "/"), "{}", done.text);
    assert!(browser.is_signed_in(&desk).await);
    nothing_is_logged(&server, &browser, &callback);
    assert!(!server.log().contains("a secret") && !server.log().contains("a+secret"));

    std::fs::write(&file, "wrong").unwrap();
    let mut browser = Browser::default();
    let callback = browser.at_the_provider(&format!("{desk}/sign-in/openid"), "action=sign-in&name=bob").await;
    let refused = browser.get(&callback).await;
    assert!(refused.status == 500 && refused.text.contains("oidc.client_secret_file"), "{}", refused.text);
    assert!(!browser.is_signed_in(&desk).await);
}
