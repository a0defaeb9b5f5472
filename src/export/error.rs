//! Why a pass did not bring its target up to now. None of these loses an event.

use crate::{
    archive::ArchiveError,
    checkpoint::CheckpointError,
    clock::{Time, spell},
    commit::BadCommit,
    encode::DecompressError,
    error::Action,
    json::JsonError,
    source::SourceError,
};

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The server.
    #[error(transparent)]
    Source(SourceError),
    /// The long-term store of what the live API no longer shows.
    #[error("read what is older than `retention`")]
    Store(#[source] SourceError),
    /// The long-term store, as something to compare with.
    #[error("compare with the long-term store")]
    Compare(#[source] SourceError),
    /// The archive's store.
    #[error(transparent)]
    Archive(ArchiveError),
    /// The state directory.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// Another exporter owns the target.
    #[error("own the target: instance `{instance}` (run {run}, epoch {epoch}) committed {number} at {}", spell(*committed_at))]
    StandBy {
        /// Its instance.
        instance: String,
        /// Its run.
        run: String,
        /// Its epoch.
        epoch: u64,
        /// Its last commit.
        number: u64,
        /// When it wrote that.
        committed_at: Time,
        /// From when on this exporter takes over.
        until: Time,
    },
    /// Commit after commit of a dead process got in the way.
    #[error("create commit {number}: another one is there already")]
    Overtaken {
        /// The number.
        number: u64,
    },
    /// The clock stands before what has been read.
    #[error("read up to now: it is {}, but the archive is complete up to {} already", spell(*now), spell(*covered))]
    Clock {
        /// Now.
        now: Time,
        /// Coverage end.
        covered: Time,
    },
    /// The server's clock is so far behind ours that a first commit would begin in the wrong age.
    #[error("begin an archive: the server says it is {}, this machine says {}", spell(*server), spell(*ours))]
    Skew {
        /// The server's clock.
        server: Time,
        /// Ours.
        ours: Time,
    },
    /// The archive lacks the commit that the checkpoint remembers.
    #[error("find commit {number} in the archive `{place}`: the checkpoint knows it, the archive does not")]
    RolledBack {
        /// The number.
        number: u64,
        /// The archive.
        place: String,
    },
    /// A commit is not what it was, or does not continue the chain.
    #[error("trust commit {number}: {problem}")]
    Altered {
        /// The number.
        number: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A commit record cannot be read.
    #[error("read `{key}`")]
    BadCommit {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: BadCommit,
    },
    /// A data object that a commit names is missing or is not what it was.
    #[error("trust the data object `{key}`: {problem}")]
    BadObject {
        /// Its key.
        key: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A data object cannot be decompressed.
    #[error("read the data object `{key}`")]
    Unreadable {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: DecompressError,
    },
    /// A line of a data object is no event.
    #[error("read the data object `{key}`")]
    BadLine {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: JsonError,
    },
    /// The target is another stream than the one in the archive.
    #[error("go on with the stream in the archive: its {what} is {was}, the configuration says {is}")]
    OtherStream {
        /// What differs.
        what: &'static str,
        /// In the last commit.
        was: String,
        /// In the configuration.
        is: String,
    },
    /// Nothing of the target is archived.
    #[error("compare the archive with the server: it holds nothing of the target yet")]
    NothingYet,
    /// What is archived of the target are files.
    #[error(
        "compare the archive with the server: the target archives the server's files as they are, not events"
    )]
    Files,
    /// Compressing failed.
    #[error("encode a slice")]
    Encode(#[source] std::io::Error),
    /// A worker thread died.
    #[error("encode a slice: its thread died")]
    Died(#[source] tokio::task::JoinError),
}

impl PassError {
    /// What the failure asks for. Standing by is waiting for the next tick.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Source(error) | Self::Store(error) | Self::Compare(error) => error.action(),
            Self::Archive(error) => error.action(),
            Self::Checkpoint(error) => error.action(),
            Self::StandBy { .. }
            | Self::Overtaken { .. }
            | Self::Clock { .. }
            | Self::Skew { .. }
            | Self::NothingYet
            | Self::Encode(_)
            | Self::Died(_) => Action::NextTick,
            Self::RolledBack { .. }
            | Self::Altered { .. }
            | Self::BadCommit { .. }
            | Self::BadObject { .. }
            | Self::Unreadable { .. }
            | Self::BadLine { .. }
            | Self::OtherStream { .. }
            | Self::Files => Action::Stop,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint(),
            Self::Store(error) if error.action() != Action::Stop => error.hint(),
            Self::Store(error) => {
                let without = "`long_term = false` goes without it, and admits a gap";
                Some(error.hint().map_or(without.to_owned(), |hint| format!("{hint}; {without}")))
            }
            Self::Compare(error) => {
                let without = "the comparison with the live API was made all the same; `long_term = false` goes without the store";
                Some(error.hint().map_or(without.to_owned(), |hint| format!("{hint}; {without}")))
            }
            Self::Archive(error) => error.hint(),
            Self::Checkpoint(error) => error.hint(),
            Self::StandBy { until, .. } => Some(format!(
                "standing by: takes over at {} unless the owner commits again; `once --take-over`, with this exporter stopped, does not wait",
                spell(*until)
            )),
            Self::Clock { .. } | Self::Skew { .. } => Some("set the clock of this machine (or of the server) right".to_owned()),
            Self::RolledBack { .. } => Some(
                "is `archive.url` right, was the archive restored from an older copy? If the archive is to be believed, stop the exporter and run `recover`"
                    .to_owned(),
            ),
            Self::Altered { .. }
            | Self::BadCommit { .. }
            | Self::BadObject { .. }
            | Self::Unreadable { .. }
            | Self::BadLine { .. } => Some("run `verify` to see what else is altered".to_owned()),
            Self::OtherStream { .. } => {
                Some("a target's name stands for one stream for ever: give the new one a new name".to_owned())
            }
            Self::NothingYet => Some("run `once` first".to_owned()),
            Self::Files => Some("compare a target of the same stream with `api = \"unified\"` or `\"classic\"`".to_owned()),
            Self::Overtaken { .. } | Self::Encode(_) | Self::Died(_) => None,
        }
    }
}
