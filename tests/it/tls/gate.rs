//! Errors of the gate for a server whose TLS does not match its address or authorities.

use signoff_client::{Call, Client, Options};

use super::{Authority, Files};
use crate::{gate::unreachable::problem, server::Server};

fn client(address: &str, ca: Option<&str>) -> Client {
    let options = Options::new().address(address).token("t").insecure(true);
    Client::new(&ca.into_iter().fold(options, Options::ca)).unwrap()
}

#[tokio::test]
async fn a_wrong_scheme_ends_the_call_immediately() {
    let files = Files::new();
    let server = files.start(&[]).await;
    let plain = client(&format!("http://{}", server.address()), None);
    assert_eq!(problem(&plain, Call::new("t")).await, "this address speaks TLS: use https://");

    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let ca = files.path("ca.crt").display().to_string();
    let secure = client(&format!("https://{}", server.address()), Some(&ca));
    assert_eq!(problem(&secure, Call::new("t")).await, "this address does not speak TLS: use http://");
}

#[tokio::test]
async fn an_untrusted_certificate_ends_the_call_immediately() {
    let (files, others) = (Files::new(), Authority::new("others"));
    let server = files.start(&[]).await;
    let other = files.path("other.crt").display().to_string();
    std::fs::write(&other, others.pem()).unwrap();
    let secure = client(&format!("https://{}", server.address()), Some(&other));
    let problem = problem(&secure, Call::new("t")).await;
    assert!(problem.starts_with("its certificate is not trusted (certificate signed by an unknown CA)"), "{problem}");
    assert!(problem.ends_with("set ca (SIGNOFF_CA) to the authority that signed it"), "{problem}");
}
