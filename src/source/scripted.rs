//! For tests: a raw TCP server that answers as a test says, so that it can also answer wrongly. One request for each
//! connection.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use url::Url;

use super::{http::Connection, wire::Patience};
use crate::{
    clock::Clock,
    retry::Backoff,
    secret::SecretRef,
    settings::{AuthSettings, ConnectionSettings, Platform},
};

/// A request as it was received.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// How many of its kind (token request or not) came before.
    pub(super) earlier: usize,
    /// Whether it asks for a token.
    pub(super) for_token: bool,
    /// Head and body.
    pub(super) text: String,
}

/// What is done in turn; then the connection is closed.
pub(super) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// For ever, with a pause after each.
    Repeat(Vec<u8>, Duration),
}

pub(super) type Steps = Vec<Step>;

/// A reply with a length, whatever its status.
pub(super) fn reply(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Steps {
    let length = body.as_ref().len();
    vec![raw(
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n"),
        body,
    )]
}

pub(super) fn raw(head: String, body: impl AsRef<[u8]>) -> Step {
    Step::Send([head.as_bytes(), body.as_ref()].concat())
}

/// A token reply: `tok-0`, `tok-1`, … by the number of the request.
pub(super) fn token(seen: &Seen) -> Steps {
    let body = format!(
        r#"{{"access_token":"tok-{}","expires_in":3600,"token_type":"Bearer"}}"#,
        seen.earlier
    );
    reply(200, "Content-Type: application/json\r\n", body)
}

type Answer = dyn Fn(&Seen) -> Steps + Send + Sync;

pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Seen) -> Steps + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.spawn(serve(stream, Arc::clone(&answer), Arc::clone(&log)));
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// Answers token requests well, and all others with `answer`.
    pub(super) async fn with_tokens(answer: impl Fn(&Seen) -> Steps + Send + Sync + 'static) -> Self {
        Self::start(move |seen| if seen.for_token { token(seen) } else { answer(seen) }).await
    }

    pub(super) fn url(&self, path: &str) -> Url {
        format!("http://{}/{path}", self.address).parse().unwrap()
    }

    pub(super) fn seen(&self, for_token: bool) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.for_token == for_token)
            .map(|seen| seen.text.clone())
            .collect()
    }

    /// Requests that are not for tokens, and those that are.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.seen(false).len(), self.seen(true).len())
    }

    /// Client credentials, a budget of a second, short waits.
    pub(super) fn settings(&self) -> ConnectionSettings {
        ConnectionSettings {
            name: "cloud".to_owned(),
            platform: Platform::AutomationSuite,
            url: self.url(""),
            ca_file: None,
            client_certificate: None,
            proxy: None,
            max_concurrent_requests: 32,
            max_requests_per_second: 0.0,
            retry_for: Duration::from_secs(1),
            auth: AuthSettings::ClientCredentials {
                client_id: "app".to_owned(),
                client_secret: SecretRef::Env("PATH".to_owned()),
                second_client_secret: None,
                scope: "PM.Audit.Read".to_owned(),
                token_url: None,
            },
        }
    }
}

/// A connection that waits for little.
pub(super) fn open(settings: &ConnectionSettings, clock: Clock) -> Connection {
    let patience = Patience {
        connect: Duration::from_secs(1),
        idle: Duration::from_millis(150),
        refusal: Duration::from_millis(50),
        whole: Duration::from_millis(400),
        download_first: Duration::from_millis(400),
        download: Duration::from_millis(900),
    };
    let backoff = Backoff {
        first: Duration::from_millis(4),
        ..Backoff::default()
    };
    Connection::open_with(settings, clock, patience, backoff, Arc::default()).unwrap()
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, log: Arc<Mutex<Vec<Seen>>>) {
    let Some(text) = request(&mut stream).await else {
        return;
    };
    let seen = {
        let mut log = log.lock().unwrap();
        let for_token = text.starts_with("POST");
        let earlier = log.iter().filter(|seen| seen.for_token == for_token).count();
        log.push(Seen {
            earlier,
            for_token,
            text,
        });
        log.last().unwrap().clone()
    };
    for step in answer(&seen) {
        match step {
            Step::Send(bytes) => drop(stream.write_all(&bytes).await),
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Repeat(bytes, pause) => {
                while stream.write_all(&bytes).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
    drop(stream.shutdown().await);
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}
