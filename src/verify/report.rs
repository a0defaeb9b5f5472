//! What checking an archive brought to light, for people and for machines; pure.

use std::fmt;

use serde::Serialize;

use super::finding::{Finding, Note};
use crate::{
    clock::spell,
    commit::{Commit, Kind},
    window::Window,
};

/// The outcome of [`super::verify`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Report {
    /// The targets checked, by name.
    pub targets: Vec<TargetReport>,
    /// What concerns no target.
    pub notes: Vec<Note>,
}

/// What is known about one target.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct TargetReport {
    /// Its name.
    pub target: String,
    /// The first commit checked and the last one there is. None: there is nothing to check.
    pub numbers: Option<(u64, u64)>,
    /// The span of event time that the checked commits cover, holes and gaps included.
    pub coverage: Option<Window>,
    /// How many commits, by kind.
    pub commits: ByKind,
    /// How many events they archived, by the commits' kind; no event is counted for each format.
    pub events: ByKind,
    /// Data objects, of every format.
    pub objects: u64,
    /// Their stored size.
    pub bytes: u64,
    /// The holes that are admitted.
    pub gaps: Vec<Gap>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
}

/// A number for each kind of commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ByKind {
    /// `events`.
    pub events: u64,
    /// `empty`.
    pub empty: u64,
    /// `backfill`.
    pub backfill: u64,
    /// `gap`.
    pub gap: u64,
}

/// An admitted hole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Gap {
    /// The commit that admits it.
    pub number: u64,
    /// The span of which nothing is known.
    pub window: Window,
    /// Why.
    pub reason: String,
}

impl Gap {
    /// The gap that a commit admits, if it does.
    pub(crate) fn of(commit: &Commit) -> Option<Self> {
        (commit.kind == Kind::Gap).then(|| Self {
            number: commit.number,
            window: commit.window,
            reason: commit.reason.clone().unwrap_or_default(),
        })
    }
}

impl ByKind {
    pub(super) fn add(&mut self, kind: Kind, number: u64) {
        let sum = match kind {
            Kind::Events => &mut self.events,
            Kind::Empty => &mut self.empty,
            Kind::Backfill => &mut self.backfill,
            Kind::Gap => &mut self.gap,
        };
        // What commits claim may be anything.
        *sum = sum.saturating_add(number);
    }

    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        [self.events, self.empty, self.backfill, self.gap]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

impl Report {
    /// 0: complete and unaltered. 10: something is altered or missing. 11: only a hole that no gap admits.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let codes = self.findings().map(|finding| finding.problem.exit_code());
        codes.min().unwrap_or(0)
    }

    /// The findings of all targets.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.targets.iter().flat_map(|target| &target.findings)
    }
}

/// `1 event`, `2 events`.
fn count(number: u64, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for target in &self.targets {
            target.fmt(f)?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        let sum = |of: fn(&TargetReport) -> u64| self.targets.iter().map(of).fold(0, u64::saturating_add);
        let (commits, events) = (
            sum(|target| target.commits.sum()),
            sum(|target| target.events.sum()),
        );
        let objects = sum(|target| target.objects);
        let checked = format!(
            "{}, {}, {}",
            count(events, "event"),
            count(objects, "object"),
            count(commits, "commit")
        );
        let wrong = self.findings().map(|_| 1).sum();
        let gaps = self.targets.iter().map(|target| target.gaps.len() as u64).sum();
        match self.exit_code() {
            0 if gaps > 0 => writeln!(
                f,
                "unaltered, and complete but for {}: {checked}",
                count(gaps, "admitted gap")
            ),
            0 => writeln!(f, "complete and unaltered: {checked}"),
            11 => writeln!(
                f,
                "INCOMPLETE: {} that no gap admits, in {checked}",
                count(wrong, "hole")
            ),
            _ => writeln!(f, "ALTERED OR MISSING: {} in {checked}", count(wrong, "finding")),
        }
    }
}

impl fmt::Display for TargetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.target)?;
        match self.numbers {
            Some((first, last)) => write!(f, "commits {first} to {last}")?,
            None => write!(f, "no commit to check")?,
        }
        if let Some(coverage) = self.coverage {
            write!(f, ", {} to {}", spell(coverage.from), spell(coverage.to))?;
        }
        writeln!(f)?;
        let (kinds, bytes) = (self.commits, self.bytes);
        writeln!(
            f,
            "  {} in {} ({bytes} bytes); {} with events, {} empty, {}, {}",
            count(self.events.sum(), "event"),
            count(self.objects, "object"),
            count(kinds.events, "commit"),
            kinds.empty,
            count(kinds.gap, "gap"),
            count(kinds.backfill, "backfill"),
        )?;
        for gap in &self.gaps {
            let (from, to) = (spell(gap.window.from), spell(gap.window.to));
            writeln!(f, "  gap: {from} to {to} (commit {}): {}", gap.number, gap.reason)?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        Ok(())
    }
}
