//! The effects of clients without a token on the server and other clients: bounded memory and connections, nothing
//! else.
//!
//! Sizes are for a test suite. `SIGNOFF_STRANGERS=full` makes them those of docs/security.md.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

mod bodies;
mod connections;
mod floods;
mod raw;
mod side_calls;

use signoff::proto::v1::ListPendingRequest;
use tokio_util::sync::CancellationToken;

use crate::server::{Client, Server, soon};

/// Memory that unauthenticated clients may add to the server, in KiB.
const MEMORY: u64 = 200 * 1024;

/// A size for the suite, or the documented one.
fn size(bounded: usize, full: usize) -> usize {
    if std::env::var_os("SIGNOFF_STRANGERS").is_some_and(|value| value == "full") { full } else { bounded }
}

/// Resident memory of the server's process, in KiB.
fn resident(server: &Server) -> u64 {
    let status = crate::files::text(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Raises the test's limit of open files to the maximum.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum is allowed");
}

async fn call(client: &mut Client) {
    let request = ListPendingRequest::default();
    soon("a caller with a token is served", client.list_pending(request)).await.expect("it is answered");
}

/// Makes calls with a token during an attack, over a connection from before it and over new ones. The attack
/// ends when it sees that the calls were made; then the memory that it cost is checked.
async fn served_during<A: Future<Output = ()> + Send + 'static>(
    server: &Server,
    attack: impl FnOnce(CancellationToken) -> A,
) {
    let mut old = server.operator();
    call(&mut old).await;
    let before = resident(server);
    let over = CancellationToken::new();
    let attacking = tokio::spawn(attack(over.clone()));
    let mut most = 0;
    for _ in 0..size(5, 100) {
        for _ in 0..5 {
            call(&mut old).await;
        }
        call(&mut server.operator()).await;
        most = most.max(resident(server));
    }
    over.cancel();
    soon("the attack ends", attacking).await.expect("the attack behaves as expected");
    most = most.max(resident(server));
    eprintln!("{before} KiB before, at most {most} KiB during the attack");
    assert!(most.saturating_sub(before) <= MEMORY, "{before} KiB before, {most} KiB during the attack");
}
