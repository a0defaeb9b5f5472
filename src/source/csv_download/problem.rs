//! Why a server-made file is not taken, and what to do about it.

use super::table::TableError;
use crate::{
    clock::{Time, spell},
    error::Action,
    source::zip::ZipError,
};

/// What is wrong with what the server shows. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// No table.
    #[error("take the server's file")]
    Table(#[source] TableError),
    /// An archive that is damaged, or too much.
    #[error("take the server's file")]
    Zip(#[source] ZipError),
    /// Its last row has no end, and the reply has none either.
    #[error("take the server's file: it ends within a row, and nothing says that it ends there")]
    Cut,
    /// The reply does not tell where it ends, and asked for again it was another one.
    #[error("take the server's file: nothing says where it ends, and asked for again it was another one")]
    Unproven,
    /// The file is empty, and the list beside it is not.
    #[error("take the server's file: it has no rows, but the server has records for it")]
    Hollow,
    /// The narrowest span fills a file.
    #[error("read the second {}: its {rows} rows fill the server's file, there may be more", spell(*.at))]
    Full {
        /// The second.
        at: Time,
        /// The rows of the file.
        rows: u64,
    },
    /// The narrowest span is refused, though others are not.
    #[error("read the second {}: the server refuses it", spell(*.at))]
    Refused {
        /// The second.
        at: Time,
    },
    /// The file is over the limit.
    #[error("take the server's file: it has more than {bytes} bytes")]
    Large {
        /// The limit.
        bytes: usize,
    },
    /// The filter has a search term.
    #[error("ask for the server's file: it cannot be filtered by `search`")]
    Search,
    /// Looking at it was given up.
    #[error("take the server's file: it could not be looked at")]
    GivenUp,
}

impl CsvError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Table(_) | Self::Zip(_) | Self::Cut | Self::Unproven | Self::Hollow | Self::GivenUp => {
                Action::NextTick
            }
            Self::Full { .. } | Self::Refused { .. } | Self::Large { .. } | Self::Search => Action::Stop,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Table(_) | Self::Zip(_) | Self::Cut | Self::Unproven | Self::Hollow => {
                "nothing was archived of this span; if it stays so, check what stands between here and the server, or report it to UiPath"
            }
            Self::Full { .. } => {
                "a file cannot be asked for more narrowly: read this stream with `api = \"unified\"`, which has no such limit"
            }
            Self::Refused { .. } => {
                "the server may not look back so far, or the second may hold more rows than a file: read this stream with `api = \"unified\"`"
            }
            Self::Large { .. } => "raise `archive.max_buffered`",
            Self::Search => "leave `filter.search` out, or read this stream with `api = \"unified\"`",
            Self::GivenUp => return None,
        };
        Some(text.to_owned())
    }
}
