//! The codes of the test provider: what it does when a person agrees, and when a client redeems the code.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    provider::Provider,
    signing::{Signer, encode},
};
use crate::identity::oidc::Answer;

/// The codes that were not redeemed yet.
#[derive(Default)]
pub(super) struct Codes {
    grants: HashMap<String, Grant>,
    /// The clients' secret; without it, all are public clients.
    pub(super) secret: Option<String>,
    /// Number of requests to redeem a code.
    pub(super) redemptions: usize,
    /// What the token endpoint answers to every request.
    pub(super) answer: Option<(&'static str, String)>,
}

struct Grant {
    client_id: String,
    redirect_uri: String,
    challenge: String,
    id_token: String,
}

/// The parameters of a URL.
pub(super) fn parameters(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

impl Provider {
    /// The answer of the provider when ada agrees on the page at `url`, with changes to the claims of the ID token.
    pub(super) fn agree(&self, url: &str, signer: &Signer, now: i64, changes: Value) -> Answer {
        let sent = parameters(url);
        let mut claims = json!({
            "iss": self.issuer, "aud": sent["client_id"], "sub": "ada", "nonce": sent["nonce"], "groups": ["finance"],
            "iat": now, "exp": now + 300, "auth_time": now - 100,
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let header = json!({"alg": signer.jwk()["alg"], "kid": signer.kid, "typ": "JWT"});
        self.agree_with(url, signer.token_with(&header, &claims))
    }

    /// As [`Provider::agree`], with this ID token.
    pub(super) fn agree_with(&self, url: &str, id_token: String) -> Answer {
        let sent = parameters(url);
        assert_eq!((&*sent["response_type"], &*sent["code_challenge_method"]), ("code", "S256"));
        self.codes(|codes| {
            let code = format!("code-{}", codes.grants.len() + 7_000_000 + codes.redemptions);
            let grant = Grant {
                client_id: sent["client_id"].clone(),
                redirect_uri: sent["redirect_uri"].clone(),
                challenge: sent["code_challenge"].clone(),
                id_token,
            };
            codes.grants.insert(code.clone(), grant);
            Answer { code: Some(code), state: Some(sent["state"].clone()), ..Answer::default() }
        })
    }
}

impl Codes {
    /// The token endpoint's status and body for a form and the credentials in the request's header.
    pub(super) fn redeem(&mut self, form: &[u8], basic: Option<&str>) -> (&'static str, String) {
        self.redemptions += 1;
        if let Some(answer) = self.answer.clone() {
            return answer;
        }
        let failed = |status, error: &str| {
            (status, json!({"error": error, "error_description": "<b>raw text of the provider</b>"}).to_string())
        };
        let form: HashMap<_, _> = form_urlencoded::parse(form).into_owned().collect();
        let sent = |name: &str| form.get(name).map_or("", String::as_str);
        let credentials = basic.map(|basic| String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap());
        let (client_id, secret) = match credentials.as_deref().and_then(|text| text.split_once(':')) {
            Some((client_id, secret)) => (client_id.to_owned(), Some(secret.to_owned())),
            None => (sent("client_id").to_owned(), form.get("client_secret").cloned()),
        };
        if secret != self.secret {
            return failed("401 Unauthorized", "invalid_client");
        }
        // A code is redeemed once, even if that fails.
        let grant = self.grants.remove(sent("code")).filter(|grant| {
            grant.client_id == client_id
                && grant.redirect_uri == sent("redirect_uri")
                && grant.challenge == encode(Sha256::digest(sent("code_verifier")))
                && sent("grant_type") == "authorization_code"
        });
        match grant {
            Some(grant) => {
                ("200 OK", json!({"access_token": "a", "token_type": "Bearer", "id_token": grant.id_token}).to_string())
            }
            None => failed("400 Bad Request", "invalid_grant"),
        }
    }
}
