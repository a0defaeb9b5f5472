//! The exclusion rules.

use serde::{Deserialize, Serialize};

/// Switches of the exclusion rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Whether they are there at all; else 404 with a problem. [D]
    pub rolled_out: bool,
    /// Whether the list stands in an object (`{"rules":[…]}`). [?]
    pub wrapped: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rolled_out: true,
            wrapped: false,
        }
    }
}
