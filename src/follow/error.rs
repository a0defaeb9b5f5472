//! Why a commit could not be counted or announced. It is tried again, whatever it is.

use super::Delivery;
use crate::{
    archive::ArchiveError, calendar::NotLinked, checkpoint::CheckpointError, commit::BadCommit,
    error::Action, webhook::TellError,
};

/// Why a commit could not be counted or announced.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The state directory.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// The archive.
    #[error(transparent)]
    Archive(ArchiveError),
    /// A commit is no commit.
    #[error("read the commit `{key}`")]
    BadCommit {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: BadCommit,
    },
    /// A commit is not what it should be.
    #[error("read the commit `{key}`: {problem}")]
    Altered {
        /// Its key.
        key: String,
        /// In which way.
        problem: &'static str,
    },
    /// A commit is not the next one.
    #[error(transparent)]
    NotLinked(NotLinked),
    /// The receiver did not take it.
    #[error(transparent)]
    Tell(TellError),
}

impl FollowError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Checkpoint(error) => error.action(),
            Self::Archive(error) => error.action(),
            Self::BadCommit { .. } | Self::Altered { .. } | Self::NotLinked(_) => Action::Stop,
            Self::Tell(error) => error.action(),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Checkpoint(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::BadCommit { .. } | Self::Altered { .. } | Self::NotLinked(_) => {
                Some("`verify` tells what is wrong with the archive".to_owned())
            }
            Self::Tell(error) => error.hint(),
        }
    }

    /// What it was of an announcement.
    pub(super) fn delivery(&self) -> Delivery {
        match self {
            Self::Tell(TellError::Status { .. }) => Delivery::Refused,
            Self::Tell(
                TellError::Secret(_)
                | TellError::Key(_)
                | TellError::Client { .. }
                | TellError::Connect { .. }
                | TellError::TimedOut { .. }
                | TellError::Broke { .. },
            )
            | Self::Checkpoint(_)
            | Self::Archive(_)
            | Self::BadCommit { .. }
            | Self::Altered { .. }
            | Self::NotLinked(_) => Delivery::Failed,
        }
    }
}
