use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use tokio::sync::Mutex;

use super::SignInError;
use crate::{
    clock::Clock,
    domain::{Time, after},
    identity::oidc::http::{self, Client, HttpError},
};

/// Interval between fetches of the discovery document.
const FRESH: Duration = Duration::from_mins(10);
/// Minimum time after a fetch that failed.
const PAUSE: Duration = Duration::from_secs(10);

/// What the provider says about itself.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    /// Whether every answer names its issuer (RFC 9207).
    pub(super) names_issuer: bool,
    /// How a client with a secret authenticates.
    pub(super) authentication: ClientAuthentication,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuthentication {
    /// In the `Authorization` header: the default.
    Basic,
    /// In the form.
    Post,
}

/// Why the discovery document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetadataError {
    #[error("cannot fetch the provider's discovery document: {0}")]
    Fetch(#[source] HttpError),
    #[error("the provider's discovery document is not valid: {0}")]
    Json(#[source] serde_json::Error),
    #[error("the provider's discovery document has another issuer")]
    Issuer,
    #[error("the provider's {0} is neither https nor on loopback, or has a fragment")]
    Endpoint(&'static str),
    #[error("the provider does not support PKCE with S256")]
    Pkce,
    #[error("the provider supports neither client_secret_basic nor client_secret_post")]
    ClientAuthentication,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    fn read(json: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        let found: Document = serde_json::from_slice(json).map_err(MetadataError::Json)?;
        if found.issuer != issuer {
            return Err(MetadataError::Issuer);
        }
        let (authorization, token) = (&found.authorization_endpoint, &found.token_endpoint);
        for (name, url) in [("authorization_endpoint", authorization), ("token_endpoint", token)] {
            if http::allowed(url).is_none() || url.contains('#') {
                return Err(MetadataError::Endpoint(name));
            }
        }
        // A provider may support what it does not list.
        if found.code_challenge_methods_supported.is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
        {
            return Err(MetadataError::Pkce);
        }
        let authentication = match found.token_endpoint_auth_methods_supported {
            None => ClientAuthentication::Basic,
            Some(methods) if methods.iter().any(|method| method == "client_secret_basic") => {
                ClientAuthentication::Basic
            }
            Some(methods) if methods.iter().any(|method| method == "client_secret_post") => ClientAuthentication::Post,
            // A public client needs neither.
            Some(methods) if methods.iter().any(|method| method == "none") => ClientAuthentication::Post,
            Some(_) => return Err(MetadataError::ClientAuthentication),
        };
        Ok(Self {
            names_issuer: found.authorization_response_iss_parameter_supported,
            authorization_endpoint: found.authorization_endpoint,
            token_endpoint: found.token_endpoint,
            authentication,
        })
    }
}

/// Fetches the discovery document when a sign-in needs it.
pub(super) struct Discovery {
    client: Client,
    issuer: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Metadata>>,
    /// When the next fetch is due; immediately if there was none.
    due: Option<Time>,
}

impl Discovery {
    pub(super) fn new(client: Client, issuer: String, clock: Arc<dyn Clock>) -> Self {
        Self { client, issuer, clock, state: Mutex::default() }
    }

    /// The provider's metadata: at most ten minutes old, or else the last that was valid. People who wait at the same
    /// time share one fetch.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, SignInError> {
        let mut state = self.state.lock().await;
        if state.due.is_none_or(|due| due <= self.clock.now()) {
            let fetched = self.fetch().await;
            let span = if fetched.is_ok() { FRESH } else { PAUSE };
            state.due = Some(after(self.clock.now(), span));
            match fetched {
                Ok(metadata) => state.known = Some(Arc::new(metadata)),
                Err(error) => tracing::warn!(%error, "cannot load the provider's endpoints for sign-in"),
            }
        }
        state.known.clone().ok_or(SignInError::Unavailable)
    }

    async fn fetch(&self) -> Result<Metadata, MetadataError> {
        let url = http::discovery_url(&self.issuer);
        let json = self.client.get(&url).await.map_err(MetadataError::Fetch)?;
        Metadata::read(&json, &self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://login.example";

    fn read(change: Value) -> Result<Metadata, String> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.example/authorize?tenant=a",
            "token_endpoint": "https://login.example/token",
        });
        for (name, value) in change.as_object().unwrap() {
            document[name] = value.clone();
        }
        Metadata::read(document.to_string().as_bytes(), ISSUER).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_provider_does_not_say_has_the_default_of_the_standard() {
        let metadata = read(json!({})).unwrap();
        assert_eq!((metadata.names_issuer, metadata.authentication), (false, ClientAuthentication::Basic));
        for (methods, authentication) in [
            (json!(["private_key_jwt", "client_secret_post", "client_secret_basic"]), ClientAuthentication::Basic),
            (json!(["client_secret_post"]), ClientAuthentication::Post),
            (json!(["none"]), ClientAuthentication::Post),
        ] {
            let metadata = read(json!({"token_endpoint_auth_methods_supported": methods})).unwrap();
            assert_eq!(metadata.authentication, authentication);
        }
    }

    #[test]
    fn a_provider_that_is_not_safe_to_use_is_rejected() {
        for (change, told) in [
            (json!({"issuer": "https://login.example/"}), "the provider's discovery document has another issuer"),
            (json!({"token_endpoint": null}), "the provider's discovery document is not valid: "),
            (json!({"token_endpoint": "http://login.example/token"}), "the provider's token_endpoint is neither"),
            (json!({"authorization_endpoint": "javascript:alert(1)"}), "the provider's authorization_endpoint is"),
            (json!({"authorization_endpoint": "https://a/#b"}), "the provider's authorization_endpoint is neither"),
            (json!({"code_challenge_methods_supported": ["plain"]}), "the provider does not support PKCE with S256"),
            (json!({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}), "the provider supports neither"),
        ] {
            let error = read(change.clone()).unwrap_err();
            assert!(error.starts_with(told), "{change}: {error}");
        }
    }
}
