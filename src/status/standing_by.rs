//! For whom a target stands by, and until when.

use serde::{Deserialize, Serialize};

use crate::clock::{Time, spelled};

/// Whose target it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StandingBy {
    /// The owner's setting `instance`.
    pub instance: String,
    /// From when on this exporter takes over, unless the owner commits again.
    #[serde(with = "spelled")]
    pub until: Time,
}

impl StandingBy {
    /// The owner in words, for readers of the status of the instance `own`.
    #[must_use]
    pub fn owner(&self, own: &str) -> String {
        if self.instance == own {
            format!("{own}, another process with this very instance name")
        } else {
            self.instance.clone()
        }
    }
}
