//! Days of the long-term store, from a server that answers as told.

use std::{collections::BTreeSet, sync::atomic::AtomicUsize};

use super::*;
use crate::{
    clock::Clock,
    error::Action,
    source::{
        scripted::{Seen, Server, Step, Steps, open, raw, reply},
        zip::tests::pack,
    },
    target::test_target,
};

const LIMITS: Limits = Limits {
    events: 10_000,
    bytes: 1 << 20,
    bytes_of_an_instant: 4 << 20,
};

fn store(server: &Server) -> LongTerm {
    LongTerm::new(
        &test_target(crate::target::Api::LongTerm),
        open(&server.settings(), Clock::system()),
    )
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn days(from: &str, to: &str) -> Window {
    Window::new(at(&format!("{from}T00:00:00Z")), at(&format!("{to}T00:00:00Z")))
}

/// The archive of the day that is asked for: so many events, one a second.
fn archive(seen: &Seen, events: u32) -> Steps {
    let date = seen.text.split("from=").nth(1).unwrap()[..10].to_owned();
    let list: Vec<String> = (0..events)
        .map(|n| {
            format!(
                r#"{{"Identifier":"{date}-{n}","DateCreatedUtc":"{date}T00:{:02}:{:02}"}}"#,
                n / 60,
                n % 60
            )
        })
        .collect();
    let text = format!("[{}]", list.join(",\n"));
    reply(
        200,
        "Content-Type: application/zip\r\n",
        pack(&[("../x.txt", text.as_bytes())]),
    )
}

async fn all(store: &LongTerm, span: Window, limits: Limits) -> (BTreeSet<String>, usize, u64) {
    let (mut ids, mut slices, mut pulled, mut rest) = (BTreeSet::new(), 0, 0, span);
    while !rest.is_empty() {
        let read = store
            .read(rest, &Known::default(), limits, &|_| ())
            .await
            .unwrap();
        let Outcome::Complete(slice) = read else {
            panic!("too big")
        };
        assert_eq!(slice.span.from, rest.from);
        assert!(
            slice
                .events
                .iter()
                .all(|event| event.time.is_some_and(|time| slice.span.contains(time)))
        );
        ids.extend(slice.events.iter().map(|event| event.id().into_owned()));
        pulled += slice.pulled;
        slices += 1;
        rest = Window::new(slice.span.to, rest.to);
    }
    (ids, slices, pulled)
}

#[tokio::test]
async fn a_heavy_day_is_cut_into_slices_and_downloaded_once() {
    let server = Server::with_tokens(|seen| archive(seen, 300)).await;
    let limits = Limits { events: 70, ..LIMITS };
    let (ids, slices, pulled) = all(&store(&server), days("2026-03-01", "2026-03-04"), limits).await;
    assert_eq!((ids.len(), pulled), (900, 900));
    assert!(slices >= 13, "{slices}");
    assert_eq!(server.counts().0, 3);
    let request = server.seen(false).remove(0);
    assert!(
        request.contains("from=2026-03-01T00%3A00%3A00Z&to=2026-03-01T23%3A59%3A59.9999999Z"),
        "{request}"
    );
}

#[tokio::test]
async fn light_days_are_one_slice_of_a_month_at_most() {
    let server = Server::with_tokens(|seen| archive(seen, 2)).await;
    let (ids, slices, _) = all(&store(&server), days("2026-01-01", "2026-03-02"), LIMITS).await;
    assert_eq!((ids.len(), slices, server.counts().0), (120, 2, 60));
}

#[tokio::test]
async fn a_day_without_events_is_no_error_however_it_is_told() {
    // A reply without a byte is believed when it stays so.
    let answers: [(fn() -> Steps, usize); 5] = [
        (|| reply(200, "", pack(&[])), 1),
        (
            || {
                reply(
                    200,
                    "",
                    pack(&[("a.txt", b"[]"), ("b.txt", b""), ("c.txt", b"null")]),
                )
            },
            1,
        ),
        (|| reply(200, "", ""), 3),
        (|| vec![raw("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), "")], 3),
        (|| reply(200, "", pack(&[("a.zip", pack(&[]).as_slice())])), 1),
    ];
    for (answer, asked) in answers {
        let server = Server::with_tokens(move |_| answer()).await;
        let (ids, slices, _) = all(&store(&server), days("2026-01-01", "2026-01-02"), LIMITS).await;
        assert_eq!((ids.len(), slices, server.counts().0), (0, 1, asked));
    }
    // One such reply is a slip.
    let server = Server::with_tokens(|seen| match seen.earlier {
        0 => reply(200, "", ""),
        _ => reply(
            200,
            "",
            pack(&[(
                "a.txt",
                br#"[{"Identifier":"1","DateCreatedUtc":"2026-01-01T05:00:00Z"}]"#,
            )]),
        ),
    })
    .await;
    let (ids, ..) = all(&store(&server), days("2026-01-01", "2026-01-02"), LIMITS).await;
    assert_eq!(ids.len(), 1);
}

type Wrong = (&'static str, fn() -> Steps);

#[tokio::test]
async fn what_is_no_whole_archive_of_lists_is_an_error_never_an_empty_day() {
    let answers: [Wrong; 8] = [
        ("a page", || reply(200, "", "<html>sign in</html>")),
        ("a message", || reply(200, "", r#"{"error":"no"}"#)),
        ("a part", || {
            let whole = pack(&[("a.txt", b"[1,2,3]")]);
            reply(200, "", &whole[..whole.len() - 10])
        }),
        ("nothing, unframed", || {
            vec![raw("HTTP/1.1 200 OK\r\n\r\n".to_owned(), "")]
        }),
        ("a part of a list", || {
            reply(200, "", pack(&[("a.txt", b"[{},{")]))
        }),
        ("no list", || reply(200, "", pack(&[("a.txt", b"{}")]))),
        ("no JSON", || reply(200, "", pack(&[("a.txt", b"[{\"a\":}]")]))),
        ("an altered byte", || {
            let mut archive = pack(&[("a.txt", b"[{\"Identifier\":\"a\"}]")]);
            archive[38] ^= 1;
            reply(200, "", archive)
        }),
    ];
    for (name, answer) in answers {
        let server = Server::with_tokens(move |_| answer()).await;
        let read = store(&server)
            .read(
                days("2026-01-01", "2026-01-03"),
                &Known::default(),
                LIMITS,
                &|_| (),
            )
            .await;
        let error = read.expect_err(name);
        assert_eq!(error.action(), Action::NextTick, "{name}: {}", Chain(&error));
        assert!(error.hint().is_some(), "{name}");
        assert!(server.counts().0 >= 3, "{name}: tried again");
        assert!(
            Chain(&error).to_string().contains("2026-01-01"),
            "{name}: {}",
            Chain(&error)
        );
    }
}

#[tokio::test]
async fn nothing_is_asked_for_that_is_still_to_come() {
    let server = Server::with_tokens(|seen| {
        let to = seen.text.split("to=").nth(1).unwrap()[..10].to_owned();
        if at(&format!("{to}T23:59:59Z")) > Clock::system().now() {
            reply(400, "", "{}")
        } else {
            archive(seen, 1)
        }
    })
    .await;
    assert!(store(&server).open().await.is_ok());
}

#[tokio::test]
async fn a_platform_without_such_a_store_is_told_apart() {
    for status in [400, 404, 405] {
        let server = Server::with_tokens(move |_| reply(status, "", "{}")).await;
        let read = store(&server)
            .read(
                days("2026-01-01", "2026-01-02"),
                &Known::default(),
                LIMITS,
                &|_| (),
            )
            .await;
        assert!(
            matches!(read, Err(SourceError::LongTerm(LongTermError::NotThere { .. }))),
            "{status}: {read:?}"
        );
    }
}

#[tokio::test]
async fn days_before_one_that_fails_are_complete_and_that_one_is_asked_for_again() {
    let failures = Arc::new(AtomicUsize::new(7));
    let left = Arc::clone(&failures);
    let server = Server::with_tokens(move |seen| {
        let strikes = seen.text.contains("from=2026-01-03")
            && left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok();
        if strikes {
            reply(504, "", "")
        } else {
            archive(seen, 5)
        }
    })
    .await;
    let (ids, slices, _) = all(&store(&server), days("2026-01-01", "2026-01-05"), LIMITS).await;
    assert_eq!((ids.len(), slices), (20, 2));
}

#[tokio::test]
async fn a_day_may_take_long_to_begin_but_not_for_ever() {
    let server = Server::with_tokens(|seen| {
        let mut steps = vec![Step::Wait(Duration::from_millis(250))];
        steps.extend(archive(seen, 3));
        steps
    })
    .await;
    let (ids, ..) = all(&store(&server), days("2026-01-01", "2026-01-02"), LIMITS).await;
    assert_eq!((ids.len(), server.counts().0), (3, 1));
    let server = Server::with_tokens(|_| vec![Step::Wait(Duration::from_secs(60))]).await;
    let read = store(&server).day(at("2026-01-01T00:00:00Z"), 1000).await;
    let error = Chain(&read.unwrap_err()).to_string();
    assert!(error.contains("nothing came for 0.4 s"), "{error}");
}
