//! Known events: marks of what was archived lately, packed into values of at most 4 KiB, ordered by time.
//!
//! Events without a time are never forgotten: the server may show them at any time again.

use std::collections::{HashMap, hash_map::Entry};

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::{CheckpointError, database::Database, record};
use crate::{
    clock::Time,
    event::{Digest16, Mark, floor},
    target::TargetName,
    window::Window,
};

const MARK_BYTES: usize = 44;
/// Marks in a value: with its envelope it stays under 4 KiB, above which sled writes files it does not sync.
const PER_VALUE: usize = 90;

/// Events that need no archiving any more: a multiset, since records of an API without ids may be alike.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The first version of each event.
    first: HashMap<Digest16, Digest16>,
    /// The seldom others, and further copies of any, each with their number.
    others: HashMap<Digest16, Vec<(Digest16, usize)>>,
}

impl Known {
    /// Notes an event, unless exactly this one is known. In how many versions it was seen before; None: it was known.
    pub fn learn(&mut self, mark: &Mark) -> Option<usize> {
        match self.first.entry(mark.identity) {
            Entry::Vacant(entry) => {
                entry.insert(mark.fingerprint);
                return Some(0);
            }
            Entry::Occupied(entry) if *entry.get() == mark.fingerprint => return None,
            Entry::Occupied(_) => {}
        }
        let versions = self.versions(&mark.identity);
        (!self.has(mark)).then(|| {
            self.add(mark);
            versions
        })
    }

    /// Notes an event. Noted twice, it is known twice.
    pub fn add(&mut self, mark: &Mark) {
        match self.first.entry(mark.identity) {
            Entry::Vacant(entry) => {
                entry.insert(mark.fingerprint);
            }
            Entry::Occupied(_) => {
                let others = self.others.entry(mark.identity).or_default();
                match others.iter_mut().find(|(other, _)| *other == mark.fingerprint) {
                    Some((_, copies)) => *copies += 1,
                    None => others.push((mark.fingerprint, 1)),
                }
            }
        }
    }

    /// In how many versions this event was seen. 0: never seen.
    #[must_use]
    pub fn versions(&self, identity: &Digest16) -> usize {
        self.first.get(identity).map_or(0, |first| {
            1 + self
                .others(identity)
                .iter()
                .filter(|(other, _)| other != first)
                .count()
        })
    }

    /// How often exactly this event is known.
    #[must_use]
    pub fn copies(&self, mark: &Mark) -> usize {
        self.first.get(&mark.identity).map_or(0, |first| {
            let further = self.others(&mark.identity).iter();
            let mut further = further.filter(|(other, _)| *other == mark.fingerprint);
            usize::from(*first == mark.fingerprint) + further.next().map_or(0, |(_, copies)| *copies)
        })
    }

    fn others(&self, identity: &Digest16) -> &[(Digest16, usize)] {
        if self.others.is_empty() {
            return &[];
        }
        self.others.get(identity).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether exactly this event is known.
    #[must_use]
    pub fn has(&self, mark: &Mark) -> bool {
        self.copies(mark) > 0
    }
}

/// How many marks are kept and what they add up to: the same marks give the same sum, whatever their order.
/// Added up, not combined bit by bit: two copies of a mark must not cancel out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sum {
    count: u64,
    sum: u128,
}

impl Sum {
    fn add(&mut self, mark: &Mark) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(weight(mark));
    }

    fn remove(&mut self, mark: &Mark) {
        self.count = self.count.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(weight(mark));
    }
}

fn weight(mark: &Mark) -> u128 {
    u128::from_be_bytes(mark.identity).rotate_left(1) ^ u128::from_be_bytes(mark.fingerprint)
}

pub(super) fn sum(marks: &[Mark]) -> Sum {
    let mut sum = Sum::default();
    marks.iter().for_each(|mark| sum.add(mark));
    sum
}

pub(super) fn within(
    database: &Database,
    target: &TargetName,
    span: Window,
    limit: usize,
) -> Result<(Known, Window), CheckpointError> {
    let mut dated = Vec::new();
    let start = [prefix(b'k', target), time_bytes(span.from).to_vec()].concat();
    // Values are ordered by their last mark: those before `start` hold nothing of the span.
    for item in database.tree()?.range(start..after(b'k', target)) {
        let (_, value) = item.map_err(|source| database.error(source))?;
        dated.extend(unpack(&value)?.filter(|mark| mark.time.is_some_and(|time| span.contains(time))));
    }
    let mut part = span;
    if dated.len() > limit {
        dated.sort_unstable();
        let cut = dated.get(limit).and_then(|mark| mark.time).map_or(span.to, floor);
        part = span.split((cut - span.from).to_std().unwrap_or_default()).0;
    }
    let mut known = Known::default();
    dated
        .iter()
        .filter(|mark| mark.time.is_some_and(|time| part.contains(time)))
        .for_each(|mark| known.add(mark));
    for item in database.tree()?.range(prefix(b'u', target)..after(b'u', target)) {
        let (_, value) = item.map_err(|source| database.error(source))?;
        unpack(&value)?.for_each(|mark| known.add(&mark));
    }
    Ok((known, part))
}

pub(super) fn all(database: &Database, target: &TargetName) -> Result<Vec<Mark>, CheckpointError> {
    let mut marks = Vec::new();
    for kind in [b'k', b'u'] {
        for item in database.tree()?.range(prefix(kind, target)..after(kind, target)) {
            let (_, value) = item.map_err(|source| database.error(source))?;
            marks.extend(unpack(&value)?);
        }
    }
    marks.sort_unstable();
    Ok(marks)
}

/// Adds marks to a batch, under the number of the commit that wrote the events.
pub(super) fn insert(
    batch: &mut sled::Batch,
    target: &TargetName,
    number: u64,
    mut marks: Vec<Mark>,
    sum: &mut Sum,
) {
    marks.sort_unstable();
    let undated = marks.partition_point(|mark| mark.time.is_none());
    let (undated, dated) = marks.split_at(undated);
    for (kind, marks) in [(b'u', undated), (b'k', dated)] {
        for (index, part) in marks.chunks(PER_VALUE).enumerate() {
            part.iter().for_each(|mark| sum.add(mark));
            let last = part.last().and_then(|mark| mark.time).unwrap_or(Time::MIN_UTC);
            let mut key = prefix(kind, target);
            key.extend(time_bytes(last));
            key.extend(number.to_be_bytes());
            key.extend(u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes());
            let mut value = Vec::with_capacity(PER_VALUE * MARK_BYTES);
            part.iter().for_each(|mark| pack(mark, &mut value));
            batch.insert(key, record::seal(&value));
        }
    }
}

/// Removes values all of whose marks are older than `horizon`.
pub(super) fn forget(
    database: &Database,
    batch: &mut sled::Batch,
    target: &TargetName,
    horizon: Time,
    sum: &mut Sum,
) -> Result<(), CheckpointError> {
    let end = [prefix(b'k', target), time_bytes(horizon).to_vec()].concat();
    for item in database.tree()?.range(prefix(b'k', target)..end) {
        let (key, value) = item.map_err(|source| database.error(source))?;
        unpack(&value)?.for_each(|mark| sum.remove(&mark));
        batch.remove(key);
    }
    Ok(())
}

/// Removes all marks of a target.
pub(super) fn clear(
    database: &Database,
    batch: &mut sled::Batch,
    target: &TargetName,
) -> Result<(), CheckpointError> {
    for kind in [b'k', b'u'] {
        for item in database
            .tree()?
            .range(prefix(kind, target)..after(kind, target))
            .keys()
        {
            batch.remove(item.map_err(|source| database.error(source))?);
        }
    }
    Ok(())
}

fn prefix(kind: u8, target: &TargetName) -> Vec<u8> {
    [&[kind, 0], target.as_str().as_bytes(), &[0]].concat()
}

/// Just after the last key with that prefix.
fn after(kind: u8, target: &TargetName) -> Vec<u8> {
    [&[kind, 0], target.as_str().as_bytes(), &[1]].concat()
}

/// Twelve bytes that sort like the times.
fn time_bytes(time: Time) -> [u8; 12] {
    let mut bytes = [0; 12];
    let seconds = time.timestamp().cast_unsigned() ^ (1 << 63);
    let whole = (u128::from(seconds) << 32) | u128::from(time.timestamp_subsec_nanos());
    bytes.copy_from_slice(whole.to_be_bytes().get(4..).unwrap_or(&[0; 12]));
    bytes
}

fn pack(mark: &Mark, into: &mut Vec<u8>) {
    // The beginning of time stands for "no time": no service has an event there.
    into.extend(time_bytes(mark.time.unwrap_or(Time::MIN_UTC)));
    into.extend(mark.identity);
    into.extend(mark.fingerprint);
}

fn unpack(value: &[u8]) -> Result<impl Iterator<Item = Mark>, CheckpointError> {
    let bytes = record::unseal(value)?;
    Ok(bytes
        .chunks_exact(MARK_BYTES)
        .map(read_mark)
        .collect::<Vec<_>>()
        .into_iter())
}

fn read_mark(bytes: &[u8]) -> Mark {
    let number = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .unwrap_or_default()
            .iter()
            .fold(0u128, |all, byte| (all << 8) | u128::from(*byte))
    };
    let whole = number(0..12);
    let seconds = (u64::try_from(whole >> 32).unwrap_or_default() ^ (1 << 63)).cast_signed();
    let nanos = u32::try_from(whole & u128::from(u32::MAX)).unwrap_or_default();
    let time = DateTime::from_timestamp(seconds, nanos).filter(|time| *time > Time::MIN_UTC);
    Mark {
        time,
        identity: number(12..28).to_be_bytes(),
        fingerprint: number(28..44).to_be_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(identity: u8, fingerprint: u8) -> Mark {
        Mark {
            time: None,
            identity: [identity; 16],
            fingerprint: [fingerprint; 16],
        }
    }

    #[test]
    fn equal_events_are_counted_and_versions_are_told_apart() {
        let mut known = Known::default();
        let (first, second) = (mark(1, 1), mark(1, 2));
        for event in [first, second, first, second, second] {
            known.add(&event);
        }
        assert_eq!((known.copies(&first), known.copies(&second)), (2, 3));
        assert_eq!((known.copies(&mark(1, 3)), known.copies(&mark(2, 2))), (0, 0));
        assert_eq!((known.versions(&[1; 16]), known.versions(&[2; 16])), (2, 0));
    }

    #[test]
    fn what_is_learned_is_news_once() {
        let mut known = Known::default();
        let (first, second, third) = (mark(1, 1), mark(1, 2), mark(1, 3));
        let learned = [first, first, second, third, second, mark(2, 1)].map(|mark| known.learn(&mark));
        assert_eq!(learned, [Some(0), None, Some(1), Some(2), None, Some(0)]);
        assert_eq!((known.copies(&second), known.versions(&[1; 16])), (1, 3));
    }

    #[test]
    fn equal_marks_do_not_cancel_out_in_a_sum() {
        let twins = sum(&[mark(1, 1), mark(1, 1)]);
        assert_ne!(twins, sum(&[mark(2, 2), mark(2, 2)]));
        let mut one = twins;
        one.remove(&mark(1, 1));
        assert_eq!(one, sum(&[mark(1, 1)]));
    }
}
