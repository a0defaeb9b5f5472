//! A span that was read: its events, or its file, and what it took. Plain data.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Blocks, Course, Packed};
use crate::{clock::Time, event::Event, window::Window};

/// How much of a span one slice may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events.
    pub events: usize,
    /// Bytes of events.
    pub bytes: usize,
    /// Bytes of events of one millisecond, which is never cut.
    pub bytes_of_an_instant: usize,
}

impl Limits {
    /// How full a slice is of so many events and bytes of them; 1: nothing more fits.
    pub(super) fn fullness(&self, events: usize, bytes: usize) -> f64 {
        let share = |part: usize, whole: usize| {
            f64::from(u32::try_from(part).unwrap_or(u32::MAX))
                / f64::from(u32::try_from(whole.max(1)).unwrap_or(u32::MAX))
        };
        share(events, self.events).max(share(bytes, self.bytes))
    }
}

/// Memory for a part of unknown size: some at first, and as much again each time that `more` says yes.
#[derive(Clone, Copy)]
pub struct Growth<'a> {
    /// What there is, and what comes with each yes; in bytes.
    pub step: usize,
    /// Asks for more. Must not wait.
    pub more: &'a (dyn Fn() -> bool + Sync),
    /// Memory to be used again, with all that the pass reads.
    pub blocks: &'a Arc<Blocks>,
    /// How full it may come out.
    pub most: f64,
    /// What promises on its first pages to come out this full is given up at once.
    pub hopeless: f64,
    /// When what was read is packed, so that it takes less.
    pub packing: Packing,
    /// How far it has come, and where it ends.
    pub course: &'a Course,
}

impl Growth<'_> {
    /// For `hopeless`, where nothing is known yet of how dense a history is: its first page may deceive.
    pub const HOPELESS: f64 = 10.0;
}

/// When events that wait are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// Before more memory is asked for.
    First,
    /// When there is no more memory.
    Last,
    /// Not at all.
    Never,
}

/// A span, read completely.
#[derive(Debug)]
pub struct Slice {
    /// The span: all that was asked for, or a part of it.
    pub span: Window,
    /// Its events that were not known, in no order, each once.
    pub events: Vec<Event>,
    /// More of them.
    pub packed: Vec<Packed>,
    /// The file, where the server made one of the span that holds any row. Then there are no events.
    pub file: Option<File>,
    /// From here on the file holds all that the server has. None: of the whole span.
    pub complete_from: Option<Time>,
    /// Events shown within the span, repeats and known ones included.
    pub pulled: u64,
    /// Of these, repeats and known ones.
    pub duplicate: u64,
    /// Of the others, those with the id of another event.
    pub conflict: u64,
    /// The oldest time that the server showed within what it was asked for. Others prove nothing about what it keeps.
    pub oldest: Option<Time>,
    /// What it took.
    pub effort: Effort,
    /// 1: nothing more would have fitted.
    pub fullness: f64,
}

impl Slice {
    /// What it takes in memory, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.plain_weight() + self.packed.iter().map(Packed::weight).sum::<usize>()
    }

    /// What it takes in memory when nothing of it is packed, in bytes.
    #[must_use]
    pub fn full_weight(&self) -> usize {
        let packed = self.packed.iter().map(|packed| packed.full_weight);
        self.plain_weight() + packed.sum::<usize>()
    }

    fn plain_weight(&self) -> usize {
        let events = self.events.iter().map(Event::weight);
        let file = self.file.as_ref().map_or(0, |file| file.bytes.len());
        events.sum::<usize>() + file
    }

    /// Unpacks what is packed.
    ///
    /// # Errors
    /// When memory is not what it was.
    pub fn unpack(&mut self, blocks: &Arc<Blocks>) -> io::Result<()> {
        for packed in std::mem::take(&mut self.packed) {
            self.events.append(&mut packed.unpack(blocks)?);
        }
        Ok(())
    }
}

/// A file that the server made, byte for byte.
#[derive(Clone, Debug)]
pub struct File {
    /// All of it.
    pub bytes: Bytes,
    /// What it is.
    pub kind: FileKind,
    /// Its rows, without the header.
    pub rows: u64,
    /// The time of its oldest row as the server spelled it, where that can be told.
    pub first: Option<String>,
    /// The time of its newest row as the server spelled it, where that can be told.
    pub last: Option<String>,
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// Rows of text.
    Csv,
    /// An archive with such a file in it.
    Zip,
}

impl FileKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Csv, Self::Zip];

    /// What its name ends in, without a dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Zip => "zip",
        }
    }
}

/// Requests and pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effort {
    /// HTTP requests sent, repeats included.
    pub requests: u64,
    /// Pages read.
    pub pages: u64,
}

impl std::ops::AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.pages += other.pages;
    }
}

/// What reading a span came to.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and hardly ever the small one"
)]
pub enum Outcome {
    /// All of it, or the part of it that the slice says.
    Complete(Slice),
    /// More than the limits: nothing of it is kept.
    TooBig {
        /// A width that should fit. Always less than the span's.
        width: Duration,
        /// What it took.
        effort: Effort,
    },
}
