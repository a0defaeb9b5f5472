//! A slice's events into data objects: order, bytes and names are functions of the slice alone; pure.

use std::{collections::BTreeMap, io::Write as _};

use bytes::Bytes;
use chrono::NaiveDate;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Time,
    commit::Object,
    event::{Event, Schema, hex},
    key::{self, Format, Shape},
    source::File,
};

mod compress;
mod csv;
mod lines;

pub use compress::{Content, DecompressError, decompress};
pub use csv::columns;
pub use lines::Lines;

/// A data object ready to be stored.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Its entry in the commit, key and hashes included.
    pub object: Object,
    /// The stored bytes.
    pub bytes: Bytes,
}

/// Encodes the events of commit `number`, an object for each day and format. Events without a time go to that of
/// `day_of_undated`.
///
/// # Errors
/// If compressing fails, which in memory means that memory ran out.
pub fn encode(
    shape: &Shape,
    number: u64,
    day_of_undated: Time,
    mut events: Vec<Event>,
) -> Result<Vec<Encoded>, std::io::Error> {
    // In place and at once where they are sorted, or sorted the other way round, as servers show them.
    events.sort_by(|a, b| a.order().cmp(&b.order()));
    let (undated, dated) = events.split_at(events.partition_point(|event| event.time.is_none()));
    let mut days: BTreeMap<NaiveDate, [&[Event]; 2]> = BTreeMap::new();
    if !undated.is_empty() {
        days.insert(day_of_undated.date_naive(), [undated, &[]]);
    }
    let day = |event: &Event| event.time.map(|time| time.date_naive());
    for events in dated.chunk_by(|a, b| day(a) == day(b)) {
        if let Some(day) = events.first().and_then(day) {
            days.entry(day).or_default()[1] = events;
        }
    }
    let mut objects = Vec::new();
    let formats: &[Format] = if shape.csv {
        &[Format::Csv, Format::Jsonl]
    } else {
        &[Format::Jsonl]
    };
    for format in formats {
        for (day, events) in &days {
            objects.push(object(shape, *format, number, *day, *events)?);
        }
    }
    Ok(objects)
}

/// The data object that a file of commit `number` becomes: as it is, on the day that its window begins.
#[must_use]
pub fn keep(shape: &Shape, number: u64, day: NaiveDate, file: File) -> Encoded {
    let sha256 = hex(&Sha256::digest(&file.bytes));
    let object = Object {
        key: key::raw(file.kind, shape.api, &shape.target, day, number, &sha256),
        format: Format::Raw.as_str().to_owned(),
        events: file.rows,
        bytes: file.bytes.len() as u64,
        content_sha256: sha256.clone(),
        sha256,
        first: file.first,
        last: file.last,
        defused_cells: 0,
    };
    Encoded {
        object,
        bytes: file.bytes,
    }
}

fn object(
    shape: &Shape,
    format: Format,
    number: u64,
    day: NaiveDate,
    [undated, dated]: [&[Event]; 2],
) -> Result<Encoded, std::io::Error> {
    let schema = shape.api.schema().unwrap_or(Schema::Unified);
    let events = || undated.iter().chain(dated);
    let length = match format {
        Format::Jsonl | Format::Raw => Some(events().map(|event| event.raw.len() as u64 + 1).sum()),
        Format::Csv => None,
    };
    let mut sink = compress::Sink::new(shape.compression, length)?;
    let mut defused_cells = 0;
    match format {
        Format::Jsonl | Format::Raw => {
            for event in events() {
                sink.write_all(&event.raw)?;
                sink.write_all(b"\n")?;
            }
        }
        Format::Csv => defused_cells = csv::write(&mut sink, schema, events())?,
    }
    let (bytes, content) = sink.finish()?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let object = Object {
        key: key::data(format, shape, day, number, &sha256),
        format: format.as_str().to_owned(),
        events: (undated.len() + dated.len()) as u64,
        bytes: bytes.len() as u64,
        sha256,
        content_sha256: hex(&content),
        first: dated.first().and_then(Event::created_on),
        last: dated.last().and_then(Event::created_on),
        defused_cells,
    };
    Ok(Encoded { object, bytes })
}
