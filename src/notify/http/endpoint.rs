//! Where a channel posts to, and the settings of its connections.

use std::{fmt, path::PathBuf, time::Duration};

use http::Uri;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::notify::{Fields, SecretSource, SendError, channel::SEND_TIMEOUT};

/// Longest URL, in bytes.
pub(in crate::notify) const URL_MAX: usize = 2_048;

/// Time limit of an exchange, if the channel sets none.
pub(in crate::notify) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

const TIMEOUT_MIN: Duration = Duration::from_secs(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(14);

// An attempt has at most two exchanges: Slack may update a message, and then post it anew.
const _: () = assert!(2 * TIMEOUT_MAX.as_secs() < SEND_TIMEOUT.as_secs());

/// Settings of a channel's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::notify) struct HttpSettings {
    /// `timeout`: from resolving the name to the last byte of the response.
    pub(in crate::notify) timeout: Duration,
    /// `allowed_networks`: networks that are not public, but allowed.
    pub(in crate::notify) networks: Vec<IpNet>,
    /// `ca_file`: certificates of authorities to trust, in addition to the system's.
    pub(in crate::notify) ca_file: Option<PathBuf>,
    /// `allow_http`: whether messages may be sent unencrypted.
    pub(in crate::notify) allow_http: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { timeout: DEFAULT_TIMEOUT, networks: Vec::new(), ca_file: None, allow_http: false }
    }
}

impl HttpSettings {
    /// Takes the fields `timeout`, `allowed_networks`, `ca_file` and `allow_http`.
    pub(in crate::notify) fn parse(fields: &mut Fields) -> Self {
        let mut networks = Vec::new();
        for text in fields.texts("allowed_networks") {
            match network(&text) {
                Some(network) => networks.push(network),
                None => fields.problem(
                    "allowed_networks",
                    format!("has {text:?}, which is not a network; write one as 10.1.0.0/16 or fd00::/8"),
                ),
            }
        }
        Self {
            timeout: fields.duration("timeout", TIMEOUT_MIN, TIMEOUT_MAX).unwrap_or(DEFAULT_TIMEOUT),
            networks,
            ca_file: fields.text("ca_file").map(PathBuf::from),
            allow_http: fields.flag("allow_http").unwrap_or_default(),
        }
    }
}

/// A network without host bits: `10.0.0.1/8` may be meant as the host.
fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().ok()?;
    let exact = match network {
        IpNet::V4(net) => net == Ipv4Net::new(net.network(), net.prefix_len()).ok()?,
        IpNet::V6(net) => net == Ipv6Net::new(net.network(), net.prefix_len()).ok()?,
    };
    exact.then_some(network)
}

/// A URL to post to. `Debug` and errors show only its host: paths and queries hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::notify) struct Endpoint {
    uri: Uri,
}

/// The text is not a URL that messages may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::notify) enum EndpointError {
    /// Another form.
    #[error("must be https://HOST/PATH, with at most {URL_MAX} ASCII characters, and without a fragment")]
    Form,
    /// `http`, which the channel does not allow.
    #[error("must begin with https://; set allow_http = true to send messages unencrypted")]
    Http,
    /// Has credentials.
    #[error("must not have a user or a password before the host")]
    Credentials,
}

impl Endpoint {
    /// Parses a URL.
    pub(in crate::notify) fn parse(text: &str, settings: &HttpSettings) -> Result<Self, EndpointError> {
        if text.len() > URL_MAX || text.contains('#') {
            return Err(EndpointError::Form);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::Form)?;
        let authority = uri.authority().ok_or(EndpointError::Form)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::Credentials);
        }
        // A port that is not a number would be replaced by the default one.
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let valid_port = port.is_empty() || uri.port_u16().is_some_and(|port| port != 0);
        if authority.host().is_empty() || !valid_port {
            return Err(EndpointError::Form);
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self { uri }),
            Some("http") if settings.allow_http => Ok(Self { uri }),
            Some("http") => Err(EndpointError::Http),
            _ => Err(EndpointError::Form),
        }
    }

    /// Its host, and its port if the URL has one.
    pub(in crate::notify) fn host(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.host())
    }
}

/// A channel's URL for people: its scheme and host. Anything after them can be a secret, and becomes `…`. Then the text is
/// not a URL, and cannot be used by mistake.
#[must_use]
pub fn shown_url(url: &str) -> String {
    let parsed = url.parse::<Uri>().ok();
    let parts = parsed.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?, uri.path_and_query())));
    match parts {
        Some((_, _, None)) => url.to_owned(),
        Some((_, _, Some(rest))) if rest.as_str() == "/" => url.to_owned(),
        Some((scheme, authority, Some(_))) => format!("{scheme}://{authority}/…"),
        None => "…".to_owned(),
    }
}

/// Where an endpoint is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::notify) enum EndpointSource {
    /// In the configuration.
    Fixed(Endpoint),
    /// A secret: whoever has the URL can post to it.
    Secret(SecretSource),
}

impl EndpointSource {
    /// Takes the field `url`, or else `url_file` or `url_env`, or else the default.
    pub(in crate::notify) fn parse(
        fields: &mut Fields,
        settings: &HttpSettings,
        default: Option<&str>,
    ) -> Option<Self> {
        let secret = ["url_file", "url_env"].iter().any(|field| fields.has(field));
        if secret && fields.has("url") {
            fields.text("url");
            fields.secret("url");
            fields.problem("url", "and url_file or url_env are both set; set one of them");
            return None;
        }
        if secret {
            return fields.secret("url").map(Self::Secret);
        }
        let url = match default {
            Some(default) if !fields.has("url") => default.to_owned(),
            _ => fields.required_text("url")?,
        };
        match Endpoint::parse(&url, settings) {
            Ok(endpoint) => Some(Self::Fixed(endpoint)),
            Err(error) => {
                fields.problem("url", error.to_string());
                None
            }
        }
    }

    /// The endpoint now.
    pub(in crate::notify) async fn endpoint(&self, settings: &HttpSettings) -> Result<Endpoint, SendError> {
        let source = match self {
            Self::Fixed(endpoint) => return Ok(endpoint.clone()),
            Self::Secret(source) => source,
        };
        let retry = |error| SendError::Retry { reason: format!("{} {error}", source.field("url")), after: None };
        let url = source.read().await?;
        Endpoint::parse(url.reveal(), settings).map_err(retry)
    }
}
