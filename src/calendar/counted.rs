//! Which commits of a target were counted: a run of them without holes, which grows at both ends; pure.

use serde::{Deserialize, Serialize};

use crate::{commit::Commit, window::Window};

/// The commits that were counted: all from `oldest` to `newest`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counted {
    /// The newest.
    pub newest: u64,
    /// SHA-256 of its bytes.
    pub newest_sha256: String,
    /// The oldest.
    pub oldest: u64,
    /// SHA-256 of the one before it, as it says.
    pub before_sha256: Option<String>,
    /// The span that the windows of all of them cover. None: there are but backfills among them.
    pub covered: Option<Window>,
    /// What is before them.
    pub beginning: Beginning,
}

/// What is before the oldest commit that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beginning {
    /// Commits that are still to be read.
    Unread,
    /// Nothing: it is commit 0.
    First,
    /// Commits that are no longer there, as a lifecycle rule would have it.
    Gone,
    /// A commit that is not the one which it should be: `verify` tells more.
    Broken,
}

/// A commit is not the next one of those that were counted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("count commit {number}: {problem}")]
pub struct NotLinked {
    /// Its number.
    pub number: u64,
    /// Why not.
    pub problem: &'static str,
}

impl Counted {
    /// One commit alone, of these bytes' SHA-256.
    #[must_use]
    pub fn begin(commit: &Commit, sha256: String) -> Self {
        Self {
            newest: commit.number,
            newest_sha256: sha256,
            oldest: commit.number,
            before_sha256: commit.previous_sha256.clone(),
            covered: window_of(commit),
            beginning: beginning(commit.number),
        }
    }

    /// The next commit is counted, too.
    ///
    /// # Errors
    /// If it is not the next one.
    pub fn forward(&mut self, commit: &Commit, sha256: String) -> Result<(), NotLinked> {
        let not = |problem| {
            Err(NotLinked {
                number: commit.number,
                problem,
            })
        };
        if commit.number != self.newest + 1 {
            return not("it is not the next one");
        }
        if commit.previous_sha256.as_ref() != Some(&self.newest_sha256) {
            return not("it does not continue the one before it");
        }
        self.covered = match (self.covered, window_of(commit)) {
            (Some(covered), Some(next)) if covered.to != next.from => {
                return not("its window does not touch the one before it");
            }
            (Some(covered), Some(next)) => Some(Window::new(covered.from, next.to)),
            (covered, next) => covered.or(next),
        };
        (self.newest, self.newest_sha256) = (commit.number, sha256);
        Ok(())
    }

    /// The number and the SHA-256 of the commit before the oldest, if that is still to be read.
    #[must_use]
    pub fn before(&self) -> Option<(u64, &str)> {
        let sha256 = self.before_sha256.as_deref()?;
        let number = self.oldest.checked_sub(1)?;
        (self.beginning == Beginning::Unread).then_some((number, sha256))
    }

    /// The commit before the oldest is counted, too. Its SHA-256 is that of [`Counted::before`].
    ///
    /// # Errors
    /// If it is not the one before.
    pub fn back(&mut self, commit: &Commit) -> Result<(), NotLinked> {
        let not = |problem| {
            Err(NotLinked {
                number: commit.number,
                problem,
            })
        };
        if commit.number.checked_add(1) != Some(self.oldest) {
            return not("it is not the one before");
        }
        self.covered = match (window_of(commit), self.covered) {
            (Some(first), Some(covered)) if first.to != covered.from => {
                return not("its window does not touch the one after it");
            }
            (Some(first), Some(covered)) => Some(Window::new(first.from, covered.to)),
            (first, covered) => covered.or(first),
        };
        self.oldest = commit.number;
        self.before_sha256.clone_from(&commit.previous_sha256);
        self.beginning = beginning(commit.number);
        Ok(())
    }
}

fn beginning(oldest: u64) -> Beginning {
    if oldest == 0 {
        Beginning::First
    } else {
        Beginning::Unread
    }
}

fn window_of(commit: &Commit) -> Option<Window> {
    commit.is_chained().then_some(commit.window)
}
