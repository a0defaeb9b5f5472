//! The archive compared with the truth: every line of every committed object against the simulator's own bytes.

use std::collections::HashMap;

use uipath_audit_simulator::{Simulator, TruthEvent};

use super::history::{STREAMS, Stream};
use crate::{
    archive::Archive,
    cli::CliError,
    commit::{Commit, Object},
    encode::decompress,
    event::{Event, Schema},
    key::{self, Format},
    settings::Settings,
    target::TargetName,
};

/// No object of a demo holds more, in bytes.
const LARGEST: u64 = 1 << 30;

/// What the archive holds of a target.
#[derive(Default)]
pub(super) struct Found {
    pub(super) target: String,
    /// Events that really happened.
    pub(super) happened: u64,
    /// Of these, archived exactly once and byte for byte.
    pub(super) exact: u64,
    /// Archived lines that are none of these, or were there before.
    pub(super) wrong: u64,
    pub(super) commits: u64,
    pub(super) objects: u64,
    /// Stored bytes of the objects.
    pub(super) stored: u64,
    /// Bytes of events, uncompressed.
    pub(super) bytes: u64,
}

impl Found {
    /// Whether nothing is missing, twice, changed or invented.
    pub(super) fn is_exact(&self) -> bool {
        self.exact == self.happened && self.wrong == 0
    }
}

pub(super) async fn archive_with_truth(
    settings: &Settings,
    simulator: &Simulator,
) -> Result<Vec<Found>, CliError> {
    let archive = Archive::open(&settings.archive).map_err(CliError::Archive)?;
    let mut all = Vec::new();
    for (stream, target) in STREAMS.iter().zip(&settings.targets) {
        all.push(compare(&archive, simulator, stream, &target.name).await?);
    }
    Ok(all)
}

async fn compare(
    archive: &Archive,
    simulator: &Simulator,
    stream: &Stream,
    target: &TargetName,
) -> Result<Found, CliError> {
    let truth = simulator.truth(&stream.id());
    let mut left: HashMap<&str, &TruthEvent> = truth
        .iter()
        .filter_map(|event| event.id.as_deref().map(|id| (id, event)))
        .collect();
    let mut found = Found {
        target: target.to_string(),
        happened: truth.len() as u64,
        ..Found::default()
    };
    for listed in archive
        .list(&key::commits(target), None)
        .await
        .map_err(CliError::Archive)?
    {
        let Some(commit) = read(archive, &listed.key).await? else {
            found.wrong += 1;
            continue;
        };
        found.commits += 1;
        for object in commit
            .objects
            .iter()
            .filter(|object| object.format == Format::Jsonl.as_str())
        {
            found.objects += 1;
            found.stored += object.bytes;
            let stored = archive.read(&object.key).await.map_err(CliError::Archive)?;
            match stored.map(|stored| decompress(&object.key, stored, LARGEST)) {
                Some(Ok(content)) => lines(&content, &mut left, &mut found),
                Some(Err(_)) | None => found.wrong += events(object),
            }
        }
    }
    Ok(found)
}

async fn read(archive: &Archive, key: &str) -> Result<Option<Commit>, CliError> {
    let bytes = archive.read(key).await.map_err(CliError::Archive)?;
    Ok(bytes.and_then(|bytes| Commit::from_bytes(&bytes).ok()))
}

/// An unreadable object is wrong even where it should hold nothing.
fn events(object: &Object) -> u64 {
    object.events.max(1)
}

fn lines(content: &bytes::Bytes, left: &mut HashMap<&str, &TruthEvent>, found: &mut Found) {
    found.bytes += content.len() as u64;
    for line in content
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let event = Event::parse(content.slice_ref(line), Schema::Unified).ok();
        let known = event.and_then(|event| left.remove(&*event.id()));
        if known.is_some_and(|known| known.accepts(line)) {
            found.exact += 1;
        } else {
            found.wrong += 1;
        }
    }
}
