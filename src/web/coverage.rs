//! What is archived of a target, day by day: plain data that calendars are drawn from.

use chrono::NaiveDate;

use crate::{clock::Time, commit::Kind, window::Window};

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
    /// Archived events of that day, as far as they were counted: not those in files over several days.
    pub events: u64,
    /// A file of the server's own has rows of it and of other days.
    pub in_file: bool,
    /// Admitted holes.
    pub gap: Part,
    /// How much of it commits cover. Says nothing where the day is not known.
    pub covered: Covered,
    /// Every commit that may tell of it was read. False: older ones are still to be.
    pub known: bool,
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
    /// Where.
    pub window: Window,
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
