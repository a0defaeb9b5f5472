//! Which configuration is in force, and why a newer one is not.

use serde::{Deserialize, Serialize};

use super::maybe;
use crate::clock::{Time, spelled};

/// Characters of a problem that are kept: a file may hold any number of mistakes.
const LONGEST: usize = 4_000;

/// The configuration of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Configuration {
    /// When the one in force was read. None: an older version wrote this down and did not say.
    #[serde(with = "maybe")]
    pub read_at: Option<Time>,
    /// Why the one on disk cannot be used. None: it can be, or it was not looked at since.
    pub problem: Option<Problem>,
}

/// Why a configuration cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// All its mistakes, one a line; without secrets, up to 4,000 characters.
    pub message: String,
    /// When it was read.
    #[serde(with = "spelled")]
    pub at: Time,
}

impl Problem {
    /// What is too long is cut off, and that can be seen.
    #[must_use]
    pub fn new(message: &str, at: Time) -> Self {
        let message = match message.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
            None => message.to_owned(),
        };
        Self { message, at }
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;

    #[test]
    fn a_thousand_mistakes_are_told_in_part() {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let told = Problem::new(&"ä".repeat(100_000), at).message;
        assert_eq!(told.chars().count(), 4_001);
        assert!(told.ends_with("ä…"));
        assert_eq!(Problem::new("1 mistake", at).message, "1 mistake");
    }
}
