use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use form_urlencoded::{Serializer, byte_serialize};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::{
    SignInConfig,
    error::{ClientSecretError, SignInError},
    metadata::{ClientAuthentication, Metadata},
};
use crate::{bounded_file, identity::oidc::http::Client};

/// Maximum size of the file with the client's secret.
const SECRET_MAX: usize = 4096;

/// Redeems codes at the provider's token endpoint.
pub(super) struct Exchange {
    client: Client,
    client_id: String,
    secret_file: Option<PathBuf>,
    redirect_uri: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
}

/// Checks that a file has a client's secret.
///
/// # Errors
/// When it cannot be read, or has no secret.
pub async fn check_client_secret_file(file: &Path) -> Result<(), ClientSecretError> {
    secret(Some(file)).await.map(|_| ())
}

/// The client's secret. Read for every sign-in, so operators can rotate it without a restart.
async fn secret(file: Option<&Path>) -> Result<Option<String>, ClientSecretError> {
    let Some(file) = file else { return Ok(None) };
    let content = bounded_file::read_named(file, SECRET_MAX).await.map_err(ClientSecretError::File)?;
    let text = String::from_utf8(content).map_err(|_| ClientSecretError::Content)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    // RFC 6749, appendix A.2.
    let visible = !line.is_empty() && line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if visible { Ok(Some(line.to_owned())) } else { Err(ClientSecretError::Content) }
}

impl Exchange {
    pub(super) fn new(client: Client, config: &SignInConfig) -> Self {
        Self {
            client,
            client_id: config.client_id.clone(),
            secret_file: config.client_secret_file.clone(),
            redirect_uri: config.public_url.join(super::CALLBACK_PATH),
        }
    }

    /// The ID token for a code. The access token that comes with it is dropped: nothing needs it.
    pub(super) async fn redeem(&self, provider: &Metadata, code: &str, verifier: &str) -> Result<String, SignInError> {
        let secret = secret(self.secret_file.as_deref()).await?;
        let (form, authorization) = self.form(provider, code, verifier, secret.as_deref());
        let answer = self.client.post_form(&provider.token_endpoint, form, authorization).await;
        let (status, body) = answer.map_err(|error| {
            tracing::warn!(%error, "cannot redeem a code at the provider's token endpoint");
            SignInError::Unavailable
        })?;
        if status == StatusCode::OK {
            let tokens: Tokens = serde_json::from_slice(&body).map_err(|_| SignInError::Unavailable)?;
            return tokens.id_token.ok_or(SignInError::NoIdToken);
        }
        let failure = serde_json::from_slice::<Failure>(&body).map(|failure| failure.error).unwrap_or_default();
        Err(match failure.as_str() {
            "invalid_grant" => SignInError::CodeRejected,
            "invalid_client" | "unauthorized_client" => SignInError::ClientRejected,
            _ => {
                tracing::warn!(%status, "the provider's token endpoint does not redeem a code");
                SignInError::Unavailable
            }
        })
    }

    /// The form, and the header with the client's credentials if they are not in the form.
    fn form(
        &self,
        provider: &Metadata,
        code: &str,
        verifier: &str,
        secret: Option<&str>,
    ) -> (String, Option<HeaderValue>) {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", verifier);
        if let (Some(secret), ClientAuthentication::Basic) = (secret, provider.authentication) {
            // Some providers reject a client id in both places.
            return (form.finish(), Some(basic(&self.client_id, secret)));
        }
        form.append_pair("client_id", &self.client_id);
        if let Some(secret) = secret {
            form.append_pair("client_secret", secret);
        }
        (form.finish(), None)
    }
}

/// The credentials of a client, each part encoded as in a form (RFC 6749, section 2.3.1).
fn basic(client_id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret)));
    // Base64 is always a valid value.
    let mut value = HeaderValue::try_from(format!("Basic {credentials}")).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_as_in_a_form() {
        let value = basic("desk:a", "p\u{e9} %&");
        let credentials = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(credentials).unwrap(), "desk%3Aa:p%C3%A9+%25%26");
        assert!(value.is_sensitive());
    }

    #[tokio::test]
    async fn a_secret_is_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        let read = async |content: &[u8]| {
            std::fs::write(&file, content).unwrap();
            secret(Some(&file)).await.map_err(|error| error.to_string())
        };
        for content in ["s e~cret", "s e~cret\n", "s e~cret\r\n"] {
            assert_eq!(read(content.as_bytes()).await.unwrap().unwrap(), "s e~cret");
        }
        for content in [&b""[..], b"\n", b"a\nb\n", b"a\n\n", b"caf\xc3\xa9", b"\xff"] {
            assert!(read(content).await.unwrap_err().starts_with("the file must have one line"), "{content:?}");
        }
        assert!(read(&[b'a'; SECRET_MAX]).await.is_ok());
        assert!(read(&[b'a'; SECRET_MAX + 1]).await.unwrap_err().contains("secret: "));
        assert!(secret(Some(&directory.path().join("none"))).await.unwrap_err().to_string().contains("none: "));
    }
}
