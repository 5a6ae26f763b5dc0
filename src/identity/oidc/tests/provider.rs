//! A test provider on loopback that serves keys, and a verifier of its tokens with a manual clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::signing::Signer;
use crate::{
    clock::{ManualClock, WallClock as _},
    domain::Time,
    identity::oidc::{KeySource, Oidc, OidcConfig, Rejection, Verified},
};

pub(super) const AUDIENCE: &str = "signoff";

/// The responses of the provider, and its count of requests.
struct Answers {
    issuer: String,
    keys: String,
    down: bool,
    fetches: usize,
}

pub(super) struct Provider {
    pub(super) issuer: String,
    answers: Arc<Mutex<Answers>>,
}

impl Provider {
    pub(super) async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let answers = Answers { issuer: issuer.clone(), keys: String::new(), down: false, fetches: 0 };
        let provider = Self { issuer, answers: Arc::new(Mutex::new(answers)) };
        provider.publish(signers);
        let (answers, address) = (Arc::clone(&provider.answers), provider.issuer.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = answer(stream, &answers, &address).await; // the client may not wait for the end
            }
        });
        provider
    }

    pub(super) fn publish(&self, signers: &[&Signer]) {
        self.publish_set(&json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string());
    }

    pub(super) fn publish_set(&self, keys: &str) {
        keys.clone_into(&mut self.answers.lock().unwrap().keys);
    }

    pub(super) fn claim_issuer(&self, issuer: &str) {
        issuer.clone_into(&mut self.answers.lock().unwrap().issuer);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.answers.lock().unwrap().down = down;
    }

    /// Number of fetches of the key set.
    pub(super) fn fetches(&self) -> usize {
        self.answers.lock().unwrap().fetches
    }
}

async fn answer(mut stream: TcpStream, answers: &Mutex<Answers>, address: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let (status, body) = {
        let mut answers = answers.lock().unwrap();
        match request.split(|byte| *byte == b' ').nth(1) {
            _ if answers.down => ("503 Service Unavailable", String::new()),
            Some(b"/.well-known/openid-configuration") => {
                let keys = format!("{address}/keys");
                ("200 OK", json!({"issuer": answers.issuer, "jwks_uri": keys}).to_string())
            }
            Some(b"/keys") => {
                answers.fetches += 1;
                ("200 OK", answers.keys.clone())
            }
            _ => ("404 Not Found", String::new()),
        }
    };
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// A verifier with a manual clock.
pub(super) struct Verifier {
    pub(super) oidc: Arc<Oidc>,
    pub(super) clock: Arc<ManualClock>,
    issuer: String,
}

impl Verifier {
    pub(super) fn of(provider: &Provider) -> Self {
        Self::new(OidcConfig::new(&provider.issuer, AUDIENCE))
    }

    /// A verifier with keys from a file.
    pub(super) fn of_file(path: &std::path::Path) -> Self {
        let keys = KeySource::File(path.to_owned());
        Self::new(OidcConfig { keys, ..OidcConfig::new("https://login.example", AUDIENCE) })
    }

    pub(super) fn new(config: OidcConfig) -> Self {
        let clock = Arc::new(ManualClock::new(Time::from_timestamp(1_800_000_000, 0).unwrap()));
        let issuer = config.issuer.clone();
        let oidc = Oidc::new(config, Arc::<ManualClock>::clone(&clock)).unwrap();
        Self { oidc, clock, issuer }
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.wall().timestamp()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Claims of a token that is valid for ten minutes.
    pub(super) fn claims(&self) -> Value {
        json!({"iss": self.issuer, "aud": AUDIENCE, "sub": "ada", "iat": self.now(), "exp": self.now() + 600})
    }

    /// Like [`Verifier::claims`], valid for 11 days.
    pub(super) fn lasting(&self) -> Value {
        self.claims_with("exp", json!(self.now() + 1_000_000))
    }

    /// Like [`Verifier::claims`], with one claim changed, or removed by null.
    pub(super) fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        claims
    }

    pub(super) async fn accepts(&self, token: &str) -> Arc<Verified> {
        self.oidc.authenticate(token).await.unwrap()
    }

    pub(super) async fn rejects(&self, token: &str) -> Rejection {
        self.oidc.authenticate(token).await.unwrap_err()
    }
}
