//! The one task of a server that asks PostgreSQL for news, every [`POLL`]: what other servers changed, the version of the
//! control data, the time, the outbox, and the settings.
//!
//! There is no `NOTIFY`: it takes a lock that all commits of the cluster share, and measured, it made decisions five times
//! slower.
//!
//! **When PostgreSQL does not answer**, the task ends all connections, so that no call waits for an answer that may never
//! come, and calls fail with UNAVAILABLE until a poll succeeds. Streams stay open: they go on where they were.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::Object;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    Durability, OpenError, Shared,
    connections::{Connection, Lock},
    control::{self, Polled},
    feed::{self, Position},
    freezes, migrations,
};
use crate::{
    clock::boot_time,
    store::{ClockSample, ControlPoll, Health, StoreError},
};

/// How often PostgreSQL is asked.
const POLL: Duration = Duration::from_millis(50);

/// Maximum time of a poll. Also the time after which PostgreSQL counts as unreachable, if its packets are dropped.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long polls may fail before PostgreSQL counts as unreachable: a single connection can break.
const GRACE: Duration = Duration::from_secs(1);

/// How often the outbox is read, for what other servers changed.
const OUTBOX: Duration = Duration::from_secs(1);

/// How often PostgreSQL's settings are read: an operator may change them, and a failover may lead to other ones.
const SETTINGS: Duration = Duration::from_secs(2);

/// What a server's settings ask of its poller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Duties {
    /// The store fails when PostgreSQL's settings no longer promise [`Durability::Standby`].
    pub(super) require_synchronous: bool,
    /// The server takes the policy from a file.
    pub(super) policy_file: bool,
}

/// Polls once, and starts the task.
pub(super) async fn start(
    shared: Arc<Shared>,
    health: watch::Sender<Health>,
    duties: Duties,
) -> Result<(), StoreError> {
    let mut poller = Poller {
        seen: feed::begin(&*shared.connections.get().await?).await?,
        shared,
        health,
        duties,
        connection: None,
        outbox: Instant::now(),
        settings: Instant::now(),
        answered: Instant::now(),
    };
    poller.poll().await?;
    tokio::spawn(poller.run());
    Ok(())
}

struct Poller {
    shared: Arc<Shared>,
    health: watch::Sender<Health>,
    duties: Duties,
    /// Its own connection, which holds the lock of servers with a policy file.
    connection: Option<Connection>,
    /// The place in the change feed.
    seen: Position,
    /// When the outbox was read.
    outbox: Instant,
    /// When the settings were read.
    settings: Instant,
    /// When PostgreSQL last answered.
    answered: Instant,
}

impl Poller {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => break,
                () = tokio::time::sleep(POLL) => {}
            }
            let polled = match timeout(PATIENCE, self.poll()).await {
                Ok(polled) => polled,
                Err(_) => Err(StoreError::Unavailable("PostgreSQL does not answer".into())),
            };
            match polled {
                Ok(()) => self.reached(),
                Err(error) => self.missed(&error),
            }
            if matches!(*self.health.borrow(), Health::Failed(_)) {
                break;
            }
        }
        self.disconnect();
    }

    fn reached(&mut self) {
        self.answered = Instant::now();
        self.health.send_if_modified(|health| {
            let back = matches!(health, Health::Unreachable(_));
            if back {
                tracing::info!("PostgreSQL answers again");
                *health = Health::Working;
            }
            back
        });
    }

    fn missed(&mut self, error: &StoreError) {
        self.disconnect();
        self.shared.polls.send_modify(|poll| poll.count += 1);
        if self.answered.elapsed() < GRACE {
            return;
        }
        self.shared.connections.set_reachable(false);
        self.health.send_if_modified(|health| {
            let lost = *health == Health::Working;
            if lost {
                tracing::error!(%error, "PostgreSQL does not answer; calls fail until it does");
                *health = Health::Unreachable(error.to_string());
            }
            lost
        });
    }

    /// The connection may be broken, or have a statement that has not ended: it must not return to the pool.
    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }

    async fn poll(&mut self) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        // Until the poll has ended, `self` does not have the connection: a poll that is given up closes it.
        let connection = Unfinished(Some(connection));
        let Polled { control: version, freezes, time } = control::poll(connection.get()).await?;
        let clock = Some(ClockSample { time, arrived: boot_time() });
        self.shared.connections.set_reachable(true); // before streams wake, and read
        self.seen = feed::publish(connection.get(), &self.shared, self.seen).await?;
        freezes::catch_up(connection.get(), &self.shared, freezes).await?;
        self.shared.polls.send_modify(|poll| {
            *poll = ControlPoll { count: poll.count + 1, version, clock };
        });
        if self.outbox.elapsed() >= OUTBOX {
            self.outbox = Instant::now();
            self.refresh_outbox(connection.get()).await?;
        }
        if self.settings.elapsed() >= SETTINGS {
            self.settings = Instant::now();
            self.check_settings(connection.get()).await?;
        }
        self.connection = connection.finish();
        Ok(())
    }

    async fn connect(&self) -> Result<Connection, StoreError> {
        let connection = self.shared.connections.try_get().await?;
        if self.duties.policy_file {
            let lock = self.shared.connections.lock(Lock::PolicyFile);
            connection.execute("SELECT pg_advisory_lock_shared($1)", &[&lock]).await?;
        }
        Ok(connection)
    }

    async fn refresh_outbox(&self, connection: &Connection) -> Result<(), StoreError> {
        if !self.shared.routes.is_empty() && self.shared.backlog.refresh(connection).await? {
            self.shared.outbox.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }

    async fn check_settings(&self, connection: &Connection) -> Result<(), StoreError> {
        // A later version may have migrated the store so that this build can no longer serve it. The writer rejects
        // changes from then on.
        if let Err(error) = migrations::version(connection, self.shared.connections.schema()).await?.check() {
            let reason = error.to_string();
            tracing::error!("{reason}");
            self.health.send_replace(Health::Failed(reason));
        }
        let durability = Durability::read(connection).await?;
        if self.duties.require_synchronous && durability < Durability::Standby {
            let reason = OpenError::NotSynchronous(durability).to_string();
            tracing::error!("{reason}");
            self.health.send_replace(Health::Failed(reason));
        }
        let before = self.shared.durability.send_replace(durability);
        if before != durability {
            tracing::warn!("{durability}");
        }
        Ok(())
    }
}

/// A connection of a poll that has not ended. Dropping it closes the connection.
struct Unfinished(Option<Connection>);

impl Unfinished {
    fn get(&self) -> &Connection {
        self.0.as_ref().expect("only `finish` takes it, and it consumes this")
    }

    fn finish(mut self) -> Option<Connection> {
        self.0.take()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
