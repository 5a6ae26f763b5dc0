//! Connections to the SMTP server.

use std::{fmt, path::PathBuf};

use lettre::{
    Message as Letter,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
        response::Response,
    },
};

use crate::{bounded_file, notify::SecretSource, unicode};

/// Maximum size of a file with certificates, in bytes.
const CA_FILE_MAX: usize = 1 << 20;

/// Longest answer of a server that is passed on, in characters.
const ANSWER_MAX: usize = 160;

/// Answers that no recipient is the reason for: the server stops (RFC 5321), or has not accepted the credentials
/// (RFC 4954). It may take the message once they are corrected.
const OF_ALL: [&str; 6] = ["421", "432", "530", "534", "535", "538"];

/// The server, and how it is reached.
#[derive(Clone, Debug)]
pub(super) struct Smtp {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<Login>,
    /// The certificates that the server's must come from. `None`: those of the system.
    pub(super) ca_file: Option<PathBuf>,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// By the command STARTTLS. A server without it gets no message.
    StartTls,
    /// From the beginning.
    Implicit,
    /// Not at all.
    None,
}

/// The credentials.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: SecretSource,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server may take messages later. It takes none now.
    Retry(String),
    /// The server may take this message for this recipient later. It may take others now.
    Later(String),
    /// The server rejects this message or its recipient.
    Rejected(String),
}

impl Security {
    pub(super) const fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

impl fmt::Display for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A connection that is ready for messages.
pub(super) struct Connection(AsyncSmtpConnection);

impl Smtp {
    /// Connects and signs in. Nothing that goes wrong here is the message's fault.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let name = ClientId::default();
        let tls = match self.security {
            Security::None => None,
            Security::StartTls | Security::Implicit => Some(self.tls().await?),
        };
        let implicit = tls.clone().filter(|_| self.security == Security::Implicit);
        let server = (self.host.as_str(), self.port);
        let connected = AsyncSmtpConnection::connect_tokio1(server, None, &name, implicit, None).await;
        let mut connection = connected.map_err(|error| retry("cannot connect", &error))?;
        if let (Security::StartTls, Some(tls)) = (self.security, tls) {
            // Without this, a text between would decide whether messages are encrypted.
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(Failure::Retry("does not offer STARTTLS; set tls to \"implicit\" or \"none\"".to_owned()));
            }
            connection.starttls(tls, &name).await.map_err(|error| retry("cannot start TLS", &error))?;
        }
        if let Some(login) = &self.login {
            let password = login.password.read().await.map_err(|error| Failure::Retry(error.to_string()))?;
            let credentials = Credentials::new(login.username.clone(), password.reveal().to_owned());
            let signed_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            signed_in.map_err(|error| retry("authentication failed", &error))?;
        }
        Ok(Connection(connection))
    }

    async fn tls(&self) -> Result<TlsParameters, Failure> {
        let unusable = |path: &PathBuf, error: &dyn fmt::Display| {
            Failure::Retry(format!("cannot use the certificates in {}: {error}", path.display()))
        };
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.ca_file {
            let pem = bounded_file::read_named(path, CA_FILE_MAX).await.map_err(Failure::Retry)?;
            builder = builder.certificate_store(CertificateStore::None);
            builder =
                builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| unusable(path, &error))?);
        }
        // Reads the system's certificates.
        let built = tokio::task::spawn_blocking(move || builder.build_rustls()).await;
        match built {
            Ok(Ok(parameters)) => Ok(parameters),
            Ok(Err(error)) => Err(Failure::Retry(format!("cannot set up TLS: {}", described(&error)))),
            Err(error) => Err(Failure::Retry(format!("cannot set up TLS: {error}"))),
        }
    }
}

impl Connection {
    /// Sends a message to the recipients in its envelope, and returns the server's answer. After an error the
    /// connection is closed.
    pub(super) async fn send(&mut self, letter: &Letter) -> Result<String, Failure> {
        self.0.send(letter.envelope(), &letter.formatted()).await.map(|answer| line(&answer)).map_err(|error| {
            let code = error.status().map(|code| code.to_string());
            let of_all = code.is_none_or(|code| OF_ALL.contains(&code.as_str()));
            match (of_all, error.is_permanent()) {
                (true, _) => Failure::Retry(not_taken(&error)),
                (false, true) => Failure::Rejected(described(&error)),
                (false, false) => Failure::Later(not_taken(&error)),
            }
        })
    }

    pub(super) async fn close(mut self) {
        _ = self.0.quit().await;
    }
}

fn retry(what: &str, error: &Error) -> Failure {
    Failure::Retry(format!("{what}: {}", described(error)))
}

fn not_taken(error: &Error) -> String {
    format!("did not take the message: {}", described(error))
}

/// An error in one line. The server's answer in it is a text of somebody else.
fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    bounded(&text)
}

fn line(answer: &Response) -> String {
    bounded(&format!("{} {}", answer.code(), answer.first_line().unwrap_or_default()))
}

fn bounded(text: &str) -> String {
    unicode::escape(text.trim()).chars().take(ANSWER_MAX).collect()
}
