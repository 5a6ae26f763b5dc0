//! A receiver of webhooks over real sockets, which answers as a test says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::server::soon;

/// Signs the webhooks of the tests.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the receiver does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Accepts it.
    Ok,
    /// Answers with this status line and these header lines, each with its CRLF. Does not accept it.
    Status(&'static str, &'static str),
    /// Answers with bytes that are not HTTP.
    Garbage,
    /// Closes without an answer.
    Close,
    /// Never answers.
    Hang,
    /// Accepts it, but closes before the answer is complete.
    Cut,
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrived {
    /// The header `webhook-id`.
    pub(crate) id: String,
    /// Such as `approval.requested`.
    pub(crate) kind: String,
    /// The approval.
    pub(crate) approval: String,
    /// The revision of the event.
    pub(crate) revision: u64,
    /// What the receiver answered.
    pub(crate) answer: Answer,
}

type Script = Box<dyn FnMut(&Arrived) -> Answer + Send>;

struct Shared {
    script: Mutex<Script>,
    arrived: watch::Sender<Vec<Arrived>>,
}

/// A receiver on its own port. Its tasks end with it.
pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Receiver {
    /// A receiver that answers as the closure says.
    pub(crate) fn start(script: impl FnMut(&Arrived) -> Answer + Send + 'static) -> Self {
        let shared = Shared { script: Mutex::new(Box::new(script)), arrived: watch::Sender::new(Vec::new()) };
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut receiver = Self { address: any_port, shared: Arc::new(shared), accepting: Mutex::default() };
        receiver.address = receiver.listen();
        receiver
    }

    /// Listens, on the same port as before.
    pub(crate) fn listen(&self) -> SocketAddr {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&self.shared)));
        *self.accepting.lock().unwrap() = Some(accepting);
        address
    }

    /// Listens no longer: connections are refused.
    pub(crate) async fn go_down(&self) {
        let accepting = self.accepting.lock().unwrap().take().unwrap();
        accepting.abort();
        let _ = accepting.await;
    }

    /// Changes its answers.
    pub(crate) fn answer(&self, script: impl FnMut(&Arrived) -> Answer + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// The tables of the configuration for a channel of this name that posts here.
    pub(crate) fn channel(&self, name: &str, secret_file: &str) -> String {
        let address = self.address;
        format!(
            "[channels.{name}]\nkind = \"webhook\"\nurl = \"http://{address}/{name}\"\nallow_http = true\n\
             allowed_networks = [\"127.0.0.0/8\"]\nsecret_file = {secret_file:?}\ntimeout = \"2s\"\n"
        )
    }

    /// Everything that arrived so far.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.borrow().clone()
    }

    /// Waits until what arrived is enough.
    pub(crate) async fn until(&self, what: &str, mut enough: impl FnMut(&[Arrived]) -> bool) -> Vec<Arrived> {
        let mut arrived = self.shared.arrived.subscribe();
        soon(what, arrived.wait_for(|arrived| enough(arrived))).await.unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.lock().unwrap().take() {
            accepting.abort();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// Answers the requests of one connection.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some((headers, body)) = request(&mut stream).await {
        let mut arrived = verified(&headers, &body);
        let answer = (shared.script.lock().unwrap())(&arrived);
        arrived.answer = answer.clone();
        shared.arrived.send_modify(|all| all.push(arrived));
        let bytes = match answer {
            Answer::Ok => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Answer::Status(status, headers) => format!("HTTP/1.1 {status}\r\n{headers}content-length: 4\r\n\r\nwhy?"),
            Answer::Garbage => "hello, who is there?\r\n\r\n".to_owned(),
            Answer::Close => return,
            Answer::Hang => std::future::pending().await,
            Answer::Cut => "HTTP/1.1 200 OK\r\ncontent-len".to_owned(),
        };
        if stream.write_all(bytes.as_bytes()).await.is_err() || matches!(answer, Answer::Garbage | Answer::Cut) {
            return;
        }
    }
}

/// The next request: its headers, by their names in lower case, and its body. `None` when the connection ended.
pub(crate) async fn request(stream: &mut BufReader<TcpStream>) -> Option<(BTreeMap<String, String>, Vec<u8>)> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => {
                if let Some((name, value)) = text.split_once(": ") {
                    headers.insert(name.to_ascii_lowercase(), value.to_owned());
                }
            }
        }
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((headers, body))
}

/// The message, whose signature another implementation verifies.
fn verified(headers: &BTreeMap<String, String>, body: &[u8]) -> Arrived {
    let mut signed = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        signed.insert(name, headers[name].parse().unwrap());
    }
    Webhook::new(SECRET).unwrap().verify(body, &signed).expect("the signature is valid");
    let json: serde_json::Value = serde_json::from_slice(body).expect("a webhook is JSON");
    let data = &json["data"];
    Arrived {
        id: headers["webhook-id"].clone(),
        kind: json["type"].as_str().unwrap().to_owned(),
        approval: data["id"].as_str().unwrap_or_default().to_owned(),
        revision: data["event_revision"].as_u64().unwrap_or_default(),
        answer: Answer::Ok,
    }
}
