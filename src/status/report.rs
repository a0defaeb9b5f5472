//! What `status --json` and `/api/status` say.

use serde::Serialize;

use super::{Status, TargetStatus};

/// Where a status comes from, and the status.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum Report {
    /// A daemon runs: its own words.
    Daemon(Status),
    /// None does: what the archive says.
    Archive {
        /// Of this program.
        version: String,
        /// When the archive was read.
        written_at: String,
        /// In the order of the configuration.
        targets: Vec<TargetStatus>,
    },
}

impl Report {
    /// All targets.
    #[must_use]
    pub fn targets(&self) -> &[TargetStatus] {
        match self {
            Self::Daemon(status) => &status.targets,
            Self::Archive { targets, .. } => targets,
        }
    }

    /// One line of JSON, without a line break.
    #[must_use]
    pub fn json(&self) -> String {
        // Plain structs of strings and numbers cannot fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}
