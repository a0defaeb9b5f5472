//! How a page's `next` and `previous` are written.

use serde::{Deserialize, Serialize};

/// Switches of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// Relative to what.
    pub form: LinkForm,
    /// Names or GUIDs in its path.
    pub naming: LinkNaming,
    /// `query` or `Query` in its path.
    pub path_case: PathCase,
    /// Readable parameters or one opaque cursor.
    pub shape: LinkShape,
    /// What becomes of `from`. [?]
    pub from: Carry,
    /// What becomes of `to`.
    pub to: CarryTo,
    /// What becomes of source, target, type, status, userIds and searchTerm. [?]
    pub filters: Carry,
    /// How the times in it are spelled. [?]
    pub times: LinkTime,
    /// How the end is marked.
    pub end: EndMarker,
    /// Seconds after which a link is refused with 400; none: never. [?]
    pub life: Option<u32>,
    /// Whether a link is refused with 400 when another token comes with it. [?]
    pub bound_to_token: bool,
}

/// What a link is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkForm {
    /// `/acme/orgaudit_/api/query/events?…` [D]
    #[default]
    HostRelative,
    /// `http://host/acme/…` [?]
    Absolute,
    /// `events?…` [?]
    PathRelative,
    /// `?…` [?]
    QueryOnly,
}

/// How a link names organization and tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkNaming {
    /// As the request did. [I]
    #[default]
    AsAsked,
    /// By name. [?]
    Name,
    /// By GUID. [?]
    Guid,
}

/// The case of `query` in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathCase {
    /// `query` [D]
    #[default]
    Lower,
    /// `Query` [I]
    Upper,
}

/// What a link's query looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkShape {
    /// `to=…&before=…&beforeId=…&maxCount=…&qw=…` [D]
    #[default]
    Keyset,
    /// `cursor=…` [?]
    Opaque,
}

/// What becomes of a parameter of the first request in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// Hidden in `qw`. [I]
    #[default]
    Packed,
    /// A parameter of its own. [?]
    Spelled,
    /// Lost: the pages that follow do not know it. [?]
    Forgotten,
}

/// What becomes of `to` in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarryTo {
    /// A parameter of its own, even when the first request had none. [D]
    #[default]
    Spelled,
    /// Hidden in `qw`. [?]
    Packed,
    /// Lost: it is the time of each request. [?]
    Forgotten,
}

/// How a time is spelled in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTime {
    /// ISO 8601 with `Z`, colons percent-encoded. [?]
    #[default]
    Encoded,
    /// ISO 8601 with `Z`, colons as they are. [?]
    Plain,
    /// ISO 8601 with `%2B00:00`. [?]
    Offset,
    /// .NET ticks. [?]
    Ticks,
}

/// What stands in place of a link that leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndMarker {
    /// `null` [D]
    #[default]
    Null,
    /// No such member. [I]
    Absent,
    /// `""` [I]
    Empty,
}
