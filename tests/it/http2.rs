//! HTTP/2, where a server offers it over TLS: one connection for all targets, and windows wide enough for a long way.
//!
//! The certificates beside this file are of an authority that nobody trusts, valid for a hundred years.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::Full;
use hyper::{
    Request, Response, Version,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Barrier, Notify},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};
use uipath_audit_exporter::{
    clock::Clock,
    secret::SecretRef,
    settings::{AuthSettings, ConnectionSettings, Platform},
    source::http::Connection,
    target::TargetName,
};

/// A page as large as 200 events make it.
const PAGE: usize = 200 << 10;
const AT_ONCE: usize = 16;
const LONG: Duration = Duration::from_secs(30);

fn material(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/http2")
        .join(name)
}

/// What the server has seen, and what it waits for.
struct Seen {
    connections: AtomicUsize,
    versions: Mutex<Vec<Version>>,
    /// Large pages are answered once so many were asked for.
    asked: Barrier,
    /// From then on nothing that the client sends gets through.
    is_cut: AtomicBool,
    cut: Notify,
}

struct Server {
    seen: Arc<Seen>,
    port: u16,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Speaks the first of these protocols that the client does too.
    async fn start(protocols: &[&str]) -> Self {
        let certificates = CertificateDer::pem_file_iter(material("localhost.pem")).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(material("localhost.key")).unwrap();
        let mut tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let tls = TlsAcceptor::from(Arc::new(tls));
        let seen = Arc::new(Seen {
            connections: AtomicUsize::new(0),
            versions: Mutex::default(),
            asked: Barrier::new(AT_ONCE),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        let log = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                served.spawn(serve(client, tls.clone(), Arc::clone(&log)));
            }
        });
        Self {
            seen,
            port,
            _tasks: tasks,
        }
    }

    fn connect(&self) -> Connection {
        let settings = ConnectionSettings {
            name: "cloud".to_owned(),
            platform: Platform::AutomationSuite,
            url: format!("https://localhost:{}/", self.port).parse().unwrap(),
            ca_file: Some(material("authority.pem")),
            client_certificate: None,
            proxy: None,
            max_concurrent_requests: AT_ONCE,
            max_requests_per_second: 0.0,
            retry_for: Duration::ZERO,
            auth: AuthSettings::Bearer {
                token: SecretRef::Env("PATH".to_owned()),
            },
        };
        Connection::open(&settings, Clock::system(), Arc::default()).unwrap()
    }

    fn versions(&self) -> Vec<Version> {
        self.seen.versions.lock().unwrap().clone()
    }
}

/// One connection, with a way to it that can be cut.
async fn serve(client: TcpStream, tls: TlsAcceptor, seen: Arc<Seen>) {
    seen.connections.fetch_add(1, Ordering::Relaxed);
    let way = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = way.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), way.accept());
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = near.unwrap().into_split();
    let log = Arc::clone(&seen);
    let service = service_fn(move |request| answer(request, Arc::clone(&log)));
    let http = async {
        let Ok(socket) = tls.accept(far.unwrap().0).await else {
            return;
        };
        let is_h2 = socket.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(socket);
        if is_h2 {
            let http = http2::Builder::new(TokioExecutor::new());
            drop(http.serve_connection(io, service).await);
        } else {
            drop(http1::Builder::new().serve_connection(io, service).await);
        }
    };
    tokio::join!(
        http,
        forward(from_client, to_server, &seen),
        backward(from_server, to_client)
    );
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: &Seen) {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read.unwrap_or(0),
            () = seen.cut.notified() => 0,
        };
        if seen.is_cut.load(Ordering::Relaxed) {
            // Held, not closed.
            return std::future::pending().await;
        }
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

async fn backward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    drop(copy(&mut from, &mut to).await);
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, Infallible> {
    seen.versions.lock().unwrap().push(request.version());
    let length = if request.uri().path().contains("large") {
        seen.asked.wait().await;
        seen.is_cut.store(true, Ordering::Relaxed);
        seen.cut.notify_one();
        PAGE
    } else {
        10
    };
    let body = format!("\"{}\"", "x".repeat(length - 2));
    Ok(Response::new(Full::new(Bytes::from(body))))
}

/// So many requests at once, by different targets of one connection: how long their bodies are together.
async fn ask(connection: &Connection, path: &str, count: usize) -> usize {
    let read = |body: Bytes| serde_json::from_slice::<String>(&body).map(|text| text.len() + 2);
    let url = connection.url().join(path).unwrap();
    let all = (0..count).map(|number| {
        let (name, url) = (format!("target-{number}"), &url);
        async move {
            let own = connection.of(&name.parse::<TargetName>().unwrap());
            own.get("acme", url, read).await.unwrap().body
        }
    });
    let all = timeout(LONG, join_all(all)).await.expect("all are answered");
    all.into_iter().sum()
}

#[tokio::test]
async fn sixteen_pages_at_once_come_over_one_connection_without_waiting_for_its_windows() {
    let server = Server::start(&["h2", "http/1.1"]).await;
    let connection = server.connect();
    ask(&connection, "small", 1).await;
    for _ in 0..4 {
        ask(&connection, "small", AT_ONCE).await;
    }
    let before = server.seen.connections.load(Ordering::Relaxed);
    assert_eq!(before, 1, "all targets share one");
    // Once all are asked for, the server hears no more of the client: nothing about windows either.
    assert_eq!(ask(&connection, "large", AT_ONCE).await, AT_ONCE * PAGE);
    assert!(
        server
            .versions()
            .iter()
            .all(|version| *version == Version::HTTP_2)
    );
    assert_eq!(server.seen.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_server_without_http_2_is_asked_by_http_1_over_connections_that_are_kept() {
    let server = Server::start(&["http/1.1"]).await;
    let connection = server.connect();
    for _ in 0..5 {
        ask(&connection, "small", 4).await;
    }
    assert!(
        server
            .versions()
            .iter()
            .all(|version| *version == Version::HTTP_11)
    );
    let connections = server.seen.connections.load(Ordering::Relaxed);
    assert!(
        connections <= 4,
        "{connections} connections for 4 requests at once"
    );
}
