//! Where events come from. One file per API below it; this file is what the export sees of them all.

use std::time::Duration;

use crate::{
    catalog::Catalog,
    checkpoint::Known,
    clock::Time,
    error::Action,
    event::Event,
    target::{Api, Target},
    window::Window,
};

mod auth;
pub mod body;
pub mod http;
mod line;
pub mod link;
pub mod page;
pub mod refusal;
#[cfg(test)]
mod scripted;
pub mod unified;
mod walk;
pub mod wire;

use link::LinkError;
use unified::{First, Unified};

/// A target's API. Other APIs of the interface get an arm here each.
pub enum Source {
    /// `query/events`.
    Unified(Unified),
}

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

/// A span, read completely.
#[derive(Debug)]
pub struct Slice {
    /// The span.
    pub span: Window,
    /// Its events that were not known, in no order, each once.
    pub events: Vec<Event>,
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
pub enum Outcome {
    /// All of it.
    Complete(Slice),
    /// More than the limits: nothing of it is kept.
    TooBig {
        /// A width that should fit. Always less than the span's.
        width: Duration,
        /// What it took.
        effort: Effort,
    },
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
            Self::Link(_) | Self::Loop { .. } | Self::Endless { .. } => Action::NextTick,
            Self::Instant { .. } | Self::Filter { .. } => Action::Stop,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Http(error) => error.hint(),
            Self::Link(_) | Self::Loop { .. } | Self::Endless { .. } => {
                Some("nothing was archived of this span; if it stays so, the server is at fault: report it to UiPath".to_owned())
            }
            Self::Instant { .. } => Some("raise `archive.max_buffered`".to_owned()),
            Self::Filter { known, .. } => Some(format!("`sources` lists what there is; nearest: {}", known.join(", "))),
        }
    }
}

/// The first page of a span: it tells the server's time and how dense events are, and is part of the walk.
pub struct Opening(First);

impl Opening {
    /// The server's clock when it answered, to the second.
    #[must_use]
    pub fn date(&self) -> Option<Time> {
        self.0.date
    }
}

impl Source {
    /// The source of a target over its connection. Sends nothing.
    #[must_use]
    pub fn of(target: &Target, connection: http::Connection) -> Self {
        match target.api {
            Api::Unified => Self::Unified(Unified::new(target, connection)),
        }
    }

    /// The endpoint, without parameters.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Unified(unified) => unified.endpoint().as_str(),
        }
    }

    /// Makes ready for a pass: resolves the filter where there is one.
    ///
    /// # Errors
    /// If the catalogue is needed and cannot be read, or does not have what the filter names.
    pub async fn prepare(&mut self) -> Result<(), SourceError> {
        match self {
            Self::Unified(unified) => unified.prepare().await,
        }
    }

    /// Asks for the first page of a span.
    ///
    /// # Errors
    /// If the request fails for good.
    pub async fn open(&self, span: Window) -> Result<Opening, SourceError> {
        match self {
            Self::Unified(unified) => unified.first(span).await.map(Opening),
        }
    }

    /// Reads a span completely, but for known events. `opening` may be the first page of a span that reaches at least
    /// as far on both sides. `told` hears how many events each page brought.
    ///
    /// # Errors
    /// If a request fails for good, or the walk does not end.
    pub async fn read(
        &self,
        span: Window,
        known: &Known,
        limits: Limits,
        opening: Option<Opening>,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        match self {
            Self::Unified(unified) => {
                unified
                    .read(span, known, limits, opening.map(|opening| opening.0), told)
                    .await
            }
        }
    }

    /// The catalogue of sources, targets and types.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn catalog(&self) -> Result<Catalog, SourceError> {
        match self {
            Self::Unified(unified) => unified.catalog().await,
        }
    }
}
