//! Notifications: the time from a request to its webhook, and what a webhook costs the requests.
//!
//! The receiver is in this process. It answers at once, so the times are those of the server: the commit, the dispatcher,
//! the rendering and the signature. At the end of each load, the time until the receiver has everything is the backlog.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};

use crate::{
    Outcome, Sizes,
    load::{Latencies, Load, drive},
    payload,
    requests::{first_update, requests},
    scratch::Scratch,
    server::{Client, Role, Server},
    table::{Aim, Figure, Row, Table},
};

/// Callers for the throughput.
const CALLERS: usize = 64;

/// Callers that wait for their webhook: for an idle server, and a busy one.
const WAITING: [usize; 2] = [1, 16];

/// The fixed rate, per second.
const FIXED: u32 = 1_000;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let (plain, notifying, bare) = (Scratch::new()?, Scratch::new()?, Server::bare()?);
    let receiver = Receiver::start().await?;
    let server = receiver.server(&notifying)?;
    for callers in WAITING {
        let call = requests(&bare, callers, sizes.seconds, payload::wire_request).await?;
        let whole = until_received(&server, &receiver, callers, sizes.seconds).await?;
        table.add(
            Row::new(format!("request to webhook, {callers} at once: p99"), Figure::Time(whole.p99))
                .latencies(&whole)
                .against("bare tonic", Figure::Time(call.p99)),
        );
    }
    let without = Server::signoff(plain.path(), &[])?;
    let alone = requests(&without, CALLERS, sizes.seconds, payload::wire_request).await?;
    let before = receiver.count();
    let told = requests(&server, CALLERS, sizes.seconds, payload::wire_request).await?;
    let backlog = receiver.until(before + told.calls).await?;
    table.add(
        Row::load(format!("requests with a webhook, {CALLERS} callers"), &told)
            .against("without", Figure::Rate(alone.rate))
            .aim(Aim::Ratio(0.7)),
    );
    let second = Figure::Time(Duration::from_secs(1));
    table.add(Row::new("backlog of webhooks after that", Figure::Time(backlog)).aim(Aim::AtMost(second)));

    let alone = paced(&without, sizes.seconds).await?;
    let before = receiver.count();
    let told = paced(&server, sizes.seconds).await?;
    let backlog = receiver.until(before + told.calls).await?;
    table.add(
        Row::load(format!("requests with a webhook, at {FIXED}/s"), &told)
            .against("without", Figure::Rate(alone.rate))
            .aim(Aim::Ratio(0.95)),
    );
    table.add(Row::new("backlog of webhooks after that", Figure::Time(backlog)).aim(Aim::AtMost(second)));
    Ok(())
}

/// Latencies from sending a request until its webhook has arrived.
async fn until_received(server: &Server, receiver: &Receiver, callers: usize, seconds: f64) -> Outcome<Load> {
    let clients = server.connect_for(callers, Role::Agent).await?;
    let shared = Arc::clone(&receiver.0);
    let times = Arc::new(Mutex::new(Latencies::new()?));
    let recorded = Arc::clone(&times);
    let load = drive(callers, seconds, move |caller| {
        let (mut client, shared) = (clients[caller % clients.len()].clone(), Arc::clone(&shared));
        let times = Arc::clone(&recorded);
        async move {
            let sent = Instant::now();
            let id = ask(&mut client).await?;
            let received = shared.arrival(&id).await?;
            times.lock().unwrap_or_else(PoisonError::into_inner).record(received - sent)?;
            Ok(true)
        }
    })
    .await?;
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(times.load(Duration::from_secs_f64(seconds), load.calls))
}

/// Requests at a fixed rate: each begins at its own moment, however long the others take.
async fn paced(server: &Server, seconds: f64) -> Outcome<Load> {
    let clients = server.connect_for(CALLERS, Role::Agent).await?;
    let (start, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    drive(CALLERS, seconds, move |caller| {
        let (mut client, number) = (clients[caller % clients.len()].clone(), next.fetch_add(1, Ordering::Relaxed));
        async move {
            let moment = start + Duration::from_micros(number * 1_000_000 / u64::from(FIXED));
            tokio::time::sleep_until(moment.into()).await;
            ask(&mut client).await.map(|_| true)
        }
    })
    .await
}

async fn ask(client: &mut Client) -> Outcome<String> {
    let request = payload::wire_request(payload::uuid().to_string());
    let mut stream = client.request_approval(request).await?.into_inner();
    Ok(first_update(stream.message().await?)?.id)
}

/// Receives webhooks.
struct Receiver(Arc<Shared>);

struct Shared {
    address: std::net::SocketAddr,
    count: watch::Sender<u64>,
    seen: Mutex<HashMap<String, Seen>>,
}

/// A webhook that arrived before it was waited for, or the other way round.
enum Seen {
    Arrived(Instant),
    Awaited(oneshot::Sender<Instant>),
}

impl Receiver {
    async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, count) = (listener.local_addr()?, watch::Sender::new(0));
        let shared = Arc::new(Shared { address, count, seen: Mutex::default() });
        let receiving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&receiving)));
            }
        });
        Ok(Self(shared))
    }

    /// A server that tells this receiver of every request.
    fn server(&self, scratch: &Scratch) -> Outcome<Server> {
        let (address, directory) = (self.0.address, scratch.path());
        let (secret, config) = (directory.join("secret"), directory.join("signoff.toml"));
        std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        let text = format!(
            "[notify]\ndefault = [\"hook\"]\n[channels.hook]\nkind = \"webhook\"\nurl = \"http://{address}/\"\n\
             allow_http = true\nallowed_networks = [\"127.0.0.0/8\"]\nsecret_file = {secret:?}\nevents = [\"requested\"]\n"
        );
        std::fs::write(&config, text)?;
        Server::signoff(&directory.join("data"), &[format!("--config={}", config.display())])
    }

    fn count(&self) -> u64 {
        *self.0.count.borrow()
    }

    /// How long it takes until so many have arrived.
    async fn until(&self, count: u64) -> Outcome<Duration> {
        let start = Instant::now();
        let mut counts = self.0.count.subscribe();
        tokio::time::timeout(Duration::from_secs(120), counts.wait_for(|now| *now >= count)).await??;
        Ok(start.elapsed())
    }
}

impl Shared {
    fn arrived(&self, id: &str, now: Instant) {
        self.count.send_modify(|count| *count += 1);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.remove(id) {
            Some(Seen::Awaited(tell)) => drop(tell.send(now)),
            _ => drop(seen.insert(id.to_owned(), Seen::Arrived(now))),
        }
    }

    async fn arrival(&self, id: &str) -> Outcome<Instant> {
        let id = id.replace('-', "");
        let told = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Seen::Arrived(at)) = seen.remove(&id) {
                return Ok(at);
            }
            let (tell, told) = oneshot::channel();
            seen.insert(id, Seen::Awaited(tell));
            told
        };
        Ok(told.await?)
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let (mut length, mut id) = (0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse()?;
            } else if name.eq_ignore_ascii_case("webhook-id") {
                value.clone_into(&mut id);
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        let approval = id.split('_').nth(1).unwrap_or_default();
        shared.arrived(approval, Instant::now());
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
}
