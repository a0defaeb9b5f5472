//! What is said of a comparison of the archive with the server.

use serde::{Deserialize, Serialize};

use super::{LastError, PassResult, maybe};
use crate::{
    clock::{Time, spelled},
    export::{Compared, Reconciled},
};

/// A comparison that is over, or paused for a pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastComparison {
    /// When it began.
    #[serde(with = "spelled")]
    pub at: Time,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub result: PassResult,
    /// Where what was compared begins. None: nothing was.
    #[serde(with = "maybe")]
    pub from: Option<Time>,
    /// Where it ends.
    #[serde(with = "maybe")]
    pub to: Option<Time>,
    /// With the target's own API.
    pub live: Side,
    /// With the long-term store.
    pub store: Side,
    /// Why what that store holds was not compared, or only counted.
    pub without_store: Option<String>,
    /// How many due times it made up for.
    pub missed: u64,
    /// What went wrong.
    pub error: Option<LastError>,
}

/// Counts of events of one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Side {
    /// Shown by the server.
    pub shown: u64,
    /// Of these, missing in the archive.
    pub missing: u64,
    /// Of these, archived by it.
    pub written: u64,
    /// Commits of it.
    pub commits: u64,
}

impl From<Compared> for Side {
    fn from(compared: Compared) -> Self {
        Self {
            shown: compared.pulled,
            missing: compared.missing,
            written: compared.written,
            commits: compared.commits,
        }
    }
}

impl LastComparison {
    /// What there is to say of it; `result` and what went wrong come with the end.
    #[must_use]
    pub fn of(work: &Reconciled, at: Time, took_ms: u64, missed: u64) -> Self {
        Self {
            at,
            took_ms,
            result: PassResult::Interrupted,
            from: work.span.map(|span| span.from),
            to: work.span.map(|span| span.to),
            live: work.live.into(),
            store: work.store.into(),
            without_store: work.without_store.clone(),
            missed,
            error: None,
        }
    }
}
