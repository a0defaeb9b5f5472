//! Somebody who is told of commits: checks every signature by itself, answers as the test likes, and notes what came.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What both sides know, in base64.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Its own runtime: a test that blocks does not make receivers slow.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

/// How it answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Take,
    Status(u16),
    /// With a status and a header.
    Header(u16, &'static str, String),
    /// Never.
    Hang,
    /// It closes the connection instead.
    CutOff,
    /// It takes the message and says much more than anybody wants to hear.
    Long,
}

/// A message that came, signed as it should be.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub signature: String,
    pub timestamp: i64,
    pub raw: Bytes,
    pub body: Value,
    pub answer: Answer,
}

impl Told {
    pub fn target(&self) -> &str {
        self.body["data"]["commit"]["target"].as_str().unwrap_or_default()
    }

    pub fn number(&self) -> u64 {
        self.body["data"]["commit"]["number"].as_u64().unwrap_or_default()
    }
}

type Rule = Box<dyn Fn(&Told) -> Answer + Send>;

struct Seen {
    told: Vec<Told>,
    wrong: Vec<String>,
    rule: Rule,
    key: Vec<u8>,
    /// Where a commit must lie before anybody is told of it.
    archive: Option<PathBuf>,
}

pub struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _stop: DropGuard,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// One that takes everything, if it is signed with [`SECRET`].
    pub async fn new() -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            told: Vec::new(),
            wrong: Vec::new(),
            rule: Box::new(|_| Answer::Take),
            key: STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap(),
            archive: None,
        }));
        let stop = CancellationToken::new();
        let (shared, ending) = (Arc::clone(&seen), stop.clone());
        let listening = RUNTIME.spawn(async move {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            RUNTIME.spawn(ending.run_until_cancelled_owned(listen(listener, shared)));
            address
        });
        Self {
            address: listening.await.unwrap(),
            seen,
            _stop: stop.drop_guard(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks/canary-path", self.address)
    }

    /// How it answers from now on.
    pub fn answer(&self, rule: impl Fn(&Told) -> Answer + Send + 'static) {
        lock(&self.seen).rule = Box::new(rule);
    }

    /// Commits must lie in this directory by the time that it is told of them.
    pub fn look_into(&self, archive: PathBuf) {
        lock(&self.seen).archive = Some(archive);
    }

    /// Every message so far. Panics if one was not signed as it should be, or told of what is not in the archive.
    pub fn told(&self) -> Vec<Told> {
        let seen = lock(&self.seen);
        assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        seen.told.clone()
    }

    /// The numbers of a target's commits that it took, in the order in which it took them.
    pub fn taken(&self, target: &str) -> Vec<u64> {
        let took = |told: &Told| matches!(told.answer, Answer::Take | Answer::Long);
        let told = self.told();
        let taken = told.iter().filter(|told| told.target() == target && took(told));
        taken.map(Told::number).collect()
    }

    /// It took every commit of a target from that number on, in order, and was told the same each time.
    pub fn assert_taken(&self, target: &str, numbers: std::ops::Range<u64>) {
        let taken = self.taken(target);
        let mut next = numbers.start;
        for number in &taken {
            assert!(*number <= next, "{number} before {next}: {taken:?}");
            next = next.max(number + 1);
        }
        assert_eq!(next, numbers.end, "{taken:?}");
        let mut by_id: BTreeMap<String, Bytes> = BTreeMap::new();
        for told in self.told() {
            let first = by_id.entry(told.id).or_insert_with(|| told.raw.clone());
            assert_eq!(*first, told.raw, "the same id, another message");
        }
    }
}

async fn listen(listener: TcpListener, seen: Arc<Mutex<Seen>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
        let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        RUNTIME.spawn(async move {
            // A connection that is cut off is an error, as it should be.
            let _ = serving.await;
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cut off")]
struct CutOff;

impl From<Infallible> for CutOff {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

async fn answer(request: Request<Incoming>, seen: Arc<Mutex<Seen>>) -> Result<Response<Full<Bytes>>, CutOff> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(CutOff);
    };
    let raw = body.to_bytes();
    let header = |name: &str| {
        let value = head.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let mut told = Told {
        id: header("webhook-id"),
        signature: header("webhook-signature"),
        timestamp: header("webhook-timestamp").parse().unwrap_or_default(),
        body: serde_json::from_slice(&raw).unwrap_or_default(),
        raw,
        answer: Answer::Take,
    };
    let answer = {
        let mut seen = lock(&seen);
        if let Err(problem) = seen.check(&told) {
            seen.wrong.push(problem);
        }
        if head.method != hyper::Method::POST || head.uri.path() != "/hooks/canary-path" {
            seen.wrong.push(format!("{} {}", head.method, head.uri));
        }
        told.answer = (seen.rule)(&told);
        seen.told.push(told.clone());
        told.answer
    };
    let reply = |status: u16, body: Vec<u8>| {
        let reply = Response::builder().status(status);
        reply.body(Full::new(Bytes::from(body))).unwrap()
    };
    match answer {
        Answer::Take => Ok(reply(204, Vec::new())),
        Answer::Status(status) => Ok(reply(status, b"whatever".to_vec())),
        Answer::Header(status, name, value) => {
            let mut reply = reply(status, Vec::new());
            let name = header::HeaderName::from_static(name);
            reply.headers_mut().insert(name, value.parse().unwrap());
            Ok(reply)
        }
        Answer::Hang => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Err(CutOff)
        }
        Answer::CutOff => Err(CutOff),
        Answer::Long => Ok(reply(200, vec![b'x'; 4 << 20])),
    }
}

impl Seen {
    fn check(&self, told: &Told) -> Result<(), String> {
        let signed = [
            told.id.as_bytes(),
            b".",
            told.timestamp.to_string().as_bytes(),
            b".",
            &told.raw,
        ]
        .concat();
        let expected = format!("v1,{}", STANDARD.encode(hmac(&self.key, &signed)));
        if !told.signature.split(' ').any(|signature| signature == expected) {
            return Err(format!("{}: wrongly signed: {}", told.id, told.signature));
        }
        if told.id.contains('.') || told.body["type"].as_str().is_none() {
            return Err(format!("{}: {}", told.id, told.body));
        }
        let Some(archive) = &self.archive else {
            return Ok(());
        };
        if told.body["type"] == "commit.created" {
            let key = told.body["data"]["key"].as_str().unwrap_or_default();
            let there = std::fs::read(archive.join(key)).map_err(|error| format!("{key}: {error}"))?;
            let record: Value = serde_json::from_slice(&there).map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&told.raw).into_owned();
            let line = String::from_utf8_lossy(&there).trim_end().to_owned();
            if record != told.body["data"]["commit"] || !text.contains(&line) {
                return Err(format!("{key}: what was told is not what is there"));
            }
        }
        Ok(())
    }
}

/// As RFC 2104 writes it.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::digest([&pad(0x36)[..], message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}
