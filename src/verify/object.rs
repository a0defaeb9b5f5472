//! Reads one object back and compares it with what its commit says.

use bytes::Bytes;

use super::{
    VerifyError,
    events::{self, Events},
    finding::Problem,
    record::Job,
};
use crate::{
    archive::Archive,
    commit::{Object, sha256},
    encode::{DecompressError, decompress},
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

/// Reads an object and checks it. With `deep`, every event of the record is read too.
pub(super) async fn check(archive: Archive, job: Job, deep: bool) -> Result<(Job, Inspected), VerifyError> {
    if job.object.bytes > MAX_CONTENT {
        let inspected = Inspected::bad(too_big(MAX_CONTENT));
        return Ok((job, inspected));
    }
    let stored = archive
        .read(&job.object.key)
        .await
        .map_err(VerifyError::Archive)?;
    let Some(stored) = stored else {
        let because = format!("commit {} names it", job.number);
        return Ok((job, Inspected::bad(Problem::Missing { because })));
    };
    let working = tokio::task::spawn_blocking(move || {
        let inspected = inspect(&job, stored, deep, MAX_CONTENT);
        (job, inspected)
    });
    working.await.map_err(VerifyError::Died)
}

/// The content of an object whose stored bytes are those that its commit names. `limit`: bytes of content, at most.
pub(crate) fn unpack(object: &Object, stored: Bytes, limit: u64) -> Result<Bytes, Problem> {
    let size = stored.len() as u64;
    if size != object.bytes {
        return Err(Problem::differs("size", object.bytes, size));
    }
    let hash = sha256(&stored);
    if hash != object.sha256 {
        return Err(Problem::differs("SHA-256", &object.sha256, hash));
    }
    match decompress(&object.key, stored, limit) {
        Ok(content) if content.len() as u64 > limit => Err(too_big(limit)),
        Ok(content) => Ok(content),
        Err(DecompressError::TooBig { limit }) => Err(too_big(limit)),
        Err(error @ DecompressError::Damaged(_)) => Err(Problem::Unreadable {
            because: crate::error::Chain(&error).to_string(),
        }),
    }
}

/// Compares an object's stored bytes with what its commit says. `limit`: bytes of content, at most.
pub(super) fn inspect(job: &Job, stored: Bytes, deep: bool, limit: u64) -> Inspected {
    let object = &job.object;
    let content = match unpack(object, stored, limit) {
        Ok(content) => content,
        Err(problem) => return Inspected::bad(problem),
    };
    let mut inspected = Inspected::default();
    let hash = sha256(&content);
    if hash != object.content_sha256 {
        let problem = Problem::differs("uncompressed SHA-256", &object.content_sha256, hash);
        inspected.problems.push(problem);
    }
    match job.format {
        Format::Jsonl => {
            let lines = content.iter().filter(|byte| **byte == b'\n').count() as u64;
            if lines != object.events {
                let problem = Problem::differs("number of lines", object.events, lines);
                inspected.problems.push(problem);
            }
            if content.last().is_some_and(|last| *last != b'\n') {
                let because = "its last line has no end".to_owned();
                inspected.problems.push(Problem::Unreadable { because });
            }
            if deep {
                let (events, problems) = events::read(job, &content);
                inspected.problems.extend(problems);
                inspected.events = Some(events);
            }
        }
        // The view may be made again from the record at any time, a file is as the server made it: hashes are enough.
        Format::Csv | Format::Raw => {}
    }
    inspected
}

fn too_big(limit: u64) -> Problem {
    Problem::Unreadable {
        because: format!("it holds more than {limit} bytes, which no exporter writes into one object"),
    }
}

/// Reads a catalogue, whose name is its hash. Returns what is wrong with it.
pub(super) async fn check_catalog(
    archive: &Archive,
    target: &TargetName,
    key: &str,
) -> Result<Option<Problem>, VerifyError> {
    let Some(bytes) = archive.read(key).await.map_err(VerifyError::Archive)? else {
        let because = "commits name it".to_owned();
        return Ok(Some(Problem::Missing { because }));
    };
    let is = key::catalog(target, &sha256(&bytes));
    Ok((is != key).then(|| Problem::differs("name by its SHA-256", key, is)))
}
