//! Calls of Slack's Web API. It answers `200` with `ok: false` and a code where other APIs have a status.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::notify::{
    SecretSource, SendError,
    http::{Endpoint, HttpClient, HttpSettings, Reply},
};

/// The Web API, unless the configuration names another one, such as that of GovSlack.
pub(super) const URL: &str = "https://slack.com/api";

/// Longest code of an error that is repeated in messages for operators.
const CODE_MAX: usize = 64;

/// Slack, with a bot's token.
pub(super) struct SlackApi {
    client: Arc<HttpClient>,
    http: HttpSettings,
    url: String,
    token: SecretSource,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The message to update is not there any more, or cannot be updated.
    NoMessage,
    /// Anything else.
    Failed(SendError),
}

impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for SendError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(error) => error,
            CallError::NoMessage => Self::Rejected { reason: "Slack has no such message".to_owned() },
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: Value,
    #[serde(default)]
    ts: String,
    #[serde(default)]
    needed: String,
}

/// Where Slack put a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placed {
    /// The channel, by its id.
    pub(super) channel: Option<String>,
    /// The message's timestamp.
    pub(super) ts: String,
}

impl SlackApi {
    pub(super) const fn new(client: Arc<HttpClient>, http: HttpSettings, url: String, token: SecretSource) -> Self {
        Self { client, http, url, token }
    }

    /// Calls a method with a JSON body.
    ///
    /// # Errors
    /// Why Slack did not do it.
    pub(super) async fn call(&self, method: &str, arguments: &Value) -> Result<Placed, CallError> {
        let endpoint = Endpoint::parse(&format!("{}/{method}", self.url), &self.http)
            .map_err(|error| SendError::Retry { reason: format!("the URL of Slack's API {error}"), after: None })?;
        let token = self.token.read().await.map_err(SendError::from)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
            .map_err(|_| SendError::Retry { reason: "the token cannot be sent in a header".to_owned(), after: None })?;
        bearer.set_sensitive(true);
        let mut headers = json_headers();
        headers.insert(header::AUTHORIZATION, bearer);
        let body = Bytes::from(arguments.to_string());
        let reply = self.client.post(&endpoint, headers, body).await.map_err(SendError::from)?;
        answer(method, &reply)
    }

    /// Answers one user, at the URL of an interaction. The URL must be one of Slack's: see [`answers_at`].
    ///
    /// # Errors
    /// Why Slack did not take it.
    pub(super) async fn respond(&self, url: &str, body: &Value) -> Result<(), SendError> {
        if !answers_at(&self.url, url) {
            return Err(SendError::Rejected { reason: "the response URL is not one of Slack's".to_owned() });
        }
        let endpoint = Endpoint::parse(url, &self.http)
            .map_err(|error| SendError::Rejected { reason: format!("the response URL {error}") })?;
        let reply = self.client.post(&endpoint, json_headers(), Bytes::from(body.to_string())).await?;
        if reply.status.is_success() { Ok(()) } else { Err(again(&reply)) }
    }
}

/// Whether a URL of an interaction belongs to the API at `api`: `https://hooks.slack.com/…` belongs to
/// `https://slack.com/api`. An API on a plain address, as in tests, has its response URLs there too.
pub(super) fn answers_at(api: &str, url: &str) -> bool {
    let Some((scheme, rest)) = api.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let plain = authority.parse::<std::net::SocketAddr>().is_ok();
    let origin = if plain { format!("{scheme}://{authority}/") } else { format!("{scheme}://hooks.{authority}/") };
    url.starts_with(&origin)
}

/// Slack warns without the charset.
pub(in crate::notify) fn json_headers() -> HeaderMap {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    [(header::CONTENT_TYPE, json)].into_iter().collect()
}

/// Slack did not take it, and may later.
pub(in crate::notify) fn again(reply: &Reply) -> SendError {
    SendError::Retry { reason: reply.line(), after: reply.retry_after }
}

/// Slack says in the JSON what it does not accept. Another status is of a limit, or of a proxy in between.
fn answer(method: &str, reply: &Reply) -> Result<Placed, CallError> {
    if reply.status != StatusCode::OK {
        return Err(again(reply).into());
    }
    // Not from Slack: a proxy in between, or an answer that broke off.
    let Ok(answer) = serde_json::from_slice::<Answer>(&reply.body) else {
        let reason = format!("{} without the JSON of Slack", reply.line());
        return Err(SendError::Retry { reason, after: reply.retry_after }.into());
    };
    if answer.ok {
        return Ok(Placed { channel: answer.channel.as_str().map(str::to_owned), ts: answer.ts });
    }
    Err(failed(method, &answer, reply.retry_after))
}

/// What a code means, by <https://docs.slack.dev/reference/methods/chat.postMessage> and its neighbours.
fn failed(method: &str, answer: &Answer, after: Option<Duration>) -> CallError {
    let Answer { error: code, needed, .. } = answer;
    let shown: String = code.chars().filter(|c| c.is_ascii_graphic()).take(CODE_MAX).collect();
    let reason = |hint: &str| format!("Slack answered {method} with {shown}{hint}");
    CallError::Failed(match code.as_str() {
        "message_not_found" | "cant_update_message" | "edit_window_closed" | "thread_not_found" => {
            return CallError::NoMessage;
        }
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "org_login_required"
        | "ekm_access_denied"
        | "access_denied"
        | "no_permission"
        | "not_allowed_token_type" => {
            // Also while an operator replaces the token, which is read for each message.
            let reason = reason(": install the app again, and set its bot token");
            SendError::Retry { reason, after }
        }
        "missing_scope" => {
            let scope: String = needed.chars().filter(|c| c.is_ascii_graphic()).take(CODE_MAX).collect();
            let reason = reason(&format!(": add the scope {scope}, and install the app again"));
            SendError::Retry { reason, after }
        }
        // An operator corrects these without a restart.
        "channel_not_found" | "not_in_channel" => {
            SendError::Retry { reason: reason(": invite the app to the channel, and check its id"), after }
        }
        "is_archived" => SendError::Retry { reason: reason(": unarchive the channel, or set another one"), after },
        "msg_too_long"
        | "msg_blocks_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "invalid_arguments"
        | "invalid_arg_name"
        | "invalid_array_arg"
        | "invalid_charset"
        | "invalid_form_data"
        | "invalid_post_type"
        | "invalid_json"
        | "json_not_object"
        | "metadata_too_large"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "expired_trigger_id"
        | "invalid_trigger_id"
        | "exchanged_trigger_id"
        | "view_too_large" => SendError::Rejected { reason: reason("") },
        _ => SendError::Retry { reason: reason(""), after },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> CallError {
        failed("chat.update", &serde_json::from_str(body).unwrap(), Some(Duration::from_secs(30)))
    }

    #[test]
    fn codes_say_what_to_do() {
        let kind = |code: &str| match error(&format!(r#"{{"ok":false,"error":"{code}"}}"#)) {
            CallError::NoMessage => "no message",
            CallError::Failed(SendError::Gone { .. }) => "gone",
            CallError::Failed(SendError::Rejected { .. }) => "rejected",
            CallError::Failed(SendError::Retry { .. }) => "retry",
        };
        for (codes, expected) in [
            (["message_not_found", "cant_update_message", "edit_window_closed"], "no message"),
            (["invalid_auth", "token_revoked", "missing_scope"], "retry"),
            (["msg_too_long", "invalid_blocks", "no_text"], "rejected"),
            (["ratelimited", "channel_not_found", "not_in_channel"], "retry"),
            (["internal_error", "fatal_error", "something_new"], "retry"),
        ] {
            assert_eq!(codes.map(kind), [expected; 3]);
        }
        let CallError::Failed(SendError::Retry { reason, after }) = error(r#"{"ok":false,"error":"not_in_channel"}"#)
        else {
            panic!("not a retry")
        };
        let said = "Slack answered chat.update with not_in_channel: invite the app to the channel, and check its id";
        assert_eq!((reason.as_str(), after), (said, Some(Duration::from_secs(30))));
        let scope = error(r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"users:read"}"#);
        let said = "Slack answered chat.update with missing_scope: add the scope chat:write, and install the app again";
        assert_eq!(SendError::from(scope).to_string(), said);
    }

    #[test]
    fn only_urls_of_slack_are_answered() {
        for (api, url, known) in [
            (URL, "https://hooks.slack.com/actions/T1/2/x", true),
            (URL, "http://hooks.slack.com/actions/T1/2/x", false),
            (URL, "https://slack.com/actions", false),
            (URL, "https://hooks.slack.com.evil.example/", false),
            (URL, "https://hooks.slack.com@evil.example/", false),
            (URL, "https://hooks.slack.com:8443/", false),
            (URL, "https://169.254.169.254/", false),
            ("https://slack-gov.com/api", "https://hooks.slack-gov.com/actions/1", true),
            ("https://slack-gov.com/api", "https://hooks.slack.com/actions/1", false),
            ("http://127.0.0.1:4000/api", "http://127.0.0.1:4000/response", true),
            ("http://127.0.0.1:4000/api", "http://127.0.0.1:40000/response", false),
            ("", "https://hooks.slack.com/", false),
        ] {
            assert_eq!(answers_at(api, url), known, "{api} {url}");
        }
    }
}
