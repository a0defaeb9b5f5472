//! Why a day of the long-term store is not taken, and what to do about it.

use super::list::ListError;
use crate::{
    clock::Time,
    error::Action,
    json::JsonError,
    source::{http::HttpError, zip::ZipError},
};

/// Why a day could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LongTermError {
    /// 400, 404, 405 or 415: this platform, organization or tenant has no such store.
    #[error("find the long-term store")]
    NotThere {
        /// What the server said.
        #[source]
        source: Box<HttpError>,
    },
    /// The request failed for good.
    #[error("read {} of the long-term store", .day.date_naive())]
    Ask {
        /// The day's beginning.
        day: Time,
        /// Why.
        #[source]
        source: Box<HttpError>,
    },
    /// The archive of a day is over the limit.
    #[error("read {} of the long-term store: its archive has more than {bytes} bytes", .day.date_naive())]
    Large {
        /// The day's beginning.
        day: Time,
        /// The limit.
        bytes: usize,
    },
    /// The archive of a day does not hold what it should.
    #[error("read {} of the long-term store", .day.date_naive())]
    Day {
        /// The day's beginning.
        day: Time,
        /// What is wrong.
        #[source]
        source: DayError,
    },
}

/// What is wrong with the archive of a day.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// The archive.
    #[error(transparent)]
    Zip(ZipError),
    /// One of its lists.
    #[error(transparent)]
    List(ListError),
    /// One of its events.
    #[error("read an event")]
    Event(#[source] JsonError),
    /// Reading was given up.
    #[error("unpack the archive: it was given up")]
    GivenUp,
}

impl From<ZipError> for DayError {
    fn from(error: ZipError) -> Self {
        Self::Zip(error)
    }
}

impl LongTermError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::NotThere { .. } | Self::Large { .. } => Action::Stop,
            Self::Ask { source, .. } => source.action(),
            Self::Day { .. } => Action::NextTick,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotThere { .. } => Some(
                "the long-term store is one of Automation Cloud; where a platform has none, set `long_term = false` for the target and let it begin within `retention`; else check `organization`, `tenant` and `url`; a store that answers for other days may refuse what is older than it keeps: let the target begin later (`start`)".to_owned(),
            ),
            Self::Ask { source, .. } => source.hint(),
            Self::Large { .. } => Some("raise `archive.max_buffered`".to_owned()),
            Self::Day { .. } => Some(
                "nothing was archived of this day; if it stays so, the server is at fault: report it to UiPath".to_owned(),
            ),
        }
    }
}
