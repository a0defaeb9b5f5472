//! The unified CSV download: how much of it there is. Its spelling is under [`super::Csv`].

use serde::{Deserialize, Serialize};

use super::TooOld;

/// Switches of the unified CSV download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downloads {
    /// Days it looks back; none: to the start. 90 [D]
    pub window: Option<u32>,
    /// What a request for something older than that gets. 400 [?]
    pub too_old: TooOld,
    /// Most rows of a file. 100,000 [D]
    pub most_rows: u32,
    /// What becomes of a file with more.
    pub over: Over,
    /// Order of the rows.
    pub order: RowOrder,
    /// Whether the file is packed.
    pub wrapping: Wrapping,
}

impl Default for Downloads {
    fn default() -> Self {
        Self {
            window: Some(90),
            too_old: TooOld::Refused,
            most_rows: 100_000,
            over: Over::default(),
            order: RowOrder::default(),
            wrapping: Wrapping::default(),
        }
    }
}

/// What becomes of a file with more rows than one may have. "truncate or error" [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The newest rows, and no word of the others.
    #[default]
    Newest,
    /// The oldest rows, and no word of the others.
    Oldest,
    /// Status 400.
    Refused,
}

/// Order of the rows. Either is [?].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// Newest first, as in the classic download.
    #[default]
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// Whether the file is packed. Either is [?].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapping {
    /// As it is.
    #[default]
    Plain,
    /// In a ZIP of one entry.
    Zip,
}
