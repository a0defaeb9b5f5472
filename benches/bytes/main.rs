//! What our own work costs for each byte and event: `cargo bench`. The first table of
//! "Work for each event" in docs/performance.md comes from here.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made should stop")]

use bytes::Bytes;
use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use uipath_audit_exporter::{
    checkpoint::Known,
    clock::Time,
    commit::Commit,
    encode::{decompress, encode},
    event::{Event, Mark, Schema},
    key::Shape,
    settings::Compression,
    source::page::Page,
    target::Api,
};

mod events;

fn main() {
    divan::main();
}

fn parsed() -> Vec<Event> {
    let parse = |line: String| Event::parse(Bytes::from(line), Schema::Unified).unwrap();
    events::lines().into_iter().map(parse).collect()
}

fn marks() -> Vec<Mark> {
    parsed().iter().map(Event::mark).collect()
}

fn shape(compression: Compression, csv: bool) -> Shape {
    Shape {
        target: "acme".parse().unwrap(),
        api: Api::Unified,
        compression,
        csv,
    }
}

/// Replies into events: checked, cut, id, time and fingerprint read.
#[divan::bench(max_time = 3)]
fn split_pages(bencher: Bencher<'_, '_>) {
    let pages = events::pages();
    bencher
        .counter(BytesCount::new(pages.iter().map(Bytes::len).sum::<usize>()))
        .counter(ItemsCount::new(events::SLICE))
        .bench(|| {
            let parsed = pages.iter().map(|page| Page::parse(page).unwrap().events.len());
            assert_eq!(parsed.sum::<usize>(), events::SLICE);
        });
}

/// Lines into events, one by one, as `verify` reads them.
#[divan::bench(max_time = 3)]
fn read_events(bencher: Bencher<'_, '_>) {
    let lines: Vec<Bytes> = events::lines().into_iter().map(Bytes::from).collect();
    bencher
        .counter(BytesCount::new(lines.iter().map(Bytes::len).sum::<usize>()))
        .counter(ItemsCount::new(events::SLICE))
        .bench(|| {
            for line in &lines {
                divan::black_box_drop(Event::parse(line.clone(), Schema::Unified).unwrap());
            }
        });
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Sorted,
    Reversed,
}

fn encoding(bencher: Bencher<'_, '_>, shape: &Shape, order: Order) {
    let mut events = parsed();
    if let Order::Reversed = order {
        events.reverse();
    }
    bencher
        .counter(BytesCount::new(
            events.iter().map(|event| event.raw.len() + 1).sum::<usize>(),
        ))
        .counter(ItemsCount::new(events::SLICE))
        .with_inputs(|| events.clone())
        .bench_values(|events| encode(shape, 7, Time::MIN_UTC, events).unwrap());
}

/// A slice into objects: sorted, hashed, compressed, hashed again.
#[divan::bench(max_time = 3, args = [Compression::Zstd, Compression::Gzip, Compression::None])]
fn encode_jsonl(bencher: Bencher<'_, '_>, compression: Compression) {
    encoding(bencher, &shape(compression, false), Order::Sorted);
}

/// The same in the order that servers show events in.
#[divan::bench(max_time = 3)]
fn encode_newest_first(bencher: Bencher<'_, '_>) {
    encoding(bencher, &shape(Compression::Zstd, false), Order::Reversed);
}

/// JSONL and CSV.
#[divan::bench(max_time = 3)]
fn encode_with_csv(bencher: Bencher<'_, '_>) {
    encoding(bencher, &shape(Compression::Zstd, true), Order::Sorted);
}

/// Objects into content.
#[divan::bench(max_time = 3, args = [Compression::Zstd, Compression::Gzip])]
fn decompress_jsonl(bencher: Bencher<'_, '_>, compression: Compression) {
    let objects = encode(&shape(compression, false), 7, Time::MIN_UTC, parsed()).unwrap();
    let content: usize = parsed().iter().map(|event| event.raw.len() + 1).sum();
    bencher
        .counter(BytesCount::new(content))
        .counter(ItemsCount::new(events::SLICE))
        .bench(|| {
            let unpacked = objects.iter().map(|object| {
                let content = decompress(&object.object.key, object.bytes.clone(), 1 << 30).unwrap();
                content.len()
            });
            assert_eq!(unpacked.sum::<usize>(), content);
        });
}

/// A commit record of two days, written and read back.
#[divan::bench(max_time = 1)]
fn commit_record(bencher: Bencher<'_, '_>) {
    let objects = encode(&shape(Compression::Zstd, true), 7, Time::MIN_UTC, parsed()).unwrap();
    let mut commit = Commit::from_bytes(include_bytes!("commit.json")).unwrap();
    commit.objects = objects.into_iter().map(|encoded| encoded.object).collect();
    bencher.bench(|| Commit::from_bytes(&commit.to_bytes()).unwrap());
}

/// Notes a slice's events as known.
#[divan::bench(max_time = 1)]
fn known_add(bencher: Bencher<'_, '_>) {
    let marks = marks();
    bencher.counter(ItemsCount::new(marks.len())).bench(|| {
        let mut known = Known::default();
        marks.iter().for_each(|mark| known.add(mark));
        known
    });
}

/// Asks for each event of a slice whether it is known: half of them are.
#[divan::bench(max_time = 1)]
fn known_has(bencher: Bencher<'_, '_>) {
    let marks = marks();
    let mut known = Known::default();
    marks.iter().step_by(2).for_each(|mark| known.add(mark));
    bencher
        .counter(ItemsCount::new(marks.len()))
        .bench(|| marks.iter().filter(|mark| known.has(mark)).count());
}
