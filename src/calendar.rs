//! What each UTC day of a target comes to, summed up from its commits: events, gaps, how far the archive reaches; pure.
//!
//! A cache, as all that is remembered here: it is counted from the commits in the archive and can be counted again. It
//! proves nothing; `verify` does.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Time, spelled},
    commit::{Commit, Kind},
    event::read_time,
    key,
    target::Api,
    window::Window,
};

mod counted;

pub use counted::{Beginning, Counted, NotLinked};

/// Days that one commit can say something of, at most: more than any service keeps.
const MOST_DAYS: u64 = 36_525;
/// Gaps that are listed for a target, at most: the newest. Days know of all of them.
const MOST_GAPS: usize = 200;
/// As much of a gap's reason is kept, in bytes.
const LONGEST_REASON: usize = 300;
/// A day's milliseconds.
const WHOLE_DAY: i64 = 86_400_000;

/// The newest commits that are listed for a target, at most.
const MOST_RECENT: usize = 20;

/// What one commit says of days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// By day.
    pub days: BTreeMap<NaiveDate, Sum>,
    /// The hole that it admits.
    pub gap: Option<Gap>,
    /// The commit itself, in short.
    pub recent: Recent,
}

/// A commit, in short.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recent {
    /// Its number.
    pub number: u64,
    /// What it is for.
    pub kind: Kind,
    /// The span of event time that it covers.
    pub window: Window,
    /// Events that it archived.
    pub written: u64,
    /// Who wrote it.
    pub instance: String,
    /// When.
    #[serde(with = "spelled")]
    pub at: Time,
}

/// What commits say of one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sum {
    /// Archived events, each once, whatever formats it lies in.
    #[serde(rename = "e", default, skip_serializing_if = "is_default")]
    pub events: u64,
    /// Milliseconds of it that are an admitted hole.
    #[serde(rename = "g", default, skip_serializing_if = "is_default")]
    pub gap_ms: u32,
    /// A file of the server's own holds rows of it that were not counted: it has rows of other days, too, or some that
    /// other files have as well.
    #[serde(rename = "f", default, skip_serializing_if = "is_default")]
    pub in_file: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The days of a month that anything is known of, by their number.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Month(pub BTreeMap<u32, Sum>);

/// An admitted hole in what is archived.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// Where.
    pub window: Window,
    /// Why, as its commit says. At most 300 bytes.
    pub reason: Option<String>,
}

/// How far the windows of commits cover a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Covered {
    /// It lies before the archive begins.
    Before,
    /// From its first to its last millisecond.
    Whole,
    /// A part of it: the archive begins on it, or reaches no further yet.
    Partly,
    /// The archive does not reach it yet.
    NotYet,
}

/// How much of a day is an admitted hole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Nothing.
    None,
    /// Less than all of it.
    Some,
    /// All of it.
    Whole,
}

/// A UTC day of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// Which.
    pub date: NaiveDate,
    /// Events of that day in the archive, but for those of which only `in_file` tells.
    pub events: u64,
    /// Files of the server's own have, or may have, rows of it that were not counted.
    pub in_file: bool,
    /// Admitted holes.
    pub gap: Part,
    /// Whether it is covered. Says nothing where the day is not known.
    pub covered: Covered,
    /// Every commit that may tell of it was counted here. False: older commits are still to be read.
    pub known: bool,
}

/// The days of a target that somebody asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// Which commits were counted. None: none yet.
    pub counted: Option<Counted>,
    /// By their number: see [`month_of`].
    pub months: BTreeMap<i32, Month>,
    /// Gaps, the oldest first; the newest 200.
    pub gaps: Vec<Gap>,
    /// The last commits, the newest first; 20 at most.
    pub recent: Vec<Recent>,
}

/// The number of a day's month: later months have higher ones.
#[must_use]
pub fn month_of(date: NaiveDate) -> i32 {
    date.year() * 12 + date.month0().cast_signed()
}

impl Tally {
    /// What a commit says.
    #[must_use]
    pub fn of(commit: &Commit) -> Self {
        let mut tally = Self {
            days: BTreeMap::new(),
            gap: None,
            recent: Recent {
                number: commit.number,
                kind: commit.kind,
                window: commit.window,
                written: commit.counts.written,
                instance: commit.instance.clone(),
                at: commit.committed_at,
            },
        };
        for object in &commit.objects {
            match object.format.as_str() {
                "jsonl" => {
                    if let Some(day) = key::day_of_data(&object.key) {
                        tally.day(day).events += object.events;
                    }
                }
                "raw" if object.events > 0 => {
                    let time = |text: &Option<String>| text.as_deref().and_then(read_time);
                    let rows = time(&object.first).zip(time(&object.last));
                    let (first, last) = rows.unwrap_or((commit.window.from, last_instant(commit.window)));
                    let (first, last) = (first.date_naive(), last.date_naive());
                    // The newest records are in the next file again.
                    let repeats = commit.source.api == Api::ClassicCsv;
                    if rows.is_some() && first == last && !repeats {
                        tally.day(first).events += object.events;
                    } else {
                        days(first, last).for_each(|day| tally.day(day).in_file = true);
                    }
                }
                // Views of what is counted already.
                _ => {}
            }
        }
        if commit.kind == Kind::Gap {
            for (day, length) in parts(commit.window) {
                tally.day(day).gap_ms += length;
            }
            tally.gap = Some(Gap {
                window: commit.window,
                reason: commit.reason.as_deref().map(short),
            });
        }
        tally
    }

    fn day(&mut self, day: NaiveDate) -> &mut Sum {
        self.days.entry(day).or_default()
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.events = self.events.saturating_add(other.events);
        self.gap_ms = self.gap_ms.saturating_add(other.gap_ms);
        self.in_file = self.in_file || other.in_file;
    }
}

/// Adds a gap to a list that is in order: gaps that touch and have the same reason become one.
pub fn add_gap(gaps: &mut Vec<Gap>, gap: Gap) {
    if gap.window.is_empty() {
        return;
    }
    let at = gaps.partition_point(|other| other.window.from < gap.window.from);
    gaps.insert(at, gap);
    gaps.dedup_by(|next, first| {
        let touch = first.window.to == next.window.from && first.reason == next.reason;
        if touch {
            first.window.to = next.window.to;
        }
        touch
    });
    let over = gaps.len().saturating_sub(MOST_GAPS);
    gaps.drain(..over);
}

/// Adds a commit to a list that has the newest first, and keeps that as short as it is.
pub fn add_recent(list: &mut Vec<Recent>, recent: Recent) {
    let at = list.partition_point(|other| other.number > recent.number);
    list.insert(at, recent);
    list.truncate(MOST_RECENT);
}

impl Calendar {
    /// Each day that was asked for, in order.
    #[must_use]
    pub fn days(&self) -> Vec<Day> {
        days(self.from, self.to).map(|date| self.day(date)).collect()
    }

    /// From here on everything is known. None: nothing is.
    #[must_use]
    pub fn known_from(&self) -> Option<Time> {
        let counted = self.counted.as_ref()?;
        match counted.beginning {
            Beginning::Unread => counted.covered.map(|covered| covered.from),
            Beginning::First | Beginning::Gone | Beginning::Broken => Some(Time::MIN_UTC),
        }
    }

    /// Where the archive begins, as far as its oldest commits are still there. None: they were not read yet.
    #[must_use]
    pub fn begins(&self) -> Option<Time> {
        let counted = self.counted.as_ref()?;
        let read = counted.beginning != Beginning::Unread;
        counted.covered.filter(|_| read).map(|covered| covered.from)
    }

    /// Up to here the archive is complete, by the commits counted so far.
    #[must_use]
    pub fn covered_to(&self) -> Option<Time> {
        Some(self.counted.as_ref()?.covered?.to)
    }

    fn day(&self, date: NaiveDate) -> Day {
        let month = self.months.get(&month_of(date));
        let sum = month.and_then(|month| month.0.get(&date.day())).copied();
        let sum = sum.unwrap_or_default();
        let (begin, end) = bounds(date);
        let covered = self.counted.as_ref().and_then(|counted| counted.covered);
        let covered = match covered {
            None => Covered::NotYet,
            Some(covered) if end <= covered.from => Covered::Before,
            Some(covered) if covered.to <= begin => Covered::NotYet,
            Some(covered) if covered.from <= begin && end <= covered.to => Covered::Whole,
            Some(_) => Covered::Partly,
        };
        let gap = match i64::from(sum.gap_ms) {
            0 => Part::None,
            gap if gap >= WHOLE_DAY => Part::Whole,
            _ => Part::Some,
        };
        Day {
            date,
            events: sum.events,
            in_file: sum.in_file,
            gap,
            covered,
            known: self.known_from().is_some_and(|known| known <= begin),
        }
    }
}

/// The first millisecond of a day and that of the next one.
fn bounds(day: NaiveDate) -> (Time, Time) {
    let begin = DateTime::from_naive_utc_and_offset(day.and_time(chrono::NaiveTime::MIN), chrono::Utc);
    let end = begin.checked_add_signed(TimeDelta::days(1));
    (begin, end.unwrap_or(Time::MAX_UTC))
}

/// The days from one to another, both included; the newest of very many.
fn days(first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let oldest = last.checked_sub_days(Days::new(MOST_DAYS)).unwrap_or(first);
    first.max(oldest).iter_days().take_while(move |day| *day <= last)
}

/// The days of a window, each with the milliseconds of it.
fn parts(window: Window) -> impl Iterator<Item = (NaiveDate, u32)> {
    let all = days(window.from.date_naive(), last_instant(window).date_naive());
    all.filter_map(move |day| {
        let (begin, end) = bounds(day);
        let length = window.to.min(end) - window.from.max(begin);
        u32::try_from(length.num_milliseconds())
            .ok()
            .filter(|length| *length > 0)
            .map(|length| (day, length))
    })
}

fn last_instant(window: Window) -> Time {
    let last = window.to.checked_sub_signed(TimeDelta::milliseconds(1));
    last.unwrap_or(window.to).max(window.from)
}

fn short(reason: &str) -> String {
    let end = (0..=LONGEST_REASON.min(reason.len()))
        .rev()
        .find(|end| reason.is_char_boundary(*end));
    reason
        .get(..end.unwrap_or_default())
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests;
