//! A clean archive is clean; each way to break it is found. A check that were dropped fails its row here.

use bytes::Bytes;

use super::{
    Options, Report, object, record,
    sample::{Sample, event, window},
    verify,
};
use crate::{
    archive::Archive,
    commit::Kind,
    encode::encode,
    event::{Event, Schema},
    settings::Compression,
};

mod breaks;
mod deep;
mod shapes;

use breaks::{LINKED, STORED};
use deep::DEEP;

/// What is done to the sample, the exit code, a piece of the finding, how it is done.
type Row = (&'static str, u8, &'static str, fn(&mut Sample));

async fn run(archive: &Archive, options: Options) -> Report {
    verify(archive, &options, |_| {}).await.unwrap()
}

fn deeply() -> Options {
    Options {
        deep: true,
        ..Options::default()
    }
}

fn commit_key(number: u64) -> String {
    format!("commits/acme/{number:020}.json")
}

fn stray(number: u64) -> String {
    format!("jsonl/api=unified/target=acme/day=2026-01-02/{number:020}-0123456789abcdef.jsonl")
}

async fn expect(row: &Row, relink: bool, options: Options) {
    let (name, code, piece, how) = row;
    let mut sample = Sample::new("acme");
    how(&mut sample);
    if relink {
        sample.link();
    }
    let report = run(&sample.archive().await, options).await;
    let text = report.to_string();
    assert_eq!(report.exit_code(), *code, "{name}: {text}");
    assert!(text.contains(piece), "{name}: no `{piece}` in {text}");
    let json = serde_json::to_value(&report).unwrap();
    let finding = &json["targets"][0]["findings"][0];
    assert!(
        finding["problem"].is_string() && finding["hint"].is_string(),
        "{name}: {finding}"
    );
}

#[tokio::test]
async fn what_is_done_to_stored_objects_is_found() {
    for row in STORED {
        expect(row, false, Options::default()).await;
    }
}

#[tokio::test]
async fn what_contradicts_itself_is_found_though_the_chain_holds() {
    for row in LINKED {
        expect(row, true, Options::default()).await;
    }
}

#[tokio::test]
async fn what_events_tell_is_found_by_reading_them() {
    for row in DEEP {
        expect(row, true, deeply()).await;
        let mut sample = Sample::new("acme");
        row.3(&mut sample);
        sample.link();
        let shallow = run(&sample.archive().await, Options::default()).await;
        assert_eq!(shallow.exit_code(), 0, "{}: {shallow}", row.0);
    }
}

#[tokio::test]
async fn a_broken_commit_is_one_finding_and_no_hole() {
    let mut sample = Sample::new("acme");
    sample.dropped = vec![2];
    let report = run(&sample.archive().await, deeply()).await;
    assert_eq!(report.findings().count(), 1, "{report}");
}

#[test]
fn no_object_is_unpacked_beyond_the_limit() {
    let mut sample = Sample::empty("acme");
    let events = [event("a", "01T08:00:00"), event("b", "01T09:00:00")];
    sample.commit(
        Kind::Events,
        window("01T00:00:00", "01T10:00:00"),
        "01T00:00:00",
        &events,
    );
    for compression in [Compression::Zstd, Compression::Gzip, Compression::None] {
        sample.shape.compression = compression;
        let parsed = events
            .iter()
            .map(|raw| Event::parse(Bytes::from(raw.clone()), Schema::Unified).unwrap());
        let window = window("01T00:00:00", "01T10:00:00");
        let encoded = encode(&sample.shape, 0, window.from, parsed.collect()).unwrap();
        let record = encoded
            .into_iter()
            .find(|encoded| encoded.object.format == "jsonl")
            .unwrap();
        let size = events.iter().map(|raw| raw.len() as u64 + 1).sum::<u64>();
        sample.commits[0].objects = vec![record.object];
        let (jobs, problems) = record::jobs(&sample.commits[0], &sample.shape.target, 0);
        assert_eq!(problems, []);
        let inspect = |limit| object::inspect(&jobs[0], record.bytes.clone(), true, limit).problems;
        assert_eq!(inspect(size), []);
        assert!(inspect(size - 1)[0].to_string().contains("it holds more than"));
    }
}
