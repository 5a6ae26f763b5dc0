//! The URL of a database, as libpq writes it.

use std::{fmt, path::PathBuf, str::FromStr};

use tokio_postgres::config::{Host, SslMode};

use super::PostgresTls;

/// Where a store in PostgreSQL is: `postgres://USER@HOST[:PORT]/DATABASE?PARAMETER=VALUE&…`.
///
/// It has no password, so that it can be in a configuration and in a log. Of libpq's parameters, `sslmode` is `disable`,
/// `require` or `verify-full`; the certificate is verified in both of the last two. Without `sslmode`, connections use TLS
/// unless all hosts are on this machine. `sslrootcert` names the file of authorities.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    text: String,
    connection: tokio_postgres::Config,
    tls: PostgresTls,
}

/// Why a text is not the URL of a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It has another form.
    #[error("not a URL of a database, such as postgres://signoff@db.example.com/signoff")]
    Malformed,
    /// It has a password.
    #[error("a URL with a password")]
    Password,
    /// It does not name a host, a user and a database.
    #[error("a URL without a {0}")]
    Missing(&'static str),
    /// Its `sslmode` would not protect the connection, or does not exist.
    #[error("sslmode {0:?} is not supported; use disable, require or verify-full")]
    SslMode(String),
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(PostgresUrlError::Malformed);
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut ssl, mut tls) = (None, PostgresTls::default());
        let mut others = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "password" => return Err(PostgresUrlError::Password),
                "sslrootcert" => tls.root_certificates = Some(PathBuf::from(&*value)),
                "sslmode" => {
                    ssl = Some(match &*value {
                        "disable" => SslMode::Disable,
                        "require" | "verify-full" => SslMode::Require,
                        other => return Err(PostgresUrlError::SslMode(other.to_owned())),
                    });
                }
                _ => drop(others.append_pair(&name, &value)),
            }
        }
        let others = others.finish().replace('+', "%20");
        let connection = if others.is_empty() { address.to_owned() } else { format!("{address}?{others}") };
        let mut connection: tokio_postgres::Config = connection.parse().map_err(|_| PostgresUrlError::Malformed)?;
        if connection.get_password().is_some() {
            return Err(PostgresUrlError::Password);
        }
        for (missing, part) in [
            (connection.get_hosts().is_empty(), "host"),
            (connection.get_user().is_none(), "user"),
            (connection.get_dbname().is_none(), "database"),
        ] {
            if missing {
                return Err(PostgresUrlError::Missing(part));
            }
        }
        let local = connection.get_hosts().iter().all(is_local);
        connection.ssl_mode(ssl.unwrap_or(if local { SslMode::Disable } else { SslMode::Require }));
        Ok(Self { text: text.to_owned(), connection, tls })
    }
}

/// Whether a host is this machine: nobody else can read the connection.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

impl PostgresUrl {
    /// The settings of connections.
    pub(super) const fn connection(&self) -> &tokio_postgres::Config {
        &self.connection
    }

    /// The protection of connections.
    pub(super) const fn tls(&self) -> &PostgresTls {
        &self.tls
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostgresUrl, PostgresUrlError> {
        text.parse()
    }

    #[test]
    fn connections_leave_the_machine_with_tls_only() {
        for (url, mode) in [
            ("postgres://u@db.example.com/d", SslMode::Require),
            ("postgresql://u@10.0.0.1:5433/d?sslmode=verify-full", SslMode::Require),
            ("postgres://u@db.example.com/d?sslmode=disable", SslMode::Disable),
            ("postgres://u@localhost/d", SslMode::Disable),
            ("postgres://u@[::1]/d", SslMode::Disable),
            ("postgres://u@localhost/d?sslmode=require", SslMode::Require),
            ("postgres://u@localhost,db.example.com/d", SslMode::Require),
            ("postgres://u@%2Frun%2Fpostgresql/d", SslMode::Disable),
        ] {
            let parsed = parse(url).unwrap();
            assert_eq!(parsed.connection().get_ssl_mode(), mode, "{url}");
            assert_eq!(parsed.to_string(), url);
        }
        let url = parse("postgres://u@h/d?sslrootcert=/etc/ca.pem&connect_timeout=3").unwrap();
        assert_eq!(url.tls().root_certificates.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
        assert_eq!(url.connection().get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
    }

    #[test]
    fn other_urls_are_rejected_with_the_reason() {
        for (url, error) in [
            ("mysql://u@h/d", PostgresUrlError::Malformed),
            ("host=h user=u", PostgresUrlError::Malformed),
            ("postgres://u@h:x/d", PostgresUrlError::Malformed),
            ("postgres://u@h/d?nonsense=1", PostgresUrlError::Malformed),
            ("postgres://u:secret@h/d", PostgresUrlError::Password),
            ("postgres://u@h/d?password=secret", PostgresUrlError::Password),
            ("postgres://u@/d", PostgresUrlError::Missing("host")),
            ("postgres://h/d", PostgresUrlError::Missing("user")),
            ("postgres://u@h", PostgresUrlError::Missing("database")),
            ("postgres://u@h/d?sslmode=prefer", PostgresUrlError::SslMode("prefer".into())),
        ] {
            assert_eq!(parse(url), Err(error), "{url}");
        }
    }
}
