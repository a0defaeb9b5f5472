//! What is archived of a target, day by day: plain data that calendars are drawn from.

use chrono::NaiveDate;

use crate::{clock::Time, commit::Kind};

/// What is known of a target's archive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Where the archive begins: commit 0's `from`. None: not known.
    pub begins: Option<Time>,
    /// In order; days that are not there are not known.
    pub days: Vec<Day>,
    /// Admitted holes, oldest first.
    pub gaps: Vec<Gap>,
    /// The last commits, newest first.
    pub recent: Vec<Recent>,
}

/// A UTC day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// Which.
    pub date: NaiveDate,
    /// Archived events of that day.
    pub events: u64,
    /// Whether an admitted hole touches it.
    pub gap: bool,
    /// How much of it commits cover.
    pub covered: Covered,
    /// Whether all commits that may tell of it were read by this process or its predecessors.
    pub known: bool,
}

/// How much of a day commits cover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Covered {
    /// All of it.
    Whole,
    /// The archive begins or ends within it.
    Partly,
    /// It lies after the end.
    NotYet,
    /// It lies before the beginning.
    Before,
}

/// An admitted hole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Where it begins.
    pub from: Time,
    /// Where it ends.
    pub to: Time,
    /// Why.
    pub reason: Option<String>,
}

/// A commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recent {
    /// Its number.
    pub number: u64,
    /// What it is for.
    pub kind: Kind,
    /// The span of event time that it covers.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// Events that it archived.
    pub written: u64,
    /// Who wrote it.
    pub instance: String,
    /// When.
    pub at: Time,
}
