//! The desk: the page of the queue while very many approvals are pending, and the time from a request to its row on an
//! open page.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{
    Outcome, Sizes,
    load::{Latencies, Load},
    payload,
    requests::first_update,
    scratch::Scratch,
    server::{Client, Role, Server},
    stored,
    table::{Aim, Figure, Row, Table},
};

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    page(sizes, table).await?;
    row(sizes, table).await
}

/// The first page of the queue, beside a page that reads nothing. Each over a connection of its own.
async fn page(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    stored::fill(scratch.path(), sizes.rows, |_| false).await?;
    let server = Server::signoff(scratch.path(), &[])?;
    let browser = Browser::sign_in(&server).await?;
    let small = timed(sizes.loads, async || browser.get("/sign-in").await).await?;
    let queue = timed(sizes.loads, async || {
        let text = browser.get("/").await?;
        if text.contains("data-approval-id") { Ok(text) } else { Err("no row on the page".into()) }
    })
    .await?;
    table.add(
        Row::new(format!("page of the queue, {} pending: p99", sizes.rows), Figure::Time(queue.p99))
            .latencies(&queue)
            .against("sign-in page", Figure::Time(small.p99))
            .aim(Aim::AtMost(Figure::Time(Duration::from_millis(100)))),
    );
    Ok(())
}

/// From sending RequestApproval to the event with its row, beside the call's own first message.
async fn row(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let server = Server::signoff(scratch.path(), &[])?;
    let browser = Browser::sign_in(&server).await?;
    let mut events = browser.events("/events?view=waiting").await?;
    let mut agent = server.connect(1, Role::Agent).await?.remove(0);
    let (mut replies, mut rows) = (Latencies::new()?, Latencies::new()?);
    let began = Instant::now();
    for _ in 0..sizes.loads {
        let sent = Instant::now();
        let (id, replied) = ask(&mut agent).await?;
        let mut line = String::new();
        while !line.contains(&id) {
            line.clear();
            if events.read_line(&mut line).await? == 0 {
                return Err("the events ended".into());
            }
        }
        replies.record(replied - sent)?;
        rows.record(sent.elapsed())?;
    }
    let [reply, row] = [replies, rows].map(|times| times.load(began.elapsed(), sizes.loads));
    table.add(
        Row::new("RequestApproval to its row on an open page: p99", Figure::Time(row.p99))
            .latencies(&row)
            .against("the call's first message", Figure::Time(reply.p99)),
    );
    Ok(())
}

/// A new approval, and when the caller knew of it.
async fn ask(agent: &mut Client) -> Outcome<(String, Instant)> {
    let mut stream = agent.request_approval(payload::wire_request(payload::uuid().to_string())).await?.into_inner();
    let id = first_update(stream.message().await?)?.id;
    Ok((id, Instant::now()))
}

async fn timed(count: u64, mut load: impl AsyncFnMut() -> Outcome<String>) -> Outcome<Load> {
    let (mut latencies, began) = (Latencies::new()?, Instant::now());
    for _ in 0..count {
        let start = Instant::now();
        load().await?;
        latencies.record(start.elapsed())?;
    }
    Ok(latencies.load(began.elapsed(), count))
}

/// A signed-in browser, as far as a measure needs one.
struct Browser {
    address: String,
    cookie: String,
}

impl Browser {
    async fn sign_in(server: &Server) -> Outcome<Self> {
        let address = server.address().trim_start_matches("http://").to_owned();
        let form = format!("token={}", server.token(Role::Reviewer));
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = exchange(&address, &head).await?;
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { address, cookie })
    }

    fn request(&self, path: &str, accept: &str, connection: &str) -> String {
        let Self { address, cookie } = self;
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nAccept: {accept}\r\n\
             Connection: {connection}\r\n\r\n"
        )
    }

    async fn get(&self, path: &str) -> Outcome<String> {
        let answer = exchange(&self.address, &self.request(path, "text/html", "close")).await?;
        if answer.starts_with("HTTP/1.1 200 ") { Ok(answer) } else { Err(answer.into()) }
    }

    /// The events of a page, from the first one on.
    async fn events(&self, path: &str) -> Outcome<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(self.request(path, "text/event-stream", "keep-alive").as_bytes()).await?;
        let mut events = BufReader::new(stream);
        let mut line = String::new();
        while !line.starts_with("event: ") {
            line.clear();
            if events.read_line(&mut line).await? == 0 {
                return Err("no events".into());
            }
        }
        Ok(events)
    }
}

async fn exchange(address: &str, request: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
