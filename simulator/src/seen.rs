//! What the simulator was asked, for a test to look at.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::cloud::StreamId;
use crate::counts::Counts;
use crate::script::Endpoint;

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path as asked.
    pub path: String,
    /// Query as asked, without the question mark; empty if there is none.
    pub query: String,
    /// What the path means.
    pub endpoint: Endpoint,
    /// The stream the path means, if it is there.
    pub stream: Option<StreamId>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The `Accept-Encoding` header.
    pub accept_encoding: Option<String>,
    /// The status of the reply; none as long as there is none, or if there never will be.
    pub status: Option<u16>,
    /// When it came, by the simulator's clock.
    pub at: DateTime<Utc>,
}

/// The requests since the start or since they were last cleared.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) seen: VecDeque<Seen>,
    /// Only so many of them are kept, the newest; none: all.
    pub(crate) most: Option<usize>,
    /// How many are kept no more: the number of the first in `seen`.
    pub(crate) cleared: usize,
    pub(crate) counts: Counts,
    pub(crate) open: usize,
    pub(crate) most_open: usize,
}

impl Log {
    /// Notes a request and gives its number.
    pub(crate) fn begin(&mut self, seen: Seen) -> usize {
        self.counts.begin(seen.at);
        if self.most.is_some_and(|most| self.seen.len() >= most) && self.seen.pop_front().is_some() {
            self.cleared += 1;
        }
        self.seen.push_back(seen);
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        self.cleared + self.seen.len() - 1
    }

    pub(crate) fn status(&mut self, number: usize, status: u16) {
        self.counts.answer(status);
        let at = number
            .checked_sub(self.cleared)
            .and_then(|at| self.seen.get_mut(at));
        if let Some(seen) = at {
            seen.status = Some(status);
        }
    }

    pub(crate) fn end(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    pub(crate) fn clear(&mut self) {
        self.cleared += self.seen.len();
        self.seen.clear();
        self.counts = Counts::default();
        self.most_open = self.open;
    }
}
