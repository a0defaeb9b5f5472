//! Records of a target: what is remembered, and intents. Each value in an envelope, all changes in one durable batch.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{CheckpointError, Intents, Memory, Task, database::Database, known};
use crate::{
    clock::{Time, spelled},
    event::Mark,
    target::TargetName,
};

const VERSION: u8 = 1;
/// Version, length and SHA-256 before each value.
const ENVELOPE: usize = 1 + 4 + 32;
/// Longer records are spread over several values: above 4 KiB sled writes files it does not sync.
const PART: usize = 3900;

/// The due time that was served last.
#[derive(Serialize, Deserialize)]
struct Served {
    #[serde(with = "spelled")]
    due: Time,
}

pub(super) fn seal(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[VERSION][..], &length, &Sha256::digest(content), content].concat()
}

pub(super) fn unseal(value: &[u8]) -> Result<Vec<u8>, CheckpointError> {
    let damaged = || CheckpointError::Damaged {
        what: "the envelope of a value".to_owned(),
    };
    let (envelope, content) = value.split_at_checked(ENVELOPE).ok_or_else(damaged)?;
    if envelope == seal(content).get(..ENVELOPE).unwrap_or_default() {
        Ok(content.to_vec())
    } else {
        Err(damaged())
    }
}

pub(super) fn key(kind: u8, target: &TargetName) -> Vec<u8> {
    [&[kind, 0], target.as_str().as_bytes(), &[0]].concat()
}

pub(super) fn read<T: DeserializeOwned>(
    database: &Database,
    kind: u8,
    target: &TargetName,
) -> Result<Option<T>, CheckpointError> {
    let mut whole = Vec::new();
    for item in database.tree()?.scan_prefix(key(kind, target)) {
        let (_, value) = item.map_err(|source| database.error(source))?;
        whole.extend(unseal(&value)?);
    }
    if whole.is_empty() {
        return Ok(None);
    }
    let damaged = |error| CheckpointError::Damaged {
        what: format!("the record of `{target}` ({error})"),
    };
    serde_json::from_slice(&whole).map(Some).map_err(damaged)
}

pub(super) fn write<T: Serialize>(
    database: &Database,
    batch: &mut sled::Batch,
    kind: u8,
    target: &TargetName,
    record: Option<&T>,
) -> Result<(), CheckpointError> {
    let prefix = key(kind, target);
    for old in database.tree()?.scan_prefix(&prefix).keys() {
        batch.remove(old.map_err(|source| database.error(source))?);
    }
    let Some(record) = record else { return Ok(()) };
    // Plain structs of strings and numbers: serializing cannot fail.
    let whole = serde_json::to_vec(record).unwrap_or_default();
    for (index, part) in whole.chunks(PART).enumerate() {
        let index = u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes();
        batch.insert([&prefix[..], &index].concat(), seal(part));
    }
    Ok(())
}

pub(super) fn peek(database: &Database, target: &TargetName) -> Result<Option<Memory>, CheckpointError> {
    read(database, b'm', target)
}

impl Task {
    fn kind(self) -> u8 {
        match self {
            Self::Pass => b'd',
            Self::Comparison => b'c',
        }
    }
}

pub(super) fn due(
    database: &Database,
    target: &TargetName,
    task: Task,
) -> Result<Option<Time>, CheckpointError> {
    let served: Option<Served> = read(database, task.kind(), target)?;
    Ok(served.map(|served| served.due))
}

pub(super) fn note_due(
    database: &Database,
    target: &TargetName,
    task: Task,
    due: Time,
) -> Result<(), CheckpointError> {
    let mut batch = sled::Batch::default();
    write(database, &mut batch, task.kind(), target, Some(&Served { due }))?;
    database.apply(batch)
}

pub(super) fn load(
    database: &Database,
    target: &TargetName,
) -> Result<(Option<Memory>, Intents), CheckpointError> {
    let memory: Option<Memory> = read(database, b'm', target)?;
    let intents = read(database, b'i', target)?.unwrap_or_default();
    if let Some(memory) = &memory
        && known::sum(&known::all(database, target)?) != memory.known
    {
        return Err(CheckpointError::Damaged {
            what: format!("the list of known events of `{target}`"),
        });
    }
    Ok((memory, intents))
}

pub(super) fn save(
    database: &Database,
    target: &TargetName,
    memory: Option<&mut Memory>,
    intents: &Intents,
    marks: Vec<Mark>,
    horizon: Option<Time>,
) -> Result<(), CheckpointError> {
    let mut batch = sled::Batch::default();
    if let Some(memory) = memory {
        if let Some(horizon) = horizon {
            known::forget(database, &mut batch, target, horizon, &mut memory.known)?;
        }
        known::insert(&mut batch, target, memory.head.number, marks, &mut memory.known);
        write(database, &mut batch, b'm', target, Some(memory))?;
    }
    write(database, &mut batch, b'i', target, Some(intents))?;
    database.apply(batch)
}

pub(super) fn replace(
    database: &Database,
    target: &TargetName,
    memory: Option<Memory>,
    intents: &Intents,
    marks: Vec<Mark>,
) -> Result<Option<Memory>, CheckpointError> {
    let mut batch = sled::Batch::default();
    known::clear(database, &mut batch, target)?;
    let memory = memory.map(|mut memory| {
        memory.known = known::Sum::default();
        known::insert(&mut batch, target, memory.head.number, marks, &mut memory.known);
        memory
    });
    write(database, &mut batch, b'm', target, memory.as_ref())?;
    write(database, &mut batch, b'i', target, Some(intents))?;
    database.apply(batch)?;
    Ok(memory)
}
