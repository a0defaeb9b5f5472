//! Reads an archive and trusts nothing in it: is it complete, is it unaltered?
//!
//! Needs the archive alone: no configuration, no state, no server. Writes nothing.
//!
//! Every commit is read in order, and every object that commits name is hashed, on all cores and as it is unpacked. With
//! `deep`, every event is read too.
//!
//! Memory: about a kilobyte for each data object of the target at hand (two hundred bytes more for each object of the
//! archive while it is listed); stored bytes of 64 MiB, or of 16 MiB for each core where that is more (one object of up to
//! 1 GiB has it alone); for each core a piece of content; and with `deep` 40 bytes for each event of one day and of the 64
//! objects after it.

use serde::Serialize;
use tokio::task::JoinError;

use crate::{
    archive::{Archive, ArchiveError},
    target::{BadTargetName, TargetName},
};

mod chain;
mod checking;
mod events;
mod finding;
mod listing;
mod object;
mod record;
mod report;
mod room;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use checking::Checking;

pub(crate) use object::{MAX_CONTENT, unpack};
pub(crate) use record::{Job, jobs};
pub(crate) use room::{AT_ONCE, Room, Taken};

pub use finding::{Finding, Note, Problem};
pub use report::{ByKind, Gap, Report, TargetReport};

/// What to check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Names of targets. Empty: all that have a commit.
    pub targets: Vec<String>,
    /// The first commit to check. None: the oldest there is. A number one beyond the last commit is good: nothing new.
    pub since: Option<u64>,
    /// Whether to read every event.
    pub deep: bool,
}

/// How far checking is. Totals are of the target at hand; those of objects are known once its commits are read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Progress {
    /// The target at hand.
    pub target: String,
    /// Commits read.
    pub commits: u64,
    /// Commits to read.
    pub commits_total: u64,
    /// Data objects hashed.
    pub objects: u64,
    /// Data objects to hash.
    pub objects_total: u64,
    /// Stored bytes of the objects hashed.
    pub bytes: u64,
    /// Stored bytes of the objects to hash.
    pub bytes_total: u64,
}

/// Why an archive could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Its store.
    #[error("read the archive")]
    Archive(#[source] ArchiveError),
    /// There is nothing.
    #[error("read the archive `{place}`: it holds no commit")]
    Empty {
        /// The archive.
        place: String,
    },
    /// No target can be called so.
    #[error("find the target")]
    Target(#[source] BadTargetName),
    /// A worker died.
    #[error("hash an object")]
    Died(#[source] JoinError),
}

impl VerifyError {
    /// 12: the archive cannot be read; 2: a name that no target can have.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Archive(_) | Self::Empty { .. } | Self::Died(_) => 12,
            Self::Target(_) => 2,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Archive(source) => source.hint(),
            Self::Empty { .. } => Some("is this the archive's URL, prefix included?".to_owned()),
            Self::Target(_) | Self::Died(_) => None,
        }
    }
}

/// Checks an archive. `progress` is told after every commit and object.
///
/// # Errors
/// If the archive cannot be read, or holds no commit at all. What is wrong in it is no error: see [`Report`].
pub async fn verify(
    archive: &Archive,
    options: &Options,
    progress: impl Fn(&Progress) + Send + Sync,
) -> Result<Report, VerifyError> {
    let only: Vec<TargetName> = options
        .targets
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()
        .map_err(VerifyError::Target)?;
    let (found, foreign) = listing::commits(archive, &only).await?;
    if found.is_empty() {
        let place = archive.place().to_owned();
        return Err(VerifyError::Empty { place });
    }
    let mut report = Report::default();
    let mut checked = Vec::new();
    for (target, numbers) in found {
        let checking = Checking::new(archive, target, options, &progress);
        let (of_target, what) = checking.run(numbers).await?;
        report.targets.push(of_target);
        checked.push(what);
    }
    report.notes.extend(foreign.note());
    let (mut strays, notes) = listing::strays(archive, &checked, only.is_empty()).await?;
    report.notes.extend(notes);
    for (of_target, checked) in report.targets.iter_mut().zip(&checked) {
        let Some((strays, (_, last))) = strays.remove(&checked.target).zip(checked.numbers) else {
            continue;
        };
        of_target.notes.extend(strays.notes());
        of_target
            .findings
            .extend(strays.lost_tail(archive, &checked.target, last).await?);
    }
    Ok(report)
}
