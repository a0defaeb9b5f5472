//! One fault after another, against a server that answers as told.

mod advice;

use std::{io::Write as _, time::Duration};

use super::*;
use crate::{
    error::{Action, Chain},
    source::scripted::{Seen, Server, Step, Steps, open, raw, reply},
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const GOOD: &str = r#"{"auditEvents":[]}"#;

fn read(body: Bytes) -> Result<String, serde_json::Error> {
    serde_json::from_slice::<serde_json::Value>(&body).map(|json| json.to_string())
}

impl NotExpected for String {
    fn is_limit(&self) -> bool {
        self.contains("too much")
    }
}

fn connect(server: &Server) -> Connection {
    open(&server.settings(), Clock::system())
}

async fn ask(connection: &Connection) -> Result<Reply<String>, HttpError> {
    let url = connection
        .url()
        .join("acme/orgaudit_/api/query/events?userIds=ann")
        .unwrap();
    connection.get("acme", &url, read).await
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

type Fault = (&'static str, fn() -> Steps);

/// Fails once as told, then answers well.
async fn failing_once(fault: fn() -> Steps) -> Server {
    Server::with_tokens(move |seen| {
        if seen.earlier == 0 {
            fault()
        } else {
            reply(200, "", GOOD)
        }
    })
    .await
}

#[tokio::test]
async fn a_request_shows_its_token_and_what_it_expects() {
    let date = "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Encoding: gzip\r\n";
    let server = Server::with_tokens(move |_| reply(200, date, gzip(GOOD.as_bytes()))).await;
    let connection = connect(&server);
    let got = ask(&connection).await.unwrap();
    assert_eq!((got.body.as_str(), got.tries), (GOOD, 1));
    assert_eq!(got.date.unwrap().to_rfc3339(), "2026-11-21T10:00:00+00:00");
    let request = server.seen(false).remove(0).to_ascii_lowercase();
    assert!(
        request.starts_with("get /acme/orgaudit_/api/query/events?userids=ann http/1.1\r\n"),
        "{request}"
    );
    for header in [
        "accept: application/json",
        "content-type: application/json",
        "accept-encoding: gzip",
        "authorization: bearer tok-0",
        concat!("user-agent: uipath-audit-exporter/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(request.lines().any(|line| line == header), "{header}: {request}");
    }
    assert!(!request.contains("referer"));
    assert_eq!(
        connection.stats(),
        Stats {
            requests: 2,
            retries: 0,
            throttled: 0
        }
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let faults: Vec<Fault> = vec![
        ("cut off", || {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_owned();
            vec![raw(head, "{\"audit")]
        }),
        ("cut off between chunks", || {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
            vec![raw(head, "5\r\n{\"aud\r\n")]
        }),
        ("408", || reply(408, "", "")),
        ("429", || reply(429, "", "")),
        ("500", || reply(500, "", "{}")),
        ("503", || reply(503, "Retry-After: 0\r\n", "no healthy upstream")),
        ("504 with an endless page", || {
            vec![
                raw("HTTP/1.1 504 X\r\n\r\n".to_owned(), ""),
                Step::Repeat(b"<p>".to_vec(), MS(1)),
            ]
        }),
        ("599", || reply(599, "", [0xff, 0xfe])),
        ("closed before the reply", Vec::new),
        ("no http", || vec![Step::Send(b"SSH-2.0-OpenSSH\r\n".to_vec())]),
        ("a page", || {
            reply(200, "Content-Type: text/html\r\n", "<html><title>Sign in</title>")
        }),
        ("nothing", || reply(200, "", "")),
        ("no json", || reply(200, "", "{\"auditEvents\":[")),
        ("not the coding asked for", || {
            reply(200, "Content-Encoding: br\r\n", GOOD)
        }),
        ("half a gzip", || {
            reply(200, "Content-Encoding: gzip\r\n", &gzip(GOOD.as_bytes())[..20])
        }),
        ("idle", || {
            vec![
                raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned(), "{"),
                Step::Wait(MS(3000)),
            ]
        }),
        ("silent", || vec![Step::Wait(MS(3000))]),
        ("drip", || {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n".to_owned();
            vec![raw(head, ""), Step::Repeat(b" ".to_vec(), MS(20))]
        }),
    ];
    let mut all: Vec<_> = Vec::new();
    for (name, fault) in faults {
        all.push((name, failing_once(fault).await));
    }
    let asked = all.iter().map(|(name, server)| async move {
        let connection = connect(server);
        let got = ask(&connection)
            .await
            .unwrap_or_else(|error| panic!("{name}: {}", Chain(&error)));
        assert_eq!((got.body.as_str(), got.tries), (GOOD, 2), "{name}");
        assert_eq!(server.counts(), (2, 1), "{name}");
        assert_eq!(connection.stats().retries, 1, "{name}");
    });
    futures::future::join_all(asked).await;
}

#[tokio::test]
async fn a_reader_that_quotes_people_is_not_quoted() {
    let server = Server::with_tokens(|_| reply(200, "", r#"{"auditEvents":"ann@acme.example"}"#)).await;
    let connection = connect(&server);
    let wrong = |body: Bytes| Err::<(), _>(String::from_utf8_lossy(&body).into_owned());
    let error = connection.get("acme", connection.url(), wrong).await.unwrap_err();
    assert!(
        Chain(&error).to_string().ends_with("not the expected JSON: ***"),
        "{}",
        Chain(&error)
    );
    assert_eq!((server.counts().0, error.action()), (6, Action::NextTick));
}

#[tokio::test]
async fn six_tries_are_the_most() {
    let server = Server::with_tokens(|_| reply(503, "x-request-id: r7\r\n", "no healthy upstream")).await;
    let error = ask(&connect(&server)).await.unwrap_err();
    assert_eq!(server.counts(), (6, 1));
    assert_eq!(error.action(), Action::NextTick);
    let port = server.url("");
    let expected = format!(
        ": ask `{port}acme/orgaudit_/api/query/events`: \
         status 503: no healthy upstream (trace id `r7`)"
    );
    let said = Chain(&error).to_string();
    assert!(
        said.starts_with("get an answer in 6 tries and 0.") && said.ends_with(&expected),
        "{said}"
    );
}

#[tokio::test]
async fn the_budget_ends_the_tries_before() {
    let server = Server::with_tokens(|_| vec![Step::Wait(MS(9000))]).await;
    let error = ask(&connect(&server)).await.unwrap_err();
    // 400 ms a try, tries begin within a second.
    assert!((2..=3).contains(&server.counts().0), "{:?}", server.counts());
    assert!(
        matches!(error, HttpError::GaveUp { tries: 2..=3, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_cannot_pass_is_asked_once() {
    let cases = [
        (302, Action::NextTick),
        (304, Action::NextTick),
        (400, Action::Stop),
        (403, Action::Stop),
        (404, Action::Stop),
        (405, Action::Stop),
        (409, Action::NextTick),
        (410, Action::NextTick),
        (415, Action::Stop),
    ];
    for (status, action) in cases {
        let server = Server::with_tokens(move |_| reply(status, "", r#"{"detail":"because"}"#)).await;
        let error = ask(&connect(&server)).await.unwrap_err();
        assert_eq!((server.counts(), error.action()), ((1, 1), action), "{status}");
        assert_eq!(error.hint().is_some(), status != 409 && status != 410, "{status}");
        let said = Chain(&error).to_string();
        assert!(
            status < 400 || said.ends_with(&format!("status {status}: because")),
            "{said}"
        );
        assert!(!said.contains("userIds") && !said.contains("tok-"), "{said}");
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let other = Server::start(|_| reply(200, "", GOOD)).await;
    let to = other.url("login?token=1");
    let server = Server::with_tokens(move |seen: &Seen| {
        reply(
            if seen.earlier == 0 { 302 } else { 307 },
            &format!("Location: {to}\r\n"),
            "",
        )
    });
    let server = server.await;
    let connection = connect(&server);
    for _ in 0..2 {
        let said = ask(&connection).await.unwrap_err().to_string();
        let origin = other.url("").origin().ascii_serialization();
        assert!(
            said.contains(&format!("`{origin}`")) && !said.contains("login"),
            "{said}"
        );
    }
    assert_eq!((other.counts(), server.counts()), ((0, 0), (2, 1)));
}

#[tokio::test]
async fn the_token_never_leaves_its_origin() {
    let other = Server::start(|_| reply(200, "", GOOD)).await;
    let server = Server::with_tokens(|_| reply(200, "", GOOD)).await;
    let connection = connect(&server);
    let mut with_user = server.url("acme");
    with_user.set_username("ann").unwrap();
    let mut https = server.url("acme");
    https.set_scheme("https").unwrap();
    for url in [other.url("acme?q=1"), with_user, https] {
        let error = connection.get("acme", &url, read).await.unwrap_err();
        assert!(matches!(error, HttpError::Foreign { .. }), "{error:?}");
        assert_eq!(error.action(), Action::NextTick);
    }
    assert_eq!((other.counts(), server.counts()), ((0, 0), (0, 0)));
}

#[tokio::test]
async fn bodies_over_a_limit_end_it_at_once() {
    let endless = || {
        let head = raw("HTTP/1.1 200 OK\r\n\r\n".to_owned(), "[");
        vec![head, Step::Repeat(vec![b' '; 4 << 20], Duration::ZERO)]
    };
    let server = Server::with_tokens(move |_| endless()).await;
    // The default patience: a busy machine may need a while for 64 MiB.
    let connection = Connection::open(&server.settings(), Clock::system(), Arc::default()).unwrap();
    let error = ask(&connection).await.unwrap_err();
    assert!(
        Chain(&error)
            .to_string()
            .ends_with("over the limit of 67108864 bytes"),
        "{}",
        Chain(&error)
    );
    assert_eq!((server.counts().0, error.action()), (1, Action::NextTick));

    let server =
        Server::with_tokens(|_| reply(200, "Content-Encoding: gzip\r\n", gzip(&vec![b' '; 4 << 20]))).await;
    let error = ask(&connect(&server)).await.unwrap_err();
    assert!(
        Chain(&error).to_string().ends_with("which is over the limit"),
        "{}",
        Chain(&error)
    );
    assert_eq!((server.counts().0, error.action()), (1, Action::NextTick));
}

#[tokio::test]
async fn a_401_is_worth_one_fresh_token() {
    let old = |seen: &Seen| seen.text.to_ascii_lowercase().contains("bearer tok-0");
    let server = Server::with_tokens(move |seen| reply(if old(seen) { 401 } else { 200 }, "", GOOD)).await;
    let connection = connect(&server);
    assert_eq!(ask(&connection).await.unwrap().tries, 2);
    assert_eq!(ask(&connection).await.unwrap().tries, 1);
    assert_eq!(server.counts(), (3, 2));
}

#[tokio::test]
async fn a_second_401_needs_a_person() {
    let challenge = "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n";
    let server = Server::with_tokens(move |_| reply(401, challenge, "")).await;
    let connection = connect(&server);
    let error = ask(&connection).await.unwrap_err();
    assert_eq!((server.counts(), error.action()), ((2, 2), Action::Stop));
    assert!(
        error
            .to_string()
            .ends_with(r#"status 401: Bearer error="insufficient_scope""#),
        "{error}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`PM.Audit.Read` as an application scope")
    );
    let all = (0..4).map(|_| ask(&connection));
    assert!(futures::future::join_all(all).await.iter().all(Result::is_err));
    // All four were shown out with the same token, and shared the next.
    assert_eq!(server.counts(), (2 + 8, 3));
}

#[tokio::test]
async fn retry_after_is_obeyed_in_both_forms() {
    let by_date = "Date: Tue, 01 Jan 2019 00:00:00 GMT\r\nRetry-After: Tue, 01 Jan 2019 00:00:01 GMT\r\n";
    for (status, header, at_least) in [(429, "Retry-After: 0.3\r\n", MS(300)), (503, by_date, MS(1000))] {
        let server = Server::with_tokens(move |seen| match seen.earlier {
            0 => reply(status, header, ""),
            _ => reply(200, "", GOOD),
        });
        let server = server.await;
        let mut settings = server.settings();
        settings.retry_for = MS(5000);
        let connection = open(&settings, Clock::system());
        let begun = std::time::Instant::now();
        assert_eq!(ask(&connection).await.unwrap().tries, 2);
        assert!(begun.elapsed() >= at_least, "{header}: {:?}", begun.elapsed());
        assert_eq!(connection.stats().throttled, 1);
    }
}

#[tokio::test]
async fn a_wait_beyond_the_budget_fails_at_once_and_holds_for_all() {
    let server =
        Server::with_tokens(|_| reply(429, "Retry-After: 120\r\n", r#"{"message":"slow down"}"#)).await;
    let connection = connect(&server);
    let error = ask(&connection).await.unwrap_err();
    let said = Chain(&error).to_string();
    assert!(said.starts_with("wait 120 s as the server asks: only "), "{said}");
    assert!(said.ends_with("status 429: slow down"), "{said}");
    assert_eq!(error.action(), Action::NextTick);
    let other = tokio::time::timeout(MS(100), ask(&connection)).await;
    assert!(other.is_err());
    assert_eq!(server.counts(), (1, 1));
}

#[tokio::test]
async fn a_host_that_does_not_listen_is_tried_and_hinted_at() {
    let server = Server::with_tokens(|_| reply(200, "", GOOD)).await;
    let mut settings = server.settings();
    drop(server);
    settings.retry_for = MS(100);
    let error = ask(&open(&settings, Clock::system())).await.unwrap_err();
    assert_eq!(error.action(), Action::NextTick);
    assert!(error.hint().unwrap().contains("firewalls"), "{}", Chain(&error));
}
