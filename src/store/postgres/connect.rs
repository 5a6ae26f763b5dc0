//! Opens connections to the primary, and ends those whose commit did not wait for a standby.
//!
//! **Hosts** are tried all at once, and the first one that accepts writes is used. One after the other, a machine that is
//! down would use up the time, because nothing refuses the connection: the server would never find the primary behind it.
//!
//! **A commit that did not wait.** An operator can cancel a `COMMIT` while it waits for a synchronous standby. PostgreSQL
//! then reports success with a warning, although a failover would lose the commit. The warning comes first, so the
//! connection ends there. The [`writer`](super::writer) then looks the commit up, as after every connection that breaks
//! during a commit.

use std::{future::poll_fn, pin::Pin, sync::Arc};

use deadpool_postgres::Connect;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::JoinHandle,
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls,
    config::Host,
    error::{DbError, Severity},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::cause;

/// Ends all connections of a store at once. Clones share the state.
#[derive(Clone, Debug)]
pub(super) struct Cuts(Arc<watch::Sender<u64>>);

impl Cuts {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Ends all connections, and so every statement on them. A connection whose packets are dropped would otherwise hold
    /// its statement until the operating system gives up.
    pub(super) fn cut(&self) {
        self.0.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }
}

/// Opens connections to the primary.
pub(super) struct Connector {
    pub(super) tls: MakeRustlsConnect,
    pub(super) cuts: Cuts,
}

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let hosts = each_host(config);
        let mut cut = self.cuts.0.subscribe();
        Box::pin(async move {
            let connect = |config: Config| async move { config.connect(self.tls.clone()).await };
            let mut attempts: FuturesUnordered<_> = hosts.into_iter().map(connect).collect();
            let mut failure = None;
            while let Some(attempt) = attempts.next().await {
                match attempt {
                    Ok((client, connection)) => {
                        let driving = async move {
                            tokio::select! {
                                () = drive(connection) => {}
                                Ok(()) = cut.changed() => {} // fails if nothing can cut it any more
                            }
                        };
                        return Ok((client, tokio::spawn(driving)));
                    }
                    Err(error) => failure = Some(error),
                }
            }
            match failure {
                Some(error) => Err(error),
                // Without a host: the library has the error for that.
                None => Err(Config::new().connect(NoTls).await.err().expect("there is no host")),
            }
        })
    }
}

/// The settings, for each of the hosts alone.
fn each_host(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let one = |number| {
        let mut one = without_hosts(config);
        match hosts.get(number) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            Some(Host::Unix(directory)) => drop(one.host_path(directory)),
            None => {}
        }
        addresses.get(number).map(|address| one.hostaddr(*address));
        ports.get(number).or_else(|| ports.first()).map(|port| one.port(*port));
        one
    };
    (0..hosts.len().max(addresses.len())).map(one).collect()
}

/// The settings that are the same for all hosts.
fn without_hosts(config: &Config) -> Config {
    let mut same = Config::new();
    config.get_user().map(|user| same.user(user));
    config.get_password().map(|password| same.password(password));
    config.get_dbname().map(|name| same.dbname(name));
    config.get_options().map(|options| same.options(options));
    config.get_application_name().map(|name| same.application_name(name));
    config.get_connect_timeout().map(|time| same.connect_timeout(*time));
    config.get_tcp_user_timeout().map(|time| same.tcp_user_timeout(*time));
    config.get_keepalives_interval().map(|time| same.keepalives_interval(time));
    config.get_keepalives_retries().map(|count| same.keepalives_retries(count));
    same.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts())
        .target_session_attrs(config.get_target_session_attrs());
    same
}

/// Runs a connection to its end.
async fn drive<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            None => return,
            Some(Ok(AsyncMessage::Notice(notice))) if did_not_wait(&notice) => {
                tracing::warn!("PostgreSQL stopped to wait for a standby during a commit");
                return;
            }
            Some(Ok(AsyncMessage::Notice(notice))) => tracing::debug!(%notice, "PostgreSQL"),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::warn!(error = %cause(&error), "a connection to PostgreSQL broke");
                return;
            }
        }
    }
}

/// Whether a notice means that a commit did not wait. The name of the function is in every notice, and unlike the text it
/// has no translations.
fn did_not_wait(notice: &DbError) -> bool {
    notice.parsed_severity() == Some(Severity::Warning) && notice.routine() == Some("SyncRepWaitForLSN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_own_port_and_all_other_settings() {
        let all = "postgres://u:secret@a:1,b:2/d?application_name=n&connect_timeout=3&options=-c%20x%3Dy&\
                   target_session_attrs=read-write&keepalives=0&keepalives_idle=5&keepalives_interval=6&\
                   keepalives_retries=7&tcp_user_timeout=8&sslmode=require&channel_binding=disable&\
                   load_balance_hosts=random&sslnegotiation=direct";
        let one = |host: &str| all.replace("a:1,b:2", host).parse::<Config>().unwrap();
        assert_eq!(each_host(&all.parse().unwrap()), [one("a:1"), one("b:2")]);
        let sockets: Config = "host=/x,/y hostaddr=1.2.3.4,5.6.7.8 port=9".parse().unwrap();
        let one: Config = "host=/y hostaddr=5.6.7.8 port=9".parse().unwrap();
        assert_eq!(each_host(&sockets)[1], one);
        assert_eq!(each_host(&Config::new()), []);
    }
}
