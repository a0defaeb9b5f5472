//! What is shown over HTTP: by the daemon, to clients that behave, to clients that do not, and in a browser.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

mod browser;
mod daemon;
mod gallery;
mod limits;
mod pages;

/// An answer, taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

/// Sends these bytes, and reads until the other end closes.
async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let talking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be refused before all is sent.
        let _ = stream.write_all(bytes).await;
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    };
    timeout(Duration::from_secs(30), talking)
        .await
        .expect("an end of the answer")
}

/// One request of its own connection; `more` are header lines, each with its end.
async fn ask(address: SocketAddr, method: &str, path: &str, more: &str) -> Answer {
    let host = if more.to_lowercase().contains("host:") {
        ""
    } else {
        "host: localhost\r\n"
    };
    let request = format!("{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{more}\r\n");
    Answer::of(&talk(address, request.as_bytes()).await)
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "").await
}
