//! How far a pass is: plain numbers that anybody may look at while it runs.

use std::sync::{Mutex, PoisonError};

use crate::{clock::Time, window::Window};

/// The live state of a target's pass.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Seen>);

/// What there is to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Where the archive was complete when the pass began, or where a comparison begins; None before that is known.
    pub from: Option<Time>,
    /// What the pass reads up to, or a comparison.
    pub to: Option<Time>,
    /// Up to here the archive is complete now, or compared.
    pub covered: Option<Time>,
    /// Up to here events were read.
    pub read: Option<Time>,
    /// Events archived by this pass.
    pub written: u64,
    /// Events shown within the slices that this pass has read.
    pub pulled: u64,
    /// Events received by this pass, page by page, repeats and those of spans that were too big included.
    pub received: u64,
    /// Commits of this pass.
    pub commits: u64,
    /// Commits and data objects that it has read in the archive, to know what is there.
    pub looks: u64,
    /// The server's clock minus ours, in seconds.
    pub skew_seconds: Option<i64>,
}

impl Progress {
    /// A copy of the numbers.
    #[must_use]
    pub fn look(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A pass is to begin: nothing is known of it yet.
    pub fn begin(&self) {
        self.change(|seen| *seen = Seen::default());
    }

    pub(super) fn plan(&self, covered: Time, whole: Window) {
        self.change(|seen| {
            (seen.from, seen.to, seen.covered) = (Some(covered), Some(whole.to), Some(covered));
        });
    }

    pub(super) fn skew(&self, seconds: Option<i64>) {
        self.change(|seen| seen.skew_seconds = seconds);
    }

    pub(super) fn read(&self, to: Time, pulled: u64) {
        self.change(|seen| {
            seen.read = Some(to);
            seen.pulled += pulled;
        });
    }

    /// A commit or a data object was read in the archive.
    pub(super) fn looked(&self) {
        self.change(|seen| seen.looks += 1);
    }

    pub(super) fn received(&self, events: usize) {
        self.change(|seen| seen.received += events as u64);
    }

    /// A comparison is that far.
    pub(super) fn compared(&self, to: Time, pulled: u64) {
        self.change(|seen| {
            (seen.covered, seen.read) = (Some(to), Some(to));
            seen.pulled += pulled;
        });
    }

    /// `covered`: up to where the archive is complete now, where that is news.
    pub(super) fn committed(&self, covered: Option<Time>, written: u64) {
        self.change(|seen| {
            seen.covered = covered.or(seen.covered);
            seen.written += written;
            seen.commits += 1;
        });
    }
}
