//! What an event looks like. Fixed into the event when it is generated or pushed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Switches of events. Those that say "one in seven" leave the others as documented.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Records {
    /// Fraction digits of `createdOn`.
    pub fraction: Fraction,
    /// Offset of `createdOn`.
    pub zone: Zone,
    /// Whether the server knows a time more exactly than it tells.
    pub precision: Precision,
    /// How generated events spread over time.
    pub times: Times,
    /// `tenantId` and `tenantName` of organization events.
    pub tenant_keys: TenantKeys,
    /// `clientInfo`.
    pub client_info: ClientInfo,
    /// `eventDetails`.
    pub details: Details,
    /// `id`.
    pub ids: Ids,
    /// `createdOn`, beyond its spelling.
    pub created_on: CreatedOn,
    /// Odd but legal JSON in one event in three.
    pub odd: BTreeSet<Odd>,
    /// Bytes of a generated event's JSON, at least, if nothing else is turned here: its details are filled up.
    pub least_bytes: u16,
}

/// Fraction digits of `createdOn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fraction {
    /// Always so many, 0 to 7. Three: [D]; seven: [C]; others: [?]
    Digits(u8),
    /// Seven without the zeros at the end, as .NET does by default. [I]
    Trimmed,
    /// 0 to 7, different from event to event. [?]
    Mixed,
}

impl Default for Fraction {
    fn default() -> Self {
        Self::Digits(3)
    }
}

/// Offset of `createdOn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// `Z` [D]
    #[default]
    Z,
    /// `+00:00` [C]
    PlusZero,
    /// `+05:30` [?]
    East,
    /// `-08:00` [?]
    West,
    /// None; it is UTC. [?]
    None,
    /// Different from event to event. [?]
    Mixed,
}

/// Whether the server knows a time more exactly than it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// It orders and bounds by the time it tells. [I]
    #[default]
    AsTold,
    /// It orders and bounds by 100 ns, whatever it tells. [?]
    Finer,
}

/// How generated events spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Working days, nights and bursts.
    #[default]
    Spread,
    /// Groups of up to 40 on one instant.
    Ties,
    /// All on one instant.
    OneInstant,
}

/// `tenantId` and `tenantName` of organization events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantKeys {
    /// No such keys. [C]
    #[default]
    Absent,
    /// Null. [D], but seen otherwise
    Null,
}

/// `clientInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientInfo {
    /// An object; absent on events the server caused itself. [D]
    #[default]
    Object,
    /// The object as JSON in a string. [D], in one guide
    Text,
    /// Null. [I]
    Null,
    /// Never there. [I]
    Absent,
}

/// `eventDetails`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// JSON in a string. [D]
    #[default]
    Text,
    /// An empty string. [I]
    Empty,
    /// A string that is no JSON. [I]
    Unparsable,
    /// Null. [I]
    Null,
    /// No such key. [I]
    Absent,
    /// An object, not a string. [?]
    Object,
}

/// `id`, in one event of seven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ids {
    /// A GUID in lower case, different in every event. [D]
    #[default]
    Guid,
    /// A GUID in upper case. [?]
    Upper,
    /// Something that is no GUID. [C]
    Opaque,
    /// No such key. [?]
    Missing,
    /// Null. [?]
    Null,
    /// An empty string. [?]
    Empty,
    /// A number. [?]
    Number,
    /// The id of an earlier event that has other content. "Uniqueness: never stated" [?]
    Duplicate,
}

/// `createdOn`, in one event of seven. The server files the event at a time it keeps to itself where it tells none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreatedOn {
    /// The event's time. [D]
    #[default]
    Present,
    /// No such key. [?]
    Missing,
    /// Null. [?]
    Null,
    /// No time at all. [?]
    Unreadable,
    /// Year 1, as an unset .NET time; filed at the event's time. [?]
    YearOne,
    /// A day ahead of the event's time; filed at the event's time. [?]
    Ahead,
    /// A day ahead, and filed there: not visible before the clock says so, unless `to` reaches it. [?]
    Future,
}

/// Odd but legal JSON, in one event of three. All [I] or [?].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Odd {
    /// `\u00e9`, `\/`, surrogate pairs.
    Escapes,
    /// Half a surrogate pair.
    LoneSurrogates,
    /// 1e400, 40 digits, -0, 1.0.
    HugeNumbers,
    /// Unknown members: objects, arrays, words.
    ExtraMembers,
    /// Members that should have a value: null, or not there.
    Nulls,
    /// The same key twice in one object.
    DoubledKeys,
    /// Texts a spreadsheet takes for formulas.
    Formulas,
    /// CR, LF, tabs, quotation marks, commas and control characters in texts.
    LineBreaks,
    /// A text of 64 KiB.
    LongText,
    /// Emoji, right-to-left text, combining marks, U+2028.
    Emoji,
    /// Fifty levels of nesting.
    Nesting,
    /// A status that is neither 0 nor 1, or the label.
    Status,
}

impl Odd {
    /// All of them.
    pub const ALL: [Odd; 12] = [
        Odd::Escapes,
        Odd::LoneSurrogates,
        Odd::HugeNumbers,
        Odd::ExtraMembers,
        Odd::Nulls,
        Odd::DoubledKeys,
        Odd::Formulas,
        Odd::LineBreaks,
        Odd::LongText,
        Odd::Emoji,
        Odd::Nesting,
        Odd::Status,
    ];
}
