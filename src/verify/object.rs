//! Reads one object back and compares it with what its commit says.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    VerifyError,
    events::{EventReader, Events},
    finding::{Finding, Problem},
    record::Job,
    room::Room,
};
use crate::{
    archive::Archive,
    commit::{Object, sha256},
    encode::{Content, DecompressError, decompress},
    event::hex,
    key::{self, Format},
    target::TargetName,
};

/// No object is unpacked beyond this many bytes.
pub(crate) const MAX_CONTENT: u64 = 1 << 30;

/// What an object turned out to be.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    pub problems: Vec<Problem>,
    /// Its events, if they were read.
    pub events: Option<Events>,
}

impl Inspected {
    fn bad(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
            events: None,
        }
    }
}

/// Reads an object and checks it, once there is room. With `deep`, every event of the record is read too.
pub(super) async fn check(
    archive: Archive,
    room: Room,
    job: Job,
    deep: bool,
) -> Result<(Job, Inspected), VerifyError> {
    let object = &job.object;
    if object.bytes > MAX_CONTENT {
        let inspected = Inspected::bad(too_big(MAX_CONTENT));
        return Ok((job, inspected));
    }
    let taken = room.bytes(object.bytes).await;
    let stored = archive.read_sized(&object.key, object.bytes).await;
    let problem = match stored.map_err(VerifyError::Archive)? {
        Some(Ok(stored)) => {
            let core = room.core().await;
            let working = tokio::task::spawn_blocking(move || {
                let inspected = inspect(&job, stored, deep, MAX_CONTENT);
                drop((core, taken));
                (job, inspected)
            });
            return working.await.map_err(VerifyError::Died);
        }
        Some(Err(size)) => Problem::differs("size", object.bytes, size),
        None => Problem::Missing {
            because: format!("commit {} names it", job.number),
        },
    };
    Ok((job, Inspected::bad(problem)))
}

/// The content of an object whose stored bytes are those that its commit names. `limit`: bytes of content, at most.
pub(crate) fn unpack(object: &Object, stored: Bytes, limit: u64) -> Result<Bytes, Problem> {
    is_its_own(object, &stored)?;
    decompress(&object.key, stored, limit).map_err(unreadable)
}

/// Whether stored bytes are those that a commit names.
fn is_its_own(object: &Object, stored: &Bytes) -> Result<(), Problem> {
    let size = stored.len() as u64;
    if size != object.bytes {
        return Err(Problem::differs("size", object.bytes, size));
    }
    let hash = sha256(stored);
    if hash != object.sha256 {
        return Err(Problem::differs("SHA-256", &object.sha256, hash));
    }
    Ok(())
}

/// Compares an object's stored bytes with what its commit says. `limit`: bytes of content, at most. Takes memory for one
/// piece of the content, and with `deep` for what is kept of its events.
pub(super) fn inspect(job: &Job, stored: Bytes, deep: bool, limit: u64) -> Inspected {
    let object = &job.object;
    let content = is_its_own(object, &stored)
        .and_then(|()| Content::of(&object.key, stored, limit).map_err(unreadable));
    let inspected = content.and_then(|content| read(job, content, deep));
    inspected.unwrap_or_else(Inspected::bad)
}

/// Reads the content once through: hashed, counted and parsed piece by piece.
fn read(job: &Job, mut content: Content, deep: bool) -> Result<Inspected, Problem> {
    let object = &job.object;
    // What is stored as it is was hashed already.
    let mut hash = (!content.is_stored()).then(Sha256::new);
    // The view may be made again from the record at any time, a file is as the server made it: hashes are enough.
    let is_record = job.format == Format::Jsonl;
    let mut reader = (is_record && deep).then(|| EventReader::new(job));
    let (mut lines, mut last) = (0, b'\n');
    while let Some(piece) = content.piece().map_err(unreadable)? {
        if let Some(hash) = &mut hash {
            hash.update(&piece);
        }
        if is_record {
            lines += line_breaks(&piece);
            last = piece.last().copied().unwrap_or(last);
        }
        if let Some(reader) = &mut reader {
            reader.push(piece);
        }
    }
    let mut inspected = Inspected::default();
    let is = hash.map_or_else(|| object.sha256.clone(), |hash| hex(&hash.finalize()));
    if is != object.content_sha256 {
        let problem = Problem::differs("uncompressed SHA-256", &object.content_sha256, is);
        inspected.problems.push(problem);
    }
    if is_record && lines != object.events {
        let problem = Problem::differs("number of lines", object.events, lines);
        inspected.problems.push(problem);
    }
    if last != b'\n' {
        let because = "its last line has no end".to_owned();
        inspected.problems.push(Problem::Unreadable { because });
    }
    if let Some(reader) = reader {
        let (events, problems) = reader.finish();
        inspected.problems.extend(problems);
        inspected.events = Some(events);
    }
    Ok(inspected)
}

/// Line breaks in a piece of content.
fn line_breaks(piece: &[u8]) -> u64 {
    // Sums of single bytes, which no run of 255 overflows, are what processors add up fastest.
    let runs = piece.chunks(255);
    let counts = runs.map(|run| run.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>());
    counts.map(u64::from).sum()
}

fn unreadable(error: DecompressError) -> Problem {
    match error {
        DecompressError::TooBig { limit } => too_big(limit),
        DecompressError::Damaged(_) => Problem::Unreadable {
            because: crate::error::Chain(&error).to_string(),
        },
    }
}

fn too_big(limit: u64) -> Problem {
    Problem::Unreadable {
        because: format!("it holds more than {limit} bytes, which no exporter writes into one object"),
    }
}

/// Reads a catalogue, whose name is its hash. Returns what is wrong with it.
pub(super) async fn check_catalog(
    archive: Archive,
    target: TargetName,
    key: String,
) -> Result<Option<Finding>, VerifyError> {
    let Some(bytes) = archive.read(&key).await.map_err(VerifyError::Archive)? else {
        let because = "commits name it".to_owned();
        return Ok(Some(Problem::Missing { because }.of(key)));
    };
    let is = key::catalog(&target, &sha256(&bytes));
    Ok((is != key).then(|| Problem::differs("name by its SHA-256", &key, is).of(&key)))
}
