//! Server-made files, from a server that answers as told.

use std::time::Duration;

use super::*;
use crate::{
    clock::Clock,
    error::{Action, Chain},
    source::{
        FileKind, classic,
        scripted::{Seen, Server, Steps, open, raw, reply},
        zip::tests::pack,
    },
    target::test_target,
};

const LIMITS: Limits = Limits {
    events: 1000,
    bytes: 1 << 20,
    bytes_of_an_instant: 1 << 20,
};
const FILE: &str = "CreatedOn,Name\r\n2026-03-01T10:00:00Z,\"a\r\nb\"\r\n2026-03-01T09:00:00Z,c\r\n";

fn download(server: &Server, api: Api) -> CsvDownload {
    let mut csv = CsvDownload::new(&test_target(api), open(&server.settings(), Clock::system()));
    (csv.most_rows, csv.newest) = (100, 20);
    csv
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn march() -> Window {
    Window::new(at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"))
}

async fn read(csv: &CsvDownload, span: Window) -> Result<Outcome, SourceError> {
    csv.read(span, LIMITS, &|_| ()).await
}

async fn slice(csv: &CsvDownload, span: Window) -> Slice {
    match read(csv, span).await.unwrap() {
        Outcome::Complete(slice) => slice,
        too_big => panic!("{too_big:?}"),
    }
}

/// A file of so many rows, the newest first; the oldest is of 09:00.
fn rows(count: u32) -> String {
    let row = |n: u32| format!("2026-03-01T09:{:02}:{:02}Z,x\n", n / 60, n % 60);
    let rows: String = (0..count).rev().map(row).collect();
    format!("CreatedOn,Name\n{rows}")
}

#[tokio::test]
async fn a_file_is_taken_byte_for_byte_and_told_in_whole_seconds() {
    let server = Server::with_tokens(|_| reply(200, "Content-Type: text/csv\r\n", FILE)).await;
    let csv = download(&server, Api::UnifiedCsv);
    let span = Window::new(at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00.250Z"));
    let slice = slice(&csv, span).await;
    let file = slice.file.unwrap();
    assert_eq!(
        (&file.bytes[..], file.rows, file.kind),
        (FILE.as_bytes(), 2, FileKind::Csv)
    );
    assert_eq!(file.first.as_deref(), Some("2026-03-01T09:00:00Z"));
    assert_eq!(file.last.as_deref(), Some("2026-03-01T10:00:00Z"));
    assert_eq!((slice.span, slice.pulled, slice.effort.requests), (march(), 2, 1));
    assert_eq!(slice.oldest, Some(span.from));
    let request = server.seen(false).remove(0);
    let question = "GET /acme/orgaudit_/api/query/downloadevents?from=2026-03-01T00%3A00%3A00Z&to=2026-03-02T00%3A00%3A00Z ";
    assert!(request.starts_with(question), "{request}");
    assert!(
        request.to_ascii_lowercase().contains("accept: text/csv"),
        "{request}"
    );
    assert_eq!(csv.received().load(Ordering::Relaxed), FILE.len() as u64);
}

type Framing = (&'static str, fn(&[u8], bool) -> Steps);

/// How a body may be framed; `cut`: the connection ends before the body does.
const FRAMINGS: [Framing; 3] = [
    ("length", |body, cut| {
        let length = if cut { FILE.len() } else { body.len() };
        vec![raw(
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"),
            body,
        )]
    }),
    ("chunks", |body, cut| {
        let end = if cut { "" } else { "0\r\n\r\n" };
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let text = std::str::from_utf8(body).unwrap();
        vec![raw(
            head.to_owned(),
            format!("{:x}\r\n{text}\r\n{end}", body.len()),
        )]
    }),
    ("the connection's end", |body, _| {
        vec![raw("HTTP/1.1 200 OK\r\n\r\n".to_owned(), body)]
    }),
];

#[tokio::test]
async fn a_file_that_is_cut_off_is_never_taken() {
    let cuts = [FILE.len() - 24, FILE.len() - 3, FILE.find("\r\nb").unwrap() + 1];
    for (name, framing) in FRAMINGS {
        for end in cuts {
            let cut_once = move |seen: &Seen| match seen.earlier {
                0 => framing(&FILE.as_bytes()[..end], true),
                _ => framing(FILE.as_bytes(), false),
            };
            let server = Server::with_tokens(cut_once).await;
            let file = slice(&download(&server, Api::UnifiedCsv), march())
                .await
                .file
                .unwrap();
            assert_eq!(file.bytes, FILE, "{name}, {end}");

            let ever_shorter =
                move |seen: &Seen| framing(&FILE.as_bytes()[..end - seen.earlier.min(9)], true);
            let server = Server::with_tokens(ever_shorter).await;
            let error = read(&download(&server, Api::UnifiedCsv), march())
                .await
                .unwrap_err();
            assert_eq!(
                error.action(),
                Action::NextTick,
                "{name}, {end}: {}",
                Chain(&error)
            );
            assert!(server.counts().0 >= 3, "{name}, {end}");
        }
    }
}

#[tokio::test]
async fn an_end_that_nothing_proves_is_proven_by_the_same_bytes_again() {
    let unframed = |_: &Seen| vec![raw("HTTP/1.1 200 OK\r\n\r\n".to_owned(), FILE)];
    let server = Server::with_tokens(unframed).await;
    assert_eq!(
        slice(&download(&server, Api::UnifiedCsv), march()).await.pulled,
        2
    );
    assert_eq!(server.counts().0, 2);

    let digest = "lGrZAEnkiJdDhCu8VtFBTA==";
    let wrong = format!("HTTP/1.1 200 OK\r\nContent-MD5: {digest}\r\n\r\n");
    let server = Server::with_tokens(move |_| vec![raw(wrong.clone(), FILE)]).await;
    let error = read(&download(&server, Api::UnifiedCsv), march())
        .await
        .unwrap_err();
    assert!(
        Chain(&error).to_string().contains("another digest"),
        "{}",
        Chain(&error)
    );

    // Nothing at all, even where it is framed, is asked for again; and the list beside it must have nothing either.
    for (events, fails) in [
        ("", false),
        (r#"{"id":"1","createdOn":"2026-02-01T00:00:00Z"}"#, false),
        (r#"{"id":"1","createdOn":"2026-03-01T00:00:00Z"}"#, true),
    ] {
        let list = format!(r#"{{"auditEvents":[{events}],"next":null,"previous":null}}"#);
        let server = Server::with_tokens(move |seen| {
            if seen.text.contains("/query/events?") {
                reply(200, "", &list)
            } else {
                reply(200, "", "")
            }
        })
        .await;
        match read(&download(&server, Api::UnifiedCsv), march()).await {
            Ok(Outcome::Complete(empty)) => {
                assert!(empty.file.is_none() && empty.pulled == 0 && !fails);
                assert_eq!(server.counts().0, 3);
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(fails && error.action() == Action::NextTick, "{}", Chain(&error));
                assert!(Chain(&error).to_string().contains("no rows"), "{}", Chain(&error));
            }
        }
    }
    // So must the count of the list beside a file of the newest records.
    let server = newest(String::new(), 3).await;
    let span = Window::new(at("2026-03-01T10:00:00Z"), at("2026-03-01T12:00:00Z"));
    let error = read(&download(&server, Api::ClassicCsv), span).await.unwrap_err();
    assert!(Chain(&error).to_string().contains("no rows"), "{}", Chain(&error));
}

#[tokio::test]
async fn pages_and_messages_are_no_files() {
    for body in ["<html>sign in</html>", r#"{"error":1}"#, "a,b\n1\n"] {
        let server = Server::with_tokens(move |_| reply(200, "", body)).await;
        let error = read(&download(&server, Api::UnifiedCsv), march())
            .await
            .unwrap_err();
        assert_eq!(error.action(), Action::NextTick, "{body}");
        assert!(error.hint().is_some(), "{body}");
        assert!(server.counts().0 >= 3, "{body}");
    }
}

#[tokio::test]
async fn an_archive_is_kept_as_it_is_and_its_rows_are_counted() {
    let archive = pack(&[("a.csv", rows(3).as_bytes()), ("b.csv", rows(2).as_bytes())]);
    let sent = archive.clone();
    let server = Server::with_tokens(move |_| reply(200, "", &sent)).await;
    let file = slice(&download(&server, Api::UnifiedCsv), march())
        .await
        .file
        .unwrap();
    assert_eq!(
        (file.bytes, file.kind, file.rows),
        (archive.into(), FileKind::Zip, 5)
    );
}

#[tokio::test]
async fn a_file_at_the_cap_is_asked_for_in_halves_and_a_second_at_the_cap_is_an_error() {
    for count in [100, 101] {
        let server = Server::with_tokens(move |_| reply(200, "", rows(count))).await;
        let csv = download(&server, Api::UnifiedCsv);
        let Outcome::TooBig { width, .. } = read(&csv, march()).await.unwrap() else {
            panic!("taken");
        };
        assert_eq!(width, march().width() / 2);
        let second = Window::new(march().from, later(march().from, SECOND));
        let error = read(&csv, second).await.unwrap_err();
        assert!(matches!(error, SourceError::Csv(CsvError::Full { .. })));
        assert_eq!(error.action(), Action::Stop);
    }
    let server = Server::with_tokens(|_| reply(200, "", rows(99))).await;
    let csv = download(&server, Api::UnifiedCsv);
    assert_eq!(slice(&csv, march()).await.pulled, 99);
    let tight = Limits { events: 10, ..LIMITS };
    let Outcome::TooBig { width, .. } = csv.read(march(), tight, &|_| ()).await.unwrap() else {
        panic!("taken");
    };
    assert!(width < march().width() / 8 && width >= SECOND, "{width:?}");
    let tight = Limits { bytes: 100, ..LIMITS };
    let too_big = csv.read(march(), tight, &|_| ()).await.unwrap();
    assert!(matches!(too_big, Outcome::TooBig { width, .. } if width == march().width() / 2));
}

#[tokio::test]
async fn more_than_90_days_are_never_asked_for() {
    let server = Server::with_tokens(|_| reply(200, "", FILE)).await;
    let wide = Window::new(march().from, later(march().from, LONGEST + SECOND));
    let too_big = read(&download(&server, Api::UnifiedCsv), wide).await.unwrap();
    assert!(matches!(too_big, Outcome::TooBig { width, .. } if width == LONGEST));
    assert_eq!(server.counts().0, 0);
}

#[tokio::test]
async fn a_refused_span_is_halved_or_begins_later_but_a_refused_question_is_an_error() {
    let now = Clock::system().now().trunc_subsecs(0);
    let young = Window::new(earlier(now, Duration::from_secs(4000)), now);
    let old = Window::new(earlier(now, LONGEST), now);
    let is_wide = |seen: &Seen| {
        let times: Vec<Time> = ["from=", "to="]
            .iter()
            .map(|name| at(&seen.text.split(name).nth(1).unwrap()[..24].replace("%3A", ":")))
            .collect();
        (times[1] - times[0]).num_seconds() > 3000
    };
    let server = Server::with_tokens(move |seen| {
        if is_wide(seen) {
            reply(400, "", "{}")
        } else {
            reply(200, "", FILE)
        }
    })
    .await;
    let csv = download(&server, Api::UnifiedCsv);
    let too_big = read(&csv, young).await.unwrap();
    assert!(matches!(too_big, Outcome::TooBig { width, .. } if width.as_secs() == 2000));

    let server = Server::with_tokens(|seen| {
        if seen.earlier == 0 {
            reply(400, "", "{}")
        } else {
            reply(200, "", FILE)
        }
    })
    .await;
    let slice = slice(&download(&server, Api::UnifiedCsv), old).await;
    let since = slice.complete_from.unwrap();
    assert!(
        since > old.from && since <= later(old.from, ON_ITS_WAY * 2),
        "{since}"
    );
    assert_eq!((slice.span, slice.oldest), (old, Some(since)));

    let server = Server::with_tokens(|_| reply(400, "", "{}")).await;
    for span in [young, old] {
        let error = read(&download(&server, Api::UnifiedCsv), span).await.unwrap_err();
        assert_eq!(error.action(), Action::Stop);
    }
}

/// A server with that file of its newest records, which counts so many.
async fn newest(file: String, total: u64) -> Server {
    Server::with_tokens(move |seen| {
        if seen.text.contains("/auditlogs/download?") {
            reply(200, "", &file)
        } else {
            reply(200, "", format!(r#"{{"totalCount":{total},"results":null}}"#))
        }
    })
    .await
}

#[tokio::test]
async fn the_newest_records_are_complete_from_where_they_begin() {
    let span = |from: &str| Window::new(at(from), at("2026-03-01T12:00:00Z"));
    for (count, from, complete_from) in [
        (19, "2026-03-01T00:00:00Z", None),
        (20, "2026-03-01T09:00:00.001Z", None),
        (20, "2026-03-01T09:00:00Z", Some("2026-03-01T09:00:00.001Z")),
        (20, "2026-02-01T00:00:00Z", Some("2026-03-01T09:00:00.001Z")),
    ] {
        let server = newest(rows(count), count.into()).await;
        let slice = slice(&download(&server, Api::ClassicCsv), span(from)).await;
        assert_eq!(slice.complete_from, complete_from.map(at), "{count} {from}");
        assert_eq!(slice.file.unwrap().rows, u64::from(count));
        let request = server.seen(false).remove(0);
        let question = "GET /acme/audit_/api/auditlogs/download?language=en&size=20 ";
        assert!(request.starts_with(question), "{request}");
    }
    let undated = rows(20).replace("2026-03-01T", "on 2026-03-01 at ");
    let server = newest(undated, 20).await;
    let span = span("2026-03-01T10:00:00Z");
    let slice = slice(&download(&server, Api::ClassicCsv), span).await;
    assert_eq!(slice.complete_from, Some(span.to));
    // Fewer than were asked for, but the server itself counts more: it has a cap of its own.
    for (total, complete_from) in [(12, None), (13, Some(at("2026-03-01T09:00:00.001Z")))] {
        let span = Window::new(at("2026-02-01T00:00:00Z"), span.to);
        let server = newest(rows(12), total).await;
        let Ok(Outcome::Complete(slice)) = read(&download(&server, Api::ClassicCsv), span).await else {
            panic!("{total}")
        };
        assert_eq!(slice.complete_from, complete_from, "{total}");
    }
}

#[tokio::test]
async fn the_newest_records_are_asked_for_beside_their_list() {
    let server = newest(rows(3), 3).await;
    let connection = open(&server.settings(), Clock::system());
    let mut target = test_target(Api::ClassicCsv);
    target.tenant = Some("production".to_owned());
    target.classic.partition_global_id = Some("guid".to_owned());
    let list = classic::endpoint(&connection, &target);
    assert!(
        list.path()
            .ends_with("/acme/production/audit_/api/auditlogs/guid"),
        "{list}"
    );
    let csv = CsvDownload::new(&target, connection);
    assert_eq!(csv.endpoint().as_str(), format!("{list}/download"));
}
