//! A test provider on loopback that serves keys and redeems codes (`codes.rs`), and a verifier of its tokens with a
//! manual clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{codes::Codes, signing::Signer};
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
    discoveries: usize,
    /// Fields of the discovery document that differ.
    metadata: serde_json::Map<String, Value>,
    codes: Codes,
}

pub(super) struct Provider {
    pub(super) issuer: String,
    answers: Arc<Mutex<Answers>>,
}

impl Provider {
    pub(super) async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let answers = Answers {
            issuer: issuer.clone(),
            keys: String::new(),
            down: false,
            fetches: 0,
            discoveries: 0,
            metadata: serde_json::Map::new(),
            codes: Codes::default(),
        };
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

    /// Changes a field of the discovery document.
    pub(super) fn announce(&self, name: &str, value: Value) {
        self.answers.lock().unwrap().metadata.insert(name.to_owned(), value);
    }

    /// Number of fetches of the discovery document.
    pub(super) fn discoveries(&self) -> usize {
        self.answers.lock().unwrap().discoveries
    }

    /// Its codes.
    pub(super) fn codes<T>(&self, of: impl FnOnce(&mut Codes) -> T) -> T {
        of(&mut self.answers.lock().unwrap().codes)
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
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut form = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut form).await?;
    let (status, body) = {
        let mut answers = answers.lock().unwrap();
        match request.split(|byte| *byte == b' ').nth(1) {
            _ if answers.down => ("503 Service Unavailable", String::new()),
            Some(b"/.well-known/openid-configuration") => {
                answers.discoveries += 1;
                let mut document = json!({
                    "issuer": answers.issuer,
                    "jwks_uri": format!("{address}/keys"),
                    "authorization_endpoint": format!("{address}/authorize"),
                    "token_endpoint": format!("{address}/token"),
                });
                document.as_object_mut().unwrap().extend(answers.metadata.clone());
                ("200 OK", document.to_string())
            }
            Some(b"/token") => {
                let original = String::from_utf8_lossy(&request);
                let basic = original.lines().find_map(|line| line.strip_prefix("authorization: Basic "));
                answers.codes.redeem(&form, basic)
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
