//! Why a receiver did not answer.

use std::{error::Error, time::Duration};

use http::StatusCode;
use hyper_util::client::legacy;

use super::{address::Refused, connector::ConnectError};
use crate::{domain::duration_text, notify::SendError};

/// There is no response, or not one that can be used. The texts name the host only: paths and queries hold secrets.
///
/// All of them may pass: name servers change, certificates are renewed, and operators correct settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::notify) enum HttpError {
    #[error("cannot resolve {host}: {why}")]
    Resolve { host: String, why: String },
    #[error("{host} has the address {refused}, which is not public; to allow it, list its network in allowed_networks")]
    Refused { host: String, refused: Refused },
    #[error("cannot connect to {host}: {why}")]
    Connect { host: String, why: String },
    #[error("cannot connect to {host}: TLS: {why}")]
    Tls { host: String, why: String },
    #[error("{host} sent no valid response: {why}")]
    Response { host: String, why: String },
    #[error("{host} answered {status}: redirects are not followed; set the final URL")]
    Redirect { host: String, status: StatusCode },
    #[error("{host} did not answer within {}", duration_text(*.limit))]
    Late { host: String, limit: Duration },
    #[error("cannot load the certificates of authorities: {0}")]
    Trust(String),
}

impl HttpError {
    pub(super) fn of(error: &legacy::Error, host: &str) -> Self {
        let host = host.to_owned();
        let chain = || std::iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source());
        if let Some(error) = chain().find_map(|error| error.downcast_ref::<ConnectError>()) {
            return match error {
                ConnectError::Resolve(why) => Self::Resolve { host, why: why.to_string() },
                ConnectError::NoAddress => Self::Resolve { host, why: "the name has no address".to_owned() },
                ConnectError::Refused(refused) => Self::Refused { host, refused: *refused },
                ConnectError::Tcp(why) => Self::Connect { host, why: why.to_string() },
                ConnectError::Late => Self::Connect { host, why: "no answer".to_owned() },
            };
        }
        if let Some(why) = signoff_client::tls_problem(error) {
            return Self::Tls { host, why };
        }
        let why = chain().last().map_or_else(String::new, ToString::to_string);
        if error.is_connect() { Self::Connect { host, why } } else { Self::Response { host, why } }
    }
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        Self::Retry { reason: error.to_string(), after: None }
    }
}
