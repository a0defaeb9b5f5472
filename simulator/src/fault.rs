//! What can go wrong with a reply.

use std::time::Duration;

use crate::switches::Framing;

/// Something that goes wrong with a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Another status, with a body of that kind and perhaps a `Retry-After`.
    Status {
        /// The HTTP status.
        code: u16,
        /// The body.
        body: ErrorBody,
        /// The `Retry-After` header.
        retry_after: RetryAfter,
    },
    /// A redirect with that status to that URL.
    Redirect(u16, String),
    /// Status 200 with a body of one's own and that `Content-Type`.
    Reply(String, Vec<u8>),
    /// A sign-in page with status 200.
    SignInPage,
    /// The connection is reset before any reply.
    Reset,
    /// The connection is closed after so many bytes of the body, though `Content-Length` promises all of it.
    CutOff(usize),
    /// The connection is closed after so many bytes of a chunked body.
    CutOffChunked(usize),
    /// The body ends after that share (in thousandths), well framed: a proxy that shortens.
    Truncated(u16),
    /// The reply comes after that time.
    Late(Duration),
    /// So many bytes of the body at a time, with that wait between.
    Drip(usize, Duration),
    /// No reply at all; the connection stays open.
    Silence,
    /// A body that never ends.
    Endless,
    /// `{}`
    EmptyObject,
    /// Status 200 with no body.
    EmptyBody,
    /// A page without `auditEvents`.
    EventsMissing,
    /// A page with `auditEvents: null`.
    EventsNull,
    /// A page whose one event holds so many bytes.
    HugeEvent(usize),
    /// A gzip body that unpacks to so many MiB of spaces before the JSON ends, sent whatever the client accepts.
    GzipBomb(u32),
    /// A page whose `auditEvents` nests so many arrays.
    DeepJson(usize),
    /// A page whose link onward is spoiled.
    Link(LinkFault),
    /// An archive that is wrong inside. Strikes the long-term store.
    Zip(ZipFault),
    /// A file that ends too soon. Strikes the unified CSV download.
    Short(CutAt, Framing),
    /// An error's body with status 200. [C]
    ErrorAsSuccess(ErrorBody),
    /// All tokens are forgotten before the request is looked at.
    ForgetTokens,
    /// So many of the oldest visible events are gone from the stream before the request is looked at; the reply is as it
    /// should be.
    Expire(u32),
    /// So many held back events appear, those recorded first, before the request is looked at; the reply is as it should
    /// be.
    Release(u32),
    /// Another `Date` header; the reply itself is as it should be.
    Date(DateFault),
}

impl Fault {
    /// A status with the body its service would send, without `Retry-After`.
    pub fn status(code: u16) -> Self {
        let body = match code {
            401 => ErrorBody::Empty,
            403 => ErrorBody::Problem,
            503 => ErrorBody::NoHealthyUpstream,
            502 | 504 => ErrorBody::Html,
            _ => ErrorBody::Validation,
        };
        Self::Status {
            code,
            body,
            retry_after: RetryAfter::Absent,
        }
    }

    /// 429 with that `Retry-After`.
    pub fn too_many(retry_after: RetryAfter) -> Self {
        Self::Status {
            code: 429,
            body: ErrorBody::Text("Too Many Requests".to_owned()),
            retry_after,
        }
    }

    /// A refusal of the token endpoint: `invalid_client`, `invalid_scope`, …
    pub fn token_refused(code: u16, error: &str) -> Self {
        Self::Status {
            code,
            body: ErrorBody::OAuth(error.to_owned()),
            retry_after: RetryAfter::Absent,
        }
    }
}

/// Bodies of errors, which differ by service. [C]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorBody {
    /// None.
    Empty,
    /// Plain text.
    Text(String),
    /// Envoy's text.
    NoHealthyUpstream,
    /// A page for people.
    Html,
    /// `application/problem+json` with `detail`, `code` and `traceId`.
    Problem,
    /// `{type,title,status,errors,traceId}`
    Validation,
    /// `{message,errorCode,traceId}`
    Orchestrator,
    /// `{error,traceId}`
    DataFabric,
    /// `{__abp,error{…},unAuthorizedRequest}`
    Abp,
    /// `{"error":"…"}`
    OAuth(String),
    /// JSON with a `traceId`, cut off in the middle.
    Broken,
}

/// The `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryAfter {
    /// None.
    Absent,
    /// Seconds.
    Seconds(u64),
    /// An HTTP date so many seconds ahead of the simulator's clock.
    Date(i64),
    /// Whatever is given.
    Raw(String),
}

/// What is wrong with a link. It takes the place of the link onward, also where the walk would end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkFault {
    /// Another host: that base URL in place of the true one.
    Host(String),
    /// The true address with a user and password.
    UserInfo,
    /// The true link with a fragment.
    Fragment,
    /// The true address under that scheme.
    Scheme(String),
    /// Another path of the host.
    Path(String),
    /// The events of another tenant of the organization.
    Tenant(String),
    /// More segments after `events`, among them dots.
    MoreSegments,
    /// So many bytes more than needed.
    Long(usize),
    /// The page itself.
    Itself,
    /// A leads to B, B leads to A; both with the same events.
    Pair,
    /// Empty pages without end, each with another link.
    EmptyChain,
    /// The same events without end, each page with another link.
    RepeatingChain,
    /// A text that is no URL.
    Garbage,
    /// A number.
    Number,
    /// An object.
    Object,
}

/// What is wrong inside an archive, in each of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZipFault {
    /// One byte is another; the checksum is that of the true content.
    WrongByte,
    /// It is encrypted.
    Encrypted,
    /// It unpacks to an array of so many MiB of spaces.
    Bomb(u32),
}

/// Where a CSV file breaks off. With [`Framing::Length`] and [`Framing::Chunked`] the framing tells; with
/// [`Framing::UntilClose`] nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutAt {
    /// Behind a row's line end, about in the middle.
    RowEnd,
    /// Within a row, outside of quotation marks.
    InRow,
    /// Within a quoted cell; within a row where none is quoted.
    InQuotes,
}

/// What is wrong with the `Date` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateFault {
    /// Not there.
    Missing,
    /// So many seconds ahead of the clock (or behind, if negative).
    Skewed(i64),
    /// Whatever is given.
    Raw(String),
}
