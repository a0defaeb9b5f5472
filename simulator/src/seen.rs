//! What the simulator was asked, for a test to look at.

use chrono::{DateTime, Utc};

use crate::cloud::StreamId;
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

/// All requests since the start or since they were last cleared.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) seen: Vec<Seen>,
    /// How many were cleared: the number of the first in `seen`.
    pub(crate) cleared: usize,
    pub(crate) open: usize,
    pub(crate) most_open: usize,
}

impl Log {
    /// Notes a request and gives its number.
    pub(crate) fn begin(&mut self, seen: Seen) -> usize {
        self.seen.push(seen);
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        self.cleared + self.seen.len() - 1
    }

    pub(crate) fn status(&mut self, number: usize, status: u16) {
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
        self.most_open = self.open;
    }
}
