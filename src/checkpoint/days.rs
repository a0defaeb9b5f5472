//! What is remembered of a target's commits for people to see and to be told of: the calendar, and the last announcement.
//!
//! Nothing that a pass builds on. Each change is one durable step that happens only to what its author has seen: whoever
//! comes second changes nothing.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{CheckpointError, Memory, TargetCheckpoint, database::Database, record};
use crate::{
    calendar::{Calendar, Counted, Gap, Month, Recent, Tally, add_gap, add_recent, month_of},
    target::TargetName,
};

/// Which commits were counted, the calendar's months, its gaps, its last commits, the next commit to announce.
const COUNTED: u8 = b'f';
const MONTH: u8 = b'y';
const GAPS: u8 = b'g';
const RECENT: u8 = b'r';
const ANNOUNCED: u8 = b'w';

/// A calendar has no more days than this: ten years and some.
const MOST_DAYS: u64 = 3_700;

/// What is remembered of a target, as far as whoever follows its commits needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// What passes remember. None: nothing, or not at the moment.
    pub memory: Option<Memory>,
    /// Which commits the calendar holds.
    pub counted: Option<Counted>,
    /// Which commits were announced.
    pub announced: Option<Announced>,
}

/// Up to where commits were announced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announced {
    /// The next one to announce.
    pub next: u64,
    /// SHA-256 of the one before it. None: it was not looked at.
    pub before_sha256: Option<String>,
}

impl TargetCheckpoint {
    /// The days from one to another, both included; of more than 3,700 the first ones. What is not known of them says so.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn calendar(&self, from: NaiveDate, to: NaiveDate) -> Result<Calendar, CheckpointError> {
        let last = from.checked_add_days(Days::new(MOST_DAYS - 1)).unwrap_or(to);
        let (target, to) = (self.target.clone(), to.min(last));
        self.run_now(move |database| calendar(database, &target, from, to))
            .await
    }

    /// What is remembered of a target's commits.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn followed(&self) -> Result<Followed, CheckpointError> {
        let target = self.target.clone();
        self.run_now(move |database| followed(database, &target)).await
    }

    /// Makes it durable, in one step, that these commits were counted and what they say of days; does nothing if what was
    /// counted is not `seen` any more. Whether it was.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn count(
        &self,
        seen: Option<Counted>,
        counted: Counted,
        tallies: Vec<Tally>,
    ) -> Result<bool, CheckpointError> {
        let target = self.target.clone();
        self.run_now(move |database| count(database, &target, seen.as_ref(), &counted, &tallies))
            .await
    }

    /// Forgets the calendar, if what was counted is still `seen`: it is counted anew.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn uncount(&self, seen: Counted) -> Result<(), CheckpointError> {
        let target = self.target.clone();
        self.run_now(move |database| uncount(database, &target, &seen))
            .await
    }

    /// Makes durable up to where commits were announced; does nothing if what was remembered is not `seen` any more.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn announce(
        &self,
        seen: Option<Announced>,
        announced: Option<Announced>,
    ) -> Result<(), CheckpointError> {
        let target = self.target.clone();
        self.run_now(move |database| announce(database, &target, seen.as_ref(), announced.as_ref()))
            .await
    }

    async fn run_now<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Database) -> Result<T, CheckpointError> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        self.run_in(self.whole.quarantined(), step).await
    }
}

fn followed(database: &Database, target: &TargetName) -> Result<Followed, CheckpointError> {
    Ok(Followed {
        memory: record::peek(database, target)?,
        counted: record::read(database, COUNTED, target)?,
        announced: record::read(database, ANNOUNCED, target)?,
    })
}

/// Adds commits to the calendar, if what was counted is still `seen`. Whether it was.
fn count(
    database: &Database,
    target: &TargetName,
    seen: Option<&Counted>,
    counted: &Counted,
    tallies: &[Tally],
) -> Result<bool, CheckpointError> {
    let stands: Option<Counted> = record::read(database, COUNTED, target)?;
    if stands.as_ref() != seen {
        return Ok(false);
    }
    let mut batch = sled::Batch::default();
    let mut months: BTreeMap<i32, Month> = BTreeMap::new();
    let mut gaps: Option<Vec<Gap>> = None;
    for tally in tallies {
        for (day, sum) in &tally.days {
            let number = month_of(*day);
            if let std::collections::btree_map::Entry::Vacant(place) = months.entry(number) {
                place.insert(month(database, target, number)?.unwrap_or_default());
            }
            let month = months.entry(number).or_default();
            *month.0.entry(day.day()).or_default() += *sum;
        }
        if let Some(gap) = &tally.gap {
            let list = match &mut gaps {
                Some(list) => list,
                None => gaps.insert(record::read(database, GAPS, target)?.unwrap_or_default()),
            };
            add_gap(list, gap.clone());
        }
    }
    for (number, month) in months {
        // Plain numbers: serializing cannot fail.
        let content = serde_json::to_vec(&month).unwrap_or_default();
        batch.insert(month_key(target, number), record::seal(&content));
    }
    if gaps.is_some() {
        record::write(database, &mut batch, GAPS, target, gaps.as_ref())?;
    }
    let old: Vec<Recent> = record::read(database, RECENT, target)?.unwrap_or_default();
    let mut recent = old.clone();
    for tally in tallies {
        add_recent(&mut recent, tally.recent.clone());
    }
    if recent != old {
        record::write(database, &mut batch, RECENT, target, Some(&recent))?;
    }
    record::write(database, &mut batch, COUNTED, target, Some(counted))?;
    database.apply(batch)?;
    Ok(true)
}

/// Forgets the calendar, if what was counted is still `seen`.
fn uncount(database: &Database, target: &TargetName, seen: &Counted) -> Result<(), CheckpointError> {
    let stands: Option<Counted> = record::read(database, COUNTED, target)?;
    if stands.as_ref() != Some(seen) {
        return Ok(());
    }
    let mut batch = sled::Batch::default();
    for kind in [COUNTED, MONTH, GAPS, RECENT] {
        for key in database.tree()?.scan_prefix(record::key(kind, target)).keys() {
            batch.remove(key.map_err(|source| database.error(source))?);
        }
    }
    database.apply(batch)
}

/// Remembers which commits were announced, if what was remembered is still `seen`.
fn announce(
    database: &Database,
    target: &TargetName,
    seen: Option<&Announced>,
    announced: Option<&Announced>,
) -> Result<(), CheckpointError> {
    let stands: Option<Announced> = record::read(database, ANNOUNCED, target)?;
    if stands.as_ref() != seen {
        return Ok(());
    }
    let mut batch = sled::Batch::default();
    record::write(database, &mut batch, ANNOUNCED, target, announced)?;
    database.apply(batch)
}

fn calendar(
    database: &Database,
    target: &TargetName,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Calendar, CheckpointError> {
    let mut months = BTreeMap::new();
    for number in month_of(from)..=month_of(to) {
        if let Some(month) = month(database, target, number)? {
            months.insert(number, month);
        }
    }
    Ok(Calendar {
        from,
        to,
        counted: record::read(database, COUNTED, target)?,
        months,
        gaps: record::read(database, GAPS, target)?.unwrap_or_default(),
        recent: record::read(database, RECENT, target)?.unwrap_or_default(),
    })
}

fn month(database: &Database, target: &TargetName, number: i32) -> Result<Option<Month>, CheckpointError> {
    let key = month_key(target, number);
    let found = database
        .tree()?
        .get(key)
        .map_err(|source| database.error(source))?;
    let Some(value) = found else { return Ok(None) };
    let damaged = |error| CheckpointError::Damaged {
        what: format!("a month of `{target}` ({error})"),
    };
    serde_json::from_slice(&record::unseal(&value)?)
        .map(Some)
        .map_err(damaged)
}

fn month_key(target: &TargetName, number: i32) -> Vec<u8> {
    // Sorts like the months, those before our era first.
    let sortable = number.cast_unsigned() ^ (1 << 31);
    [&record::key(MONTH, target)[..], &sortable.to_be_bytes()].concat()
}
