//! A client that knows no more HTTP than it needs: one request per connection, read to its end.

use std::collections::HashMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Simulator;
use crate::json::{Node, member, parse, text};
use crate::truth::one_line;

/// A reply, unpacked from its framing.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
    /// Whether the body is as long as was promised.
    pub(super) whole: bool,
}

/// Sends a request and reads to the end of the connection; an error where there is no reply.
pub(super) async fn send(simulator: &Simulator, head: &str, body: &str) -> std::io::Result<Got> {
    let mut socket = TcpStream::connect(simulator.address()).await?;
    let host = simulator.address();
    let request = format!(
        "{head}\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    let ended = socket.read_to_end(&mut bytes).await;
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        ended?;
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: HashMap<String, String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let rest = &bytes[end + 4..];
    let (body, whole) = if headers.contains_key("transfer-encoding") {
        unchunk(rest)
    } else {
        // Without a length the body ends with the connection.
        let length = headers
            .get("content-length")
            .map(|length| length.parse().unwrap());
        (
            rest.to_vec(),
            length.is_none_or(|length: usize| rest.len() == length),
        )
    };
    Ok(Got {
        status,
        headers,
        body,
        whole,
    })
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else {
            return (body, false);
        };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
}

/// GET with the static token.
pub(super) async fn get(simulator: &Simulator, target: &str) -> std::io::Result<Got> {
    send(
        simulator,
        &format!("GET {target} HTTP/1.1\r\nAuthorization: Bearer pat\r\nContent-Type: application/json"),
        "",
    )
    .await
}

/// A page, taken apart without reading values.
#[derive(Debug)]
pub(super) struct Page {
    /// Each event without line breaks.
    pub(super) events: Vec<Vec<u8>>,
    pub(super) next: Option<String>,
    pub(super) previous: Option<String>,
}

pub(super) fn page(body: &[u8]) -> Page {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let events = member(body, "auditEvents").expect("a page has events");
    let link = |name| member(body, name).and_then(text).filter(|link| !link.is_empty());
    Page {
        events: elements(events),
        next: link("next"),
        previous: link("previous"),
    }
}

/// The texts of an array's elements.
pub(super) fn elements(array: &[u8]) -> Vec<Vec<u8>> {
    let array = one_line(array);
    let Some(Node::Array(nodes)) = parse(&array) else {
        panic!("no array")
    };
    let mut at = 1;
    nodes
        .iter()
        .map(|_| {
            while matches!(array[at], b' ' | b'\t' | b',') {
                at += 1;
            }
            // Wrapped as a member so that its end is found without knowing what it is.
            let rest = [b"{\"x\":".as_slice(), &array[at..]].concat();
            let element = member(&rest, "x").unwrap().to_vec();
            at += element.len();
            element
        })
        .collect()
}

/// The path and query a link means, seen from the page it stands on.
pub(super) fn resolve(simulator: &Simulator, target: &str, link: &str) -> String {
    let base = url::Url::parse(&simulator.url()).unwrap().join(target).unwrap();
    let url = base.join(link).unwrap();
    assert_eq!(
        url.port(),
        Some(simulator.address().port()),
        "{link} leads elsewhere"
    );
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Walks from a first page to the end, whichever way it leads, and gives the events as they came.
pub(super) async fn walk(simulator: &Simulator, first: &str) -> Vec<Vec<u8>> {
    let mut target = first.to_owned();
    let mut events = Vec::new();
    let mut forward = None;
    for _ in 0..10_000 {
        let got = get(simulator, &target).await.unwrap();
        assert_eq!(
            got.status,
            200,
            "{target}: {}",
            String::from_utf8_lossy(&got.body)
        );
        let page = page(&got.body);
        events.extend(page.events);
        let forward = *forward.get_or_insert(page.previous.is_none() && page.next.is_some());
        match if forward { page.next } else { page.previous } {
            Some(link) => target = resolve(simulator, &target, &link),
            None => return events,
        }
    }
    panic!("the walk does not end");
}
