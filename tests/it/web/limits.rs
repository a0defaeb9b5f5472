//! Clients that do not behave: they cost little, and keep nobody else from being answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uipath_audit_exporter::{
    clock::Clock,
    web::{self, Sources, Web},
};

use super::{
    Answer, ask,
    gallery::{Gallery, few, now},
    get, talk,
};

const SOON: Duration = Duration::from_secs(20);

async fn is_well(address: SocketAddr) {
    let answer = timeout(Duration::from_secs(2), get(address, "/livez")).await;
    assert_eq!(answer.expect("an answer within two seconds").status, 200);
}

#[tokio::test]
async fn it_can_only_be_read() {
    let gallery = Gallery::of(few()).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROBNICATE"] {
        let answer = ask(gallery.address, method, "/", "").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    // Bodies are not read, however long.
    let more = "content-length: 99999999999\r\nexpect: 100-continue\r\n";
    assert_eq!(ask(gallery.address, "POST", "/", more).await.status, 405);
    assert_eq!(
        ask(gallery.address, "GET", "/livez", "content-length: 3\r\n")
            .await
            .status,
        200
    );
    is_well(gallery.address).await;
}

#[tokio::test]
async fn strange_requests_are_refused_and_strange_paths_lead_nowhere() {
    let gallery = Gallery::of(few()).await;
    let (address, port) = (gallery.address, gallery.address.port());
    for path in [
        "/../etc/passwd",
        "/targets/../../etc/passwd",
        "/targets/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/targets/",
        "/targets/acme/",
        "/icon-../../x.svg",
        "//evil.example/",
        "/style.css/",
        "/API/STATUS",
        "/%00",
    ] {
        let answer = get(address, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
    let status = async |request: String| Answer::of(&talk(address, request.as_bytes()).await).status;
    assert_eq!(status("GET /livez HTTP/1.0\r\n\r\n".to_owned()).await, 200);
    assert_eq!(
        status("GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned()).await,
        400
    );
    let whole = |host: &str| {
        format!("GET http://{host}/livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    };
    assert_eq!(status(whole(&format!("127.0.0.1:{port}"))).await, 200);
    assert_eq!(status(whole("evil.example")).await, 421);
    for (host, expected) in [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("evil.example", 421),
        ("evil.example:80", 421),
    ] {
        let answer = ask(address, "GET", "/api/status", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer.status, expected, "{host}");
    }
    for nonsense in [
        "\r\n\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let said = talk(address, nonsense.as_bytes()).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 400"),
            "{nonsense:?}: {said}"
        );
    }
    is_well(address).await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let gallery = Gallery::of(few()).await;
    let long = format!("x: {}\r\n", "a".repeat(64 * 1024));
    let many = "x: y\r\n".repeat(500);
    for more in [long, many] {
        let answer = ask(gallery.address, "GET", "/livez", &more).await;
        assert_eq!(answer.status, 431);
    }
    let path = format!("/{}", "a".repeat(64 * 1024));
    let said = talk(
        gallery.address,
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(
        ["HTTP/1.1 414", "HTTP/1.1 431"]
            .iter()
            .any(|status| said.starts_with(status)),
        "{said:.80}"
    );
    is_well(gallery.address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_that_never_finish_keep_no_probe_from_its_answer() {
    let gallery = Gallery::of(few()).await;
    let mut slow = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(gallery.address).await.unwrap();
        // Whoever was closed meanwhile cannot be written to.
        let _ = stream
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nx-never: ")
            .await;
        slow.push(stream);
        if number % 100 == 99 {
            is_well(gallery.address).await;
        }
        // The system's limit of open files is for all tests.
        if slow.len() > 200 {
            slow.remove(0);
        }
    }
    is_well(gallery.address).await;
    // All of them are closed in the end, without a word from them.
    for mut stream in slow {
        let mut rest = Vec::new();
        let closed = timeout(SOON, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a connection stays open");
    }
    is_well(gallery.address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_ask_and_never_read_keep_nobody_else_from_reading() {
    let gallery = Gallery::crowded(1_000).await;
    let mut deaf = Vec::new();
    for _ in 0..80 {
        let mut stream = TcpStream::connect(gallery.address).await.unwrap();
        let asking = "GET /api/status HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(50);
        let _ = stream.write_all(asking.as_bytes()).await;
        deaf.push(stream);
    }
    is_well(gallery.address).await;
    assert_eq!(get(gallery.address, "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_at_once_whatever_is_open() {
    let sources = Sources {
        status: Arc::new(|| None),
        coverage: Arc::new(|_, _| Box::pin(async { None })),
        metrics: Arc::new(|| "x".repeat(64 << 20)),
        alive: Arc::new(Vec::new),
        ready: Arc::new(Vec::new),
    };
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let web = Arc::new(Web::new(Clock::from_fn(now), true, Vec::new(), sources));
    tasks.spawn(web::serve(listener, web, stop.clone()));
    assert_eq!(get(address, "/").await.status, 503);
    let mut open = Vec::new();
    for said in ["", "GET /", "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        open.push(stream);
    }
    is_well(address).await;
    let began = Instant::now();
    stop.cancel();
    tasks.close();
    timeout(SOON, tasks.wait()).await.expect("the server to end");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn metrics_that_wait_for_a_file_keep_nobody_else_waiting() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let sources = Sources {
        status: Arc::new(|| None),
        coverage: Arc::new(|_, _| Box::pin(async { None })),
        metrics: Arc::new(move || {
            let _ = wait.lock().unwrap().recv_timeout(SOON);
            "told 1\n".to_owned()
        }),
        alive: Arc::new(Vec::new),
        ready: Arc::new(Vec::new),
    };
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let web = Arc::new(Web::new(Clock::from_fn(now), true, Vec::new(), sources));
    tasks.spawn(web::serve(listener, web, stop.clone()));
    let asking = tasks.spawn(get(address, "/metrics"));
    // One thread runs all this: whoever blocked it would be seen.
    for _ in 0..20 {
        is_well(address).await;
    }
    assert!(!asking.is_finished());
    go.send(()).unwrap();
    let answer = asking.await.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "told 1\n"));
    stop.cancel();
    tasks.close();
    timeout(SOON, tasks.wait()).await.expect("the server to end");
}
