//! Events come out in order, each once, exactly those of the span; what cannot be told is said.

use std::io;

use bytes::Bytes;

use super::*;
use crate::{
    commit::{Kind, sha256},
    settings::Compression,
    verify::sample::{Sample, at, event, memory, window},
};

async fn ids(archive: &Archive, from: &str, to: &str) -> (String, CatSummary) {
    let mut out = Vec::new();
    let target = "acme".parse().unwrap();
    let summary = cat(archive, &target, window(from, to), &mut out).await.unwrap();
    assert_eq!(summary.bytes, out.len() as u64);
    let text = String::from_utf8(out).unwrap();
    let ids = text.lines().map(|line| line.split('"').nth(3).unwrap());
    let ids: Vec<&str> = ids.collect();
    assert_eq!(summary.events, ids.len() as u64);
    (ids.join(" "), summary)
}

#[tokio::test]
async fn events_of_all_commits_are_merged_in_order() {
    let archive = Sample::new("acme").archive().await;
    let (all, summary) = ids(&archive, "01T00:00:00", "02T06:00:00").await;
    assert_eq!(all, "u a found b late c d later e");
    assert_eq!((summary.undated, summary.objects), (1, 6));
    assert_eq!(summary.uncovered, []);
    assert_eq!((summary.gaps.len(), summary.is_complete()), (1, false));
    let mut out = Vec::new();
    cat(
        &archive,
        &"acme".parse().unwrap(),
        window("01T08:30:00", "01T09:00:00"),
        &mut out,
    )
    .await
    .unwrap();
    assert_eq!(out, (event("found", "01T08:30:00") + "\n").into_bytes());
}

#[tokio::test]
async fn bounds_are_half_open_and_touching_spans_tell_every_event_once() {
    let archive = Sample::new("acme").archive().await;
    for (from, to, expected) in [
        ("01T08:00:00", "01T08:00:01", "a"),
        ("01T07:00:00", "01T08:00:00", ""),
        ("01T08:00:00", "01T09:00:00", "a found"),
        ("01T23:00:00", "02T01:00:00", "c"),
        ("01T12:00:00", "01T12:00:00", ""),
        ("01T10:30:00", "01T11:00:01", "late"),
        ("02T01:30:00", "02T05:00:00", "later"),
        ("02T05:00:00", "03T00:00:00", "e"),
    ] {
        assert_eq!(ids(&archive, from, to).await.0, expected, "{from} to {to}");
    }
    let mut told = Vec::new();
    for hour in 0..30 {
        let spell = |hour: u32| format!("{:02}T{:02}:00:00", 1 + hour / 24, hour % 24);
        told.extend(
            ids(&archive, &spell(hour), &spell(hour + 1))
                .await
                .0
                .split_whitespace()
                .map(str::to_owned),
        );
    }
    assert_eq!(told.join(" "), "u a found b late c d later e");
}

#[tokio::test]
async fn an_undated_event_of_an_instant_lies_at_that_instant() {
    let mut sample = Sample::new("acme");
    let undated = [r#"{"id":"v"}"#.to_owned()];
    sample.commit(
        Kind::Events,
        window("02T06:00:00", "02T06:00:00"),
        "02T05:00:00",
        &undated,
    );
    sample.commit(
        Kind::Empty,
        window("02T06:00:00", "02T08:00:00"),
        "02T06:00:00",
        &[],
    );
    let archive = sample.archive().await;
    assert_eq!(ids(&archive, "02T06:00:00", "02T07:00:00").await.0, "v");
    assert_eq!(ids(&archive, "02T05:00:00", "02T06:00:00").await.0, "e");
}

#[tokio::test]
async fn equal_times_are_ordered_by_id_across_commits() {
    let mut sample = Sample::empty("acme");
    let hour = |id| event(id, "01T01:00:00");
    sample.commit(
        Kind::Events,
        window("01T00:00:00", "01T02:00:00"),
        "01T00:00:00",
        &[hour("b"), hour("d")],
    );
    let late = [hour("a"), hour("c"), hour("e"), event("x", "01T01:59:59")];
    sample.commit(
        Kind::Events,
        window("01T02:00:00", "01T03:00:00"),
        "01T01:00:00",
        &late,
    );
    let (all, summary) = ids(&sample.archive().await, "01T00:00:00", "01T03:00:00").await;
    assert_eq!(all, "a b c d e x");
    assert!(summary.is_complete());
}

#[tokio::test]
async fn what_is_not_covered_is_told() {
    let mut sample = Sample::new("acme");
    let (_, summary) = ids(&sample.archive().await, "01T00:00:00", "02T02:00:00").await;
    assert!(summary.is_complete());
    let (_, summary) = ids(&sample.archive().await, "02T03:00:00", "02T08:00:00").await;
    assert_eq!(summary.gaps[0].window, window("02T03:00:00", "02T04:00:00"));
    assert_eq!(summary.gaps[0].reason, "the server forgot");
    assert_eq!(summary.uncovered, [window("02T06:00:00", "02T08:00:00")]);
    let (_, summary) = ids(&sample.archive().await, "03T00:00:00", "04T00:00:00").await;
    assert_eq!(summary.uncovered, [window("03T00:00:00", "04T00:00:00")]);

    sample.dropped = vec![0, 1];
    let (all, summary) = ids(&sample.archive().await, "01T00:00:00", "01T12:00:00").await;
    assert_eq!(all, "found late", "the oldest commits have expired");
    assert_eq!(summary.uncovered, [window("01T00:00:00", "01T12:00:00")]);

    let mut sample = Sample::new("acme");
    sample.commits[3].window.from = at("2026-01-02T03:00:00Z");
    sample.link();
    let (_, summary) = ids(&sample.archive().await, "01T00:00:00", "02T06:00:00").await;
    assert_eq!(summary.uncovered, [window("02T02:00:00", "02T03:00:00")]);
}

#[tokio::test]
async fn many_commits_are_found_wherever_the_span_lies() {
    let mut sample = Sample::empty("acme");
    sample.shape.csv = false;
    let spell = |hour: usize| format!("{:02}T{:02}:00:00", 1 + hour / 24, hour % 24);
    for hour in 0..60 {
        let (from, to) = (spell(hour), spell(hour + 1));
        let events = [event(&format!("e{hour:02}"), &from)];
        sample.commit(Kind::Events, window(&from, &to), &from, &events);
        for found in 0..hour % 4 {
            let events = [event(&format!("f{hour:02}{found}"), &from)];
            sample.commit(Kind::Backfill, window(&from, &to), &from, &events);
        }
    }
    let archive = sample.archive().await;
    for hour in 0..60 {
        let expected: Vec<String> = std::iter::once(format!("e{hour:02}"))
            .chain((0..hour % 4).map(|found| format!("f{hour:02}{found}")))
            .collect();
        let (all, summary) = ids(&archive, &spell(hour), &spell(hour + 1)).await;
        assert_eq!(all, expected.join(" "));
        assert!(summary.is_complete());
    }
}

#[tokio::test]
async fn nothing_of_an_altered_archive_is_passed_off_as_whole() {
    type Row = (&'static str, fn(&mut Sample));
    let rows: &[Row] = &[
        ("its SHA-256 is", |s| {
            let key = s.object(4).key.clone();
            let bytes = String::from_utf8(s.objects[&key].to_vec()).unwrap();
            s.objects.insert(key, bytes.replace("later", "l4ter").into());
        }),
        ("it is missing: commit 4 names it", |s| {
            let key = s.object(4).key.clone();
            s.objects.remove(&key);
        }),
        ("00002.json`: it is missing", |s| s.dropped = vec![2]),
        ("(by the commit after it)", |s| {
            s.commits[2].run = "other".to_owned()
        }),
        ("says it is another one", |s| {
            s.commits[2].target = "other".to_owned();
            s.link();
        }),
        ("no key of an object of this commit", |s| {
            s.object(4).key = "jsonl/../secret".to_owned();
            s.link();
        }),
        ("cannot be read", |s| {
            s.dropped = vec![2];
            s.extra
                .insert(format!("commits/acme/{:020}.json", 2), Bytes::new());
        }),
        ("should be JSON", |s| s.rewrite(4, "{\n")),
        ("its first time", |s| {
            let content = event("later", "02T01:00:00") + "\n";
            s.rewrite(4, &content);
        }),
    ];
    for (piece, how) in rows {
        let mut sample = Sample::new("acme");
        how(&mut sample);
        let mut out = Vec::new();
        let span = window("01T00:00:00", "02T06:00:00");
        let error = cat(&sample.archive().await, &"acme".parse().unwrap(), span, &mut out)
            .await
            .unwrap_err();
        assert_eq!(error.exit_code(), 10, "{error}");
        assert!(error.to_string().contains(piece), "no `{piece}` in {error}");
        assert!(error.hint().is_some());
        assert!(!String::from_utf8(out).unwrap().contains("l4ter"));
    }
    let mut out = Vec::new();
    let span = window("01T00:00:00", "02T00:00:00");
    let error = cat(&memory().await, &"acme".parse().unwrap(), span, &mut out)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 12);
    assert_eq!(sha256(&out), sha256(b""));
}

/// An output that nobody reads.
struct Closed;

impl AsyncWrite for Closed {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::task::Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_closed_pipe_is_told_apart_and_pieces_are_written_as_they_come() {
    let mut sample = Sample::empty("acme");
    sample.shape.compression = Compression::Zstd;
    let events: Vec<String> = (0..3000)
        .map(|n| event(&format!("e{n:04}"), "01T01:00:00"))
        .collect();
    sample.commit(
        Kind::Events,
        window("01T00:00:00", "01T02:00:00"),
        "01T00:00:00",
        &events,
    );
    let archive = sample.archive().await;
    let (all, _) = ids(&archive, "01T00:00:00", "01T02:00:00").await;
    assert!(all.starts_with("e0000 e0001 ") && all.ends_with(" e2999"));
    let target = "acme".parse().unwrap();
    let span = window("01T00:00:00", "01T02:00:00");
    let error = cat(&archive, &target, span, &mut Closed).await.unwrap_err();
    assert!(error.is_closed_pipe());
    fn is_send(_: impl Send) {}
    is_send(cat(&archive, &target, span, &mut Closed));
}
