//! For tests: a listener that answers as a test says, and archives on it that speak as S3, Azure and Google Cloud do.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use object_store::{
    BackoffConfig, ObjectStore, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{Archive, wire::Connector};
use crate::client::ClientSettings;

/// A request's head and body, and how many came before it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) earlier: usize,
    pub(super) text: String,
}

impl Seen {
    pub(super) fn is(&self, method: &str) -> bool {
        self.text.starts_with(&format!("{method} "))
    }
}

/// A reply with a length. No reply, or one with `Connection: close`, ends the connection.
pub(super) fn reply(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// As S3 and Google Cloud Storage refuse.
pub(super) fn refuse(status: u16, code: &str, message: &str) -> Vec<u8> {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    let body = format!(
        "{xml}\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>"
    );
    reply(status, "Content-Type: application/xml\r\n", body)
}

/// As S3 gives an object.
pub(super) fn object(body: &str) -> Vec<u8> {
    reply(
        200,
        "ETag: \"1\"\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n",
        body,
    )
}

/// As S3 takes an object.
pub(super) fn taken() -> Vec<u8> {
    reply(200, "ETag: \"1\"\r\n", "")
}

type Script = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(script: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.spawn(serve(stream, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// Every request so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket `acme`, with a key.
    pub(super) fn s3(&self) -> Archive {
        let store = s3_builder(&self.url()).build().unwrap();
        archive(Arc::new(store), "s3://acme/audit")
    }

    /// The container `acme`, with a key.
    pub(super) fn azure(&self) -> Archive {
        let store = MicrosoftAzureBuilder::new()
            .with_account("account")
            .with_access_key("c2VjcmV0")
            .with_container_name("acme")
            .with_endpoint(format!("{}/account", self.url()))
            .with_allow_http(true)
            .with_retry(retry())
            .with_http_connector(connector(Duration::from_secs(2)))
            .build()
            .unwrap();
        archive(Arc::new(store), "az://acme/audit")
    }
}

fn archive(store: Arc<dyn ObjectStore>, place: &str) -> Archive {
    Archive::from_store(store, place)
}

pub(super) fn s3_builder(endpoint: &str) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_bucket_name("acme")
        .with_region("us-east-1")
        .with_access_key_id("AKIAEXAMPLE")
        .with_secret_access_key("secret")
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_retry(retry())
        .with_http_connector(connector(Duration::from_secs(2)))
}

/// One retry, soon.
pub(super) fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(2),
            max_backoff: Duration::from_millis(4),
            base: 2.0,
        },
        max_retries: 1,
        retry_timeout: Duration::from_secs(5),
    }
}

pub(super) fn connector(timeout: Duration) -> Connector {
    Connector::new(
        ClientSettings {
            ca_file: None,
            proxy: None,
            proxy_excludes: None,
            timeout: Some(timeout),
            idle_timeout: None,
            connect_timeout: Duration::from_secs(1),
        },
        Vec::new(),
    )
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, log: Arc<Mutex<Vec<String>>>) {
    while let Some(text) = request(&mut stream).await {
        let earlier = {
            let mut log = log.lock().unwrap();
            log.push(text.clone());
            log.len() - 1
        };
        let answer = script(&Seen { earlier, text });
        let last = answer.is_empty() || String::from_utf8_lossy(&answer).contains("Connection: close");
        if stream.write_all(&answer).await.is_err() || last {
            return;
        }
    }
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
