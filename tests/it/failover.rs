//! What fails under several servers: the primary of PostgreSQL, a server, or the network between them. Nothing that was
//! acknowledged is lost, each approval has one end, and everything that still runs goes on alone.

#![expect(clippy::disallowed_methods, reason = "servers in other processes are waited for by the machine's clock")]

mod callers;
mod cut_off;
mod fleet;
mod proxy;
mod replicated;
mod synchronous;

use std::time::Duration;

use callers::Callers;
use fleet::Fleet;
use replicated::Replicated;

use crate::{databases::Database, load::Random, server::soon};

/// Concurrent callers.
const CALLERS: usize = 6;

/// Servers.
const SERVERS: usize = 3;

/// Between two looks at what another process does.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// How many rounds a test does: as an environment variable says, or only a few.
fn rounds(variable: &str, few: usize) -> usize {
    std::env::var(variable).map_or(few, |rounds| rounds.parse().expect("a number of rounds"))
}

/// `SIGNOFF_IT_FAILOVERS=30 cargo test --test it primaries_that_die` is the long version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn primaries_that_die_take_nothing_with_them_that_was_acknowledged() {
    let (rounds, mut random) = (rounds("SIGNOFF_IT_FAILOVERS", 2), Random::new());
    let mut postgres = Replicated::start().await;
    let fleet = Fleet::start(&vec![postgres.setting(); SERVERS]).await;
    let (callers, tasks) = Callers::start(&fleet, CALLERS);
    for round in 0..rounds {
        callers.progress(20).await;
        // Sometimes one standby is behind, so that it matters which one is promoted.
        let behind = match random.percent(50) {
            true => postgres.pause_receiver(postgres.standbys()[random.below(2)]).await,
            false => None,
        };
        callers.progress(1 + random.below(40)).await;
        postgres.kill_primary().await;
        drop(behind);
        let killed = postgres.fail_over().await;
        callers.progress(5).await;
        postgres.rebuild(killed).await;
        callers.hold_one(random.below(SERVERS), &mut random).await;
        println!("round {round}: the primary {killed} died, {} took over", postgres.primary);
    }
    callers.finish(tasks).await;
}

/// `SIGNOFF_IT_SERVER_KILLS=50 cargo test --test it servers_that_die` is the long version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_die_take_nothing_with_them_that_was_acknowledged() {
    let (rounds, mut random) = (rounds("SIGNOFF_IT_SERVER_KILLS", 4), Random::new());
    let database = Database::create().await;
    let store = database.setting();
    let fleet = Fleet::start(&vec![store.clone(); SERVERS]).await;
    let (callers, tasks) = Callers::start(&fleet, CALLERS);
    for round in 0..rounds {
        let number = random.below(SERVERS);
        callers.progress(1 + random.below(40)).await;
        fleet.kill(number).await;
        callers.hold_one((number + 1) % SERVERS, &mut random).await;
        soon("the server starts again", fleet.start_one(number, &store)).await;
        println!("round {round}: server {number} died");
    }
    callers.finish(tasks).await;
}
