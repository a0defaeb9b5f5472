//! How the announcements of a target's commits are doing.

use serde::{Deserialize, Serialize};

use super::{LastError, maybe};
use crate::clock::Time;

/// A target's announcements. Whoever wrote its last commit makes them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WebhookStatus {
    /// Commits that were not taken yet. None: nobody has looked yet.
    pub pending: Option<u64>,
    /// When the last one was taken, in this process.
    #[serde(with = "maybe")]
    pub last_delivery: Option<Time>,
    /// How many tries in a row have failed.
    pub failures: u64,
    /// The last failure, be it over or not.
    pub last_error: Option<LastError>,
}
