//! Where events come from. One file per API below it; this file is what the export sees of them all.

use std::{io, time::Duration};

use bytes::Bytes;

use crate::{
    catalog::Catalog,
    checkpoint::Known,
    clock::Time,
    error::Action,
    target::{Api, Target},
    window::Window,
};

mod auth;
mod blocks;
pub mod body;
pub mod classic;
mod course;
pub mod csv_download;
mod digest;
mod filter;
pub mod http;
mod line;
pub mod link;
pub mod long_term;
mod packed;
pub mod page;
pub mod refusal;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod scripted;
mod slice;
mod traffic;
pub mod unified;
mod walk;
pub mod wire;
pub mod zip;

pub use auth::assertion::expiry as expiry_of;
pub use blocks::Blocks;
use classic::{Classic, ClassicError};
pub use course::Course;
use csv_download::{CsvDownload, CsvError};
use link::LinkError;
use long_term::{LongTerm, LongTermError};
pub use packed::Packed;
pub use slice::{Effort, File, FileKind, Growth, Limits, Outcome, Packing, Slice};
pub use traffic::Traffic;
use unified::{First, Unified};
use walk::Walk;

/// A page that takes at least this long is waited for much longer than it is worked on.
const FAR: Duration = Duration::from_millis(20);
/// Requests that must keep this far apart, or farther, are what there is too little of, not time to work on their pages.
const RARE: Duration = Duration::from_millis(2);

/// A target's API.
pub enum Source {
    /// `query/events`.
    Unified(Unified),
    /// `auditlogs`.
    Classic(Classic),
    /// `query/downloadeventsfromlongtermstore`.
    LongTerm(LongTerm),
    /// `query/downloadevents` and `auditlogs/download`.
    Csv(CsvDownload),
}

/// Why a span could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The request failed for good.
    #[error("read events")]
    Http(#[source] http::HttpError),
    /// A link leads elsewhere.
    #[error("read events")]
    Link(#[source] LinkError),
    /// The server sends the reader in circles.
    #[error("read events: the server's `{direction}` link leads back to a page already read")]
    Loop {
        /// `next` or `previous`.
        direction: &'static str,
    },
    /// Page after page without anything new.
    #[error(
        "read events: {pages} pages in a row over `{direction}` links held nothing new, and still no end"
    )]
    Endless {
        /// `next` or `previous`.
        direction: &'static str,
        /// How many.
        pages: usize,
    },
    /// One millisecond holds more than fits in memory.
    #[error("read events: more than {bytes} bytes of events fall on one millisecond, {at}")]
    Instant {
        /// The millisecond.
        at: Time,
        /// The limit.
        bytes: usize,
    },
    /// What was read cannot be packed, or does not come out as it was.
    #[error("keep events in memory")]
    Memory(#[source] io::Error),
    /// The classic API.
    #[error(transparent)]
    Classic(ClassicError),
    /// A server-made file.
    #[error(transparent)]
    Csv(CsvError),
    /// The long-term store.
    #[error(transparent)]
    LongTerm(LongTermError),
    /// A filter names what the server does not have.
    #[error("find {kind} `{name}` of the filter in the server's catalogue")]
    Filter {
        /// Source, target or type.
        kind: &'static str,
        /// As configured.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl SourceError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Http(error) => error.action(),
            Self::Link(_) | Self::Loop { .. } | Self::Endless { .. } | Self::Memory(_) => Action::NextTick,
            Self::Instant { .. } | Self::Filter { .. } => Action::Stop,
            Self::Classic(error) => error.action(),
            Self::Csv(error) => error.action(),
            Self::LongTerm(error) => error.action(),
        }
    }

    /// Whether the server says that it has no such API, rather than that it cannot answer now.
    #[must_use]
    pub fn is_not_there(&self) -> bool {
        matches!(self, Self::LongTerm(LongTermError::NotThere { .. }))
    }

    /// Whether the server refuses the question as such (400, 405 or 415).
    #[must_use]
    pub fn is_not_understood(&self) -> bool {
        matches!(self, Self::Http(http::HttpError::NotUnderstood { .. }))
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Http(error) => error.hint(),
            Self::Link(_) | Self::Loop { .. } | Self::Endless { .. } => {
                Some("nothing was archived of this span; if it stays so, the server is at fault: report it to UiPath".to_owned())
            }
            Self::Classic(error) => error.hint(),
            Self::Csv(error) => error.hint(),
            Self::LongTerm(error) => error.hint(),
            Self::Memory(_) => Some("if it comes again, test this machine's memory".to_owned()),
            Self::Instant { .. } => Some("raise `archive.max_buffered`".to_owned()),
            Self::Filter { known, .. } => Some(format!("`sources` lists what there is; nearest: {}", known.join(", "))),
        }
    }
}

/// The beginning of reading a span: it tells the server's time. What it brought beside is part of the reading.
pub struct Opening {
    /// The server's clock when it answered, to the second; None where the API has no small question to ask.
    pub date: Option<Time>,
    /// The first page, where there are pages that lead to each other.
    first: Option<First>,
}

impl Opening {
    /// One that brought nothing but the time.
    pub(super) fn at(date: Option<Time>) -> Self {
        Self { date, first: None }
    }
}

impl Source {
    /// The source of a target over its connection. Sends nothing.
    #[must_use]
    pub fn of(target: &Target, connection: http::Connection) -> Self {
        match target.api {
            Api::Unified => Self::Unified(Unified::new(target, connection)),
            Api::Classic => Self::Classic(Classic::new(target, connection)),
            Api::LongTerm => Self::LongTerm(LongTerm::new(target, connection)),
            Api::UnifiedCsv | Api::ClassicCsv => Self::Csv(CsvDownload::new(target, connection)),
        }
    }

    /// Where a target's events are that its own API no longer shows: the long-term store, which knows no filter.
    #[must_use]
    pub fn before_retention(target: &Target, connection: http::Connection) -> Option<Self> {
        let reads = target.api == Api::Unified && target.long_term && target.filter.is_none();
        reads.then(|| Self::LongTerm(LongTerm::new(target, connection)))
    }

    /// The API that it asks.
    #[must_use]
    pub fn api(&self) -> Api {
        match self {
            Self::Unified(_) => Api::Unified,
            Self::Classic(_) => Api::Classic,
            Self::LongTerm(_) => Api::LongTerm,
            Self::Csv(csv) => csv.api(),
        }
    }

    /// The endpoint, without parameters.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Unified(unified) => unified.endpoint().as_str(),
            Self::Classic(classic) => classic.endpoint().as_str(),
            Self::LongTerm(store) => store.endpoint().as_str(),
            Self::Csv(csv) => csv.endpoint().as_str(),
        }
    }

    /// Makes ready for a pass: resolves the filter where there is one.
    ///
    /// # Errors
    /// If the catalogue is needed and cannot be read, or does not have what the filter names.
    pub async fn prepare(&mut self) -> Result<(), SourceError> {
        match self {
            Self::Unified(unified) => unified.prepare().await,
            Self::Csv(csv) => csv.prepare().await,
            Self::LongTerm(store) => {
                store.forget();
                Ok(())
            }
            Self::Classic(_) => Ok(()),
        }
    }

    /// What was read last may not have been archived: it is read anew.
    pub fn forget(&self) {
        match self {
            Self::LongTerm(store) => store.forget(),
            Self::Unified(_) | Self::Classic(_) | Self::Csv(_) => {}
        }
    }

    /// Asks a first, small question about a span.
    ///
    /// # Errors
    /// If the request fails for good.
    pub async fn open(&self, span: Window) -> Result<Opening, SourceError> {
        match self {
            Self::Unified(unified) => unified.first(span, None).await.map(|first| Opening {
                date: first.date,
                first: Some(first),
            }),
            Self::Classic(classic) => classic.open().await,
            Self::LongTerm(store) => store.open().await,
            Self::Csv(csv) => csv.open().await,
        }
    }

    /// Reads a span completely, but for known events, or a part of it. `opening` may be of a span that reaches at
    /// least as far on both sides. `told` hears how many events came at a time. With `growth`, what is read by pages may
    /// come out larger than the limits.
    ///
    /// # Errors
    /// If a request fails for good, or what the server shows does not hold together.
    pub async fn read(
        &self,
        span: Window,
        known: &Known,
        limits: Limits,
        opening: Option<Opening>,
        growth: Option<Growth<'_>>,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        match self {
            Self::Unified(unified) => {
                let first = opening.and_then(|opening| opening.first);
                let walk = Walk::new(span, known, limits, growth);
                unified.read(walk, first, told).await
            }
            Self::Classic(classic) => classic.read(span, known, limits, told).await,
            Self::LongTerm(store) => store.read(span, known, limits, told).await,
            Self::Csv(csv) => csv.read(span, limits, told).await,
        }
    }

    /// Whether narrow spans cost hardly more than wide ones, so that many can be read side by side.
    #[must_use]
    pub fn reads_pages(&self) -> bool {
        matches!(self, Self::Unified(_))
    }

    /// Whether a page takes much longer to come than to be worked on. Not before one came.
    #[must_use]
    pub fn is_far(&self) -> bool {
        match self {
            Self::Unified(unified) => unified.connection().quickest() >= FAR,
            Self::Classic(_) | Self::LongTerm(_) | Self::Csv(_) => false,
        }
    }

    /// Whether requests have to wait for leave to be sent, with so many at once, so that each one more than needed makes the
    /// whole slower.
    #[must_use]
    pub fn is_held_back(&self, at_once: usize) -> bool {
        match self {
            Self::Unified(unified) => {
                let spacing = unified.connection().spacing();
                let at_once = u32::try_from(at_once).unwrap_or(u32::MAX);
                spacing >= RARE && spacing.saturating_mul(at_once) >= unified.connection().quickest()
            }
            Self::Classic(_) | Self::LongTerm(_) | Self::Csv(_) => false,
        }
    }

    /// Whether it is asked for whole seconds: what stands in one that two spans share would be archived twice.
    #[must_use]
    pub fn goes_by_seconds(&self) -> bool {
        matches!(self, Self::Csv(_))
    }

    /// The rules by which an administrator keeps events from being recorded. None: this API has none, or the server does
    /// not know them yet.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn rules(&self) -> Result<Option<Bytes>, SourceError> {
        match self {
            Self::Unified(unified) => unified.rules().await,
            Self::Classic(_) | Self::LongTerm(_) | Self::Csv(_) => Ok(None),
        }
    }

    /// The catalogue of sources, targets and types. None: this API has none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn catalog(&self) -> Result<Option<Catalog>, SourceError> {
        match self {
            Self::Unified(unified) => unified.catalog().await.map(Some),
            Self::Classic(_) | Self::LongTerm(_) | Self::Csv(_) => Ok(None),
        }
    }
}
