//! What really happened, for a test to compare an archive with.

use chrono::{DateTime, Utc};

use crate::stream::EventIndex;

/// One event as the simulator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthEvent {
    /// Number within the stream, in the order of recording.
    pub index: EventIndex,
    /// Its `id`, if it has one that is a string.
    pub id: Option<String>,
    /// The time the server files it under: orders and bounds go by it.
    pub instant: DateTime<Utc>,
    /// Its `createdOn`, if it has one that is a string.
    pub created_on: Option<String>,
    /// Its bytes from `{` to `}` without line breaks between tokens: as first served, or as recorded where serving
    /// changes nothing.
    pub raw: Vec<u8>,
    /// Every spelling it was served in so far, or the one it would be served in. An exporter that keeps bytes
    /// keeps one of these, once.
    pub versions: Vec<Vec<u8>>,
    /// Whether the next request could see it (whatever its time).
    pub visible: bool,
}

impl TruthEvent {
    /// Whether these bytes are this event, in one of the spellings it was served in.
    pub fn accepts(&self, bytes: &[u8]) -> bool {
        self.versions.iter().any(|version| version == bytes)
    }
}

/// Without CR and LF, which legal JSON has between tokens alone.
pub(crate) fn one_line(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect()
}
