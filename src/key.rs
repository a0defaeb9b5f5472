//! Keys of the archive: built part by part, lower case, and read back; pure.

use chrono::NaiveDate;

use crate::{
    settings::Compression,
    source::FileKind,
    target::{Api, TargetName},
};

/// How events are spelled in a data object, and so where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// The record: the server's own bytes.
    Jsonl,
    /// A view for spreadsheets.
    Csv,
    /// A file that the server made.
    Raw,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Raw];

    /// The name in keys and commits.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Raw => "raw",
        }
    }

    /// Whether events of an API may lie in it.
    #[must_use]
    pub fn holds(self, api: Api) -> bool {
        match self {
            Self::Jsonl | Self::Csv => api.schema().is_some(),
            Self::Raw => api.schema().is_none(),
        }
    }
}

/// What names and shapes the objects of a commit.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The target.
    pub target: TargetName,
    /// Its API.
    pub api: Api,
    /// How objects are compressed.
    pub compression: Compression,
    /// Whether a CSV view is written too.
    pub csv: bool,
}

/// The key of a file that the server made. `sha256` is that of its bytes, in hexadecimal.
#[must_use]
pub fn raw(
    kind: FileKind,
    api: Api,
    target: &TargetName,
    day: NaiveDate,
    number: u64,
    sha256: &str,
) -> String {
    let (stream, short) = (
        stream(Format::Raw, api, target),
        sha256.get(..16).unwrap_or(sha256),
    );
    format!("{stream}/day={day}/{number:020}-{short}.{}", kind.as_str())
}

/// The key of a data object. `sha256` is that of the stored bytes, in hexadecimal.
#[must_use]
pub fn data(format: Format, shape: &Shape, day: NaiveDate, number: u64, sha256: &str) -> String {
    let (name, suffix) = (format.as_str(), shape.compression.suffix());
    let short = sha256.get(..16).unwrap_or(sha256);
    format!(
        "{}/day={day}/{number:020}-{short}.{name}{suffix}",
        stream(format, shape.api, &shape.target)
    )
}

/// The prefix of all data objects of a target in one format, without a slash at its end.
#[must_use]
pub fn stream(format: Format, api: Api, target: &TargetName) -> String {
    format!("{}/api={}/target={target}", format.as_str(), api.as_str())
}

/// The prefixes of all data objects that an API may bring, each without a slash at its end.
pub fn streams(api: Api, target: &TargetName) -> impl Iterator<Item = String> {
    let formats = Format::ALL.into_iter().filter(move |format| format.holds(api));
    formats.map(move |format| stream(format, api, target))
}

/// The number of the commit that a data object was written for.
#[must_use]
pub fn number_of_data(key: &str) -> Option<u64> {
    let (_, name) = key.rsplit_once('/')?;
    let (number, _) = name.split_once('-')?;
    if number.len() == 20 {
        number.parse().ok()
    } else {
        None
    }
}

/// The UTC day of the events in a data object.
#[must_use]
pub fn day_of_data(key: &str) -> Option<NaiveDate> {
    let day = key.split('/').find_map(|part| part.strip_prefix("day="))?;
    day.parse().ok()
}

/// The prefix of a target's commits, without a slash at its end.
#[must_use]
pub fn commits(target: &TargetName) -> String {
    format!("commits/{target}")
}

/// The key of a commit.
#[must_use]
pub fn commit(target: &TargetName, number: u64) -> String {
    format!("commits/{target}/{number:020}.json")
}

/// The number in the key of a commit.
#[must_use]
pub fn number_of_commit(key: &str) -> Option<u64> {
    let (_, name) = key.rsplit_once('/')?;
    let number = name.strip_suffix(".json")?;
    if number.len() == 20 {
        number.parse().ok()
    } else {
        None
    }
}

/// The key of a catalogue with that SHA-256.
#[must_use]
pub fn catalog(target: &TargetName, sha256: &str) -> String {
    format!("catalog/{target}/{}.json", sha256.get(..16).unwrap_or(sha256))
}
