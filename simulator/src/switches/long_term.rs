//! The long-term store: its archives, its records, its delay.

use serde::{Deserialize, Serialize};

use super::{Casing, Framing, Layout};

/// Switches of the long-term store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LongTerm {
    /// Hours until an event is there. "up to 24–48 h" [D]
    pub lag_hours: u16,
    /// What that time is counted from.
    pub lag_from: LagFrom,
    /// Days an event is kept. "2 years", later "5 years Enterprise / 2 years others" [D]
    pub retention_days: u32,
    /// How events of a day are divided into entries.
    pub entries: Entries,
    /// What entries are called.
    pub names: EntryNames,
    /// How entries are packed.
    pub packing: Packing,
    /// Sizes after the data of each entry, as a streaming writer puts them. [?]
    pub streamed: bool,
    /// 64-bit sizes, needed or not. [?]
    pub zip64: bool,
    /// A UTF-8 byte order mark at the start of each entry. [?]
    pub bom: bool,
    /// White space in the array and its records.
    pub layout: Layout,
    /// Case of the first letter of every key; Pascal [D]
    pub casing: Casing,
    /// Order of the records.
    pub order: RecordOrder,
    /// `Identifier`.
    pub identifier: Identifier,
    /// `DateCreatedUtc`.
    pub date: DateSpelling,
    /// Members that no document names. "possible extras" [C]
    pub extra_members: bool,
    /// What a span without events gets.
    pub empty: EmptyDay,
    /// 504 at first: so many requests for each day. "504 on heavy long-term days" [D]
    pub heavy: u16,
    /// Events that only one of the two stores has.
    pub strays: Strays,
    /// `Content-Type`.
    pub content_type: ZipType,
    /// How the length is told.
    pub framing: Framing,
}

impl Default for LongTerm {
    fn default() -> Self {
        Self {
            lag_hours: 48,
            lag_from: LagFrom::default(),
            retention_days: 730,
            entries: Entries::default(),
            names: EntryNames::default(),
            packing: Packing::default(),
            streamed: false,
            zip64: false,
            bom: false,
            layout: Layout::default(),
            casing: Casing::Pascal,
            order: RecordOrder::default(),
            identifier: Identifier::default(),
            date: DateSpelling::default(),
            extra_members: false,
            empty: EmptyDay::default(),
            heavy: 0,
            strays: Strays::default(),
            content_type: ZipType::default(),
            framing: Framing::default(),
        }
    }
}

/// What the lag is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LagFrom {
    /// The end of the event's UTC day: a day is there wholly or not at all. [I]
    #[default]
    DayEnd,
    /// The event's own time: a young day is there in part. [?]
    Event,
}

/// How the events of a day are divided into entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entries {
    /// One entry for each day. [D]
    #[default]
    Day,
    /// One ZIP for each hour, each with an entry named after the day. [D]
    ZipPerHour,
    /// The same, and all these ZIPs have one name. "same base names can collide" [C]
    ZipPerHourOneName,
    /// One entry for each hour, numbered. [?]
    Numbered,
    /// One entry for each hour, in folders of their own. [?]
    Folders,
    /// One entry for each hour, all of one name. [?]
    OneName,
}

/// What entries are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryNames {
    /// `2025-03-24.txt` [D]
    #[default]
    Day,
    /// `../../2025-03-24.txt` [?]
    Climbing,
    /// `/tmp/2025-03-24.txt` [?]
    Absolute,
    /// `..\..\2025-03-24.txt` [?]
    Backslashes,
}

/// How entries are packed. Either is [?].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// Deflated.
    #[default]
    Deflated,
    /// As they are.
    Stored,
}

/// Order of the records of an entry; the same on each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordOrder {
    /// Oldest first. [I]
    #[default]
    OldestFirst,
    /// Newest first. [?]
    NewestFirst,
    /// None at all. [?]
    Shuffled,
}

/// What `Identifier` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifier {
    /// The `id` that the live endpoints tell. [I]
    #[default]
    Live,
    /// Another GUID, the same on each call. [?]
    Other,
}

/// How `DateCreatedUtc` is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateSpelling {
    /// 7 digits, `Z`. Digits [C], zone [?]
    #[default]
    Z,
    /// 7 digits, no zone. [?]
    NoZone,
    /// 3 digits, `Z`. [?]
    Millis,
    /// 7 digits, `+00:00`. [?]
    Offset,
}

/// What a span without events gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyDay {
    /// A ZIP without entries. [D]
    #[default]
    EmptyZip,
    /// An entry with an empty array for each day. [C]
    EmptyArray,
    /// Status 200 with no body. [?]
    EmptyBody,
    /// Status 204. [?]
    NoContent,
}

/// Events that only one of the two stores has. "not guaranteed equal" [C]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strays {
    /// None. [I]
    #[default]
    None,
    /// One event in so many is never in the long-term store. [?]
    OnlyLive(u16),
    /// One event in so many is in the long-term store alone. [?]
    OnlyLongTerm(u16),
}

/// The `Content-Type` of an archive. Either is [?].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZipType {
    /// `application/zip`
    #[default]
    Zip,
    /// `application/octet-stream`
    OctetStream,
}
