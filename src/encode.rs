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
    source::{File, FileKind},
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

/// A data object ready to be stored, but for its key: the number of its commit is part of that.
#[derive(Debug)]
pub struct Unnumbered {
    object: Object,
    bytes: Bytes,
    day: NaiveDate,
    /// Its kind, where it is a file.
    file: Option<FileKind>,
    format: Format,
}

impl Unnumbered {
    /// The stored bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The object of commit `number`. `shape` is that which it was made with.
    #[must_use]
    pub fn numbered(mut self, shape: &Shape, number: u64) -> Encoded {
        let (day, sha256) = (self.day, &self.object.sha256);
        self.object.key = match self.file {
            Some(kind) => key::raw(kind, shape.api, &shape.target, day, number, sha256),
            None => key::data(self.format, shape, day, number, sha256),
        };
        let (object, bytes) = (self.object, self.bytes);
        Encoded { object, bytes }
    }
}

/// Encodes the events of commit `number`: [`encode_unnumbered`], numbered.
///
/// # Errors
/// As [`encode_unnumbered`].
pub fn encode(
    shape: &Shape,
    number: u64,
    day_of_undated: Time,
    events: Vec<Event>,
) -> Result<Vec<Encoded>, std::io::Error> {
    let objects = encode_unnumbered(shape, day_of_undated, events)?;
    let objects = objects.into_iter();
    Ok(objects.map(|object| object.numbered(shape, number)).collect())
}

/// Encodes the events of a commit whose number is not known yet, an object for each day and format. Events without a time
/// go to that of `day_of_undated`.
///
/// # Errors
/// If compressing fails, which in memory means that memory ran out.
pub fn encode_unnumbered(
    shape: &Shape,
    day_of_undated: Time,
    mut events: Vec<Event>,
) -> Result<Vec<Unnumbered>, std::io::Error> {
    // In place and at once where they are sorted, or sorted the other way round, as servers show them.
    events.sort_by(|a, b| a.order().cmp(&b.order()));
    let undated = events.partition_point(|event| event.time.is_none());
    let (undated, dated) = events.split_at_mut(undated);
    let mut days: BTreeMap<NaiveDate, [&mut [Event]; 2]> = BTreeMap::new();
    if !undated.is_empty() {
        days.insert(day_of_undated.date_naive(), [undated, &mut []]);
    }
    let day = |event: &Event| event.time.map(|time| time.date_naive());
    for events in dated.chunk_by_mut(|a, b| day(a) == day(b)) {
        if let Some(day) = events.first().and_then(day) {
            days.entry(day).or_default()[1] = events;
        }
    }
    let mut objects = Vec::new();
    if shape.csv {
        for (day, events) in &mut days {
            objects.push(object(shape, Format::Csv, *day, events)?);
        }
    }
    // Last: it lets go of each event.
    for (day, events) in &mut days {
        objects.push(object(shape, Format::Jsonl, *day, events)?);
    }
    Ok(objects)
}

/// The data object that a file becomes: as it is, on the day that the window of its commit begins.
#[must_use]
pub fn keep(day: NaiveDate, file: File) -> Unnumbered {
    let sha256 = hex(&Sha256::digest(&file.bytes));
    let object = Object {
        key: String::new(),
        format: Format::Raw.as_str().to_owned(),
        events: file.rows,
        bytes: file.bytes.len() as u64,
        content_sha256: sha256.clone(),
        sha256,
        first: file.first,
        last: file.last,
        defused_cells: 0,
    };
    Unnumbered {
        object,
        bytes: file.bytes,
        day,
        file: Some(file.kind),
        format: Format::Raw,
    }
}

fn object(
    shape: &Shape,
    format: Format,
    day: NaiveDate,
    [undated, dated]: &mut [&mut [Event]; 2],
) -> Result<Unnumbered, std::io::Error> {
    let schema = shape.api.schema().unwrap_or(Schema::Unified);
    let events = || undated.iter().chain(dated.iter());
    let count = events().count() as u64;
    let created_on = |event: Option<&Event>| event.and_then(Event::created_on);
    let (first, last) = (created_on(dated.first()), created_on(dated.last()));
    let length = match format {
        Format::Jsonl | Format::Raw => Some(events().map(|event| event.raw.len() as u64 + 1).sum()),
        Format::Csv => None,
    };
    let mut sink = compress::Sink::new(shape.compression, length)?;
    let mut defused_cells = 0;
    match format {
        Format::Jsonl | Format::Raw => {
            for event in undated.iter_mut().chain(dated.iter_mut()) {
                // Its memory is used again while others are still being written.
                let raw = std::mem::take(&mut event.raw);
                sink.write_all(&raw)?;
                sink.write_all(b"\n")?;
            }
        }
        Format::Csv => defused_cells = csv::write(&mut sink, schema, events())?,
    }
    let (bytes, content) = sink.finish()?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let object = Object {
        key: String::new(),
        format: format.as_str().to_owned(),
        events: count,
        bytes: bytes.len() as u64,
        sha256,
        content_sha256: hex(&content),
        first,
        last,
        defused_cells,
    };
    Ok(Unnumbered {
        object,
        bytes,
        day,
        file: None,
        format,
    })
}
