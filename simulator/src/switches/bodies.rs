//! How a reply is spelled: layout, order of members, encoding.

use serde::{Deserialize, Serialize};

/// Switches of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bodies {
    /// White space between tokens.
    pub layout: Layout,
    /// Case of the first letter of every key.
    pub casing: Casing,
    /// Order of the page's own members.
    pub members: MemberOrder,
    /// Unknown members on the page, some of which look like those a reader wants. [?]
    pub extra_members: bool,
    /// A UTF-8 byte order mark before the body. [?]
    pub bom: bool,
    /// gzip for a client that accepts it. [?]
    pub gzip: bool,
    /// How the length of a body is told.
    pub framing: Framing,
    /// The `Content-Type` of JSON replies.
    pub content_type: ContentType,
    /// Whether the same event is spelled anew on each call.
    pub respell: Respell,
    /// Whether the content of an event changes after it was recorded.
    pub edits: Edits,
}

/// White space between the tokens of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Events exactly as recorded, no white space around them. [I]
    #[default]
    Compact,
    /// A space after each `:` and `,`. [?]
    Spaced,
    /// Indented by two spaces, LF. [?]
    TwoSpaces,
    /// Indented by four spaces, LF. [?]
    FourSpaces,
    /// Indented by two spaces, CR LF. [?]
    CrLf,
    /// Indented by tabs, LF. [?]
    Tabs,
}

/// Case of the first letter of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Casing {
    /// `auditEvents`, `createdOn` [D]
    #[default]
    Camel,
    /// `AuditEvents`, `CreatedOn` [C]
    Pascal,
}

/// Order of the page's own members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberOrder {
    /// `auditEvents`, `next`, `previous` [D]
    #[default]
    EventsFirst,
    /// `next`, `previous`, `auditEvents` [?]
    EventsLast,
    /// `previous`, `auditEvents`, `next` [?]
    EventsBetween,
}

/// How the length of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `Content-Length` [I]
    #[default]
    Length,
    /// `Transfer-Encoding: chunked` [I]
    Chunked,
    /// Not at all: the body ends with the connection. [?]
    UntilClose,
}

/// The `Content-Type` of JSON replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentType {
    /// `application/json; charset=utf-8` [I]
    #[default]
    JsonUtf8,
    /// `application/json` [I]
    Json,
    /// `text/json` [?]
    TextJson,
    /// `application/vnd.uipath.audit+json` [?]
    Vendor,
    /// None. [?]
    Missing,
}

/// Whether the server serializes an event anew on each call. Content stays; bytes do not. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Respell {
    /// The same bytes each time.
    #[default]
    Never,
    /// Members in another order.
    Members,
    /// Other white space between tokens, line breaks included.
    WhiteSpace,
    /// Both.
    Both,
}

/// Whether the content of a recorded event changes later (same id). [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edits {
    /// Never.
    #[default]
    Never,
    /// One event in five has another summary on every read.
    Volatile,
    /// One event in five has another summary once its stream has been asked for events so often.
    OnceAfterRequests(u32),
}
