//! A reply before it goes out, and the ways in which it goes out wrong.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, SizeHint};
use hyper::{Response, StatusCode, Version};

use crate::fault::{ErrorBody, RetryAfter};
use crate::switches::{ContentType, Framing};

/// A body that may fail on its way.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Status, headers, bytes, and how they travel.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Goes out after `body`, if there is any, and is neither dressed nor spoiled.
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) manner: Manner,
}

/// How a body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Whole(Framing),
    CutOff(usize),
    CutOffChunked(usize),
    Drip(usize, Duration),
    Endless,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = Vec::new();
        if !content_type.is_empty() {
            headers.push(("content-type", content_type.to_owned()));
        }
        Self {
            status,
            headers,
            body: body.into(),
            pieces: Vec::new(),
            manner: Manner::Whole(Framing::Length),
        }
    }

    pub(crate) fn json(content_type: ContentType, body: impl Into<Vec<u8>>) -> Self {
        let content_type = match content_type {
            ContentType::JsonUtf8 => "application/json; charset=utf-8",
            ContentType::Json => "application/json",
            ContentType::TextJson => "text/json",
            ContentType::Vendor => "application/vnd.uipath.audit+json",
            ContentType::Missing => "",
        };
        Self::new(200, content_type, body)
    }

    /// A JSON body whose pieces are sent as they are.
    pub(crate) fn joined(content_type: ContentType, pieces: Vec<Bytes>) -> Self {
        let mut reply = Self::json(content_type, "");
        reply.pieces = pieces;
        reply
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An error with the body of some service. `now` is for a `Retry-After` that is a date.
    pub(crate) fn error(status: u16, body: &ErrorBody, retry_after: &RetryAfter, now: DateTime<Utc>) -> Self {
        let (content_type, text) = error_body(status, body);
        let mut reply = Self::new(status, content_type, text).header("x-request-id", "sim-request-0001");
        if status == 401 {
            reply = reply.header("www-authenticate", "Bearer");
        }
        match retry_after {
            RetryAfter::Absent => reply,
            RetryAfter::Seconds(seconds) => reply.header("retry-after", seconds.to_string()),
            RetryAfter::Date(seconds) => {
                reply.header("retry-after", http_date(now + TimeDelta::seconds(*seconds)))
            }
            RetryAfter::Raw(text) => reply.header("retry-after", text.clone()),
        }
    }

    /// What hyper sends. A header that cannot be sent makes it a 500.
    pub(crate) fn response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        let length = self.body.len();
        let body = Bytes::from(self.body);
        let response = match self.manner {
            _ if !self.pieces.is_empty() => response.body(joined(body, self.pieces)),
            Manner::Whole(Framing::Length) => response.body(whole(body)),
            Manner::Whole(Framing::Chunked) => response.body(pieces(body, 4096, Duration::ZERO, false)),
            Manner::Whole(Framing::UntilClose) => {
                response
                    .version(Version::HTTP_10)
                    .body(pieces(body, 4096, Duration::ZERO, false))
            }
            Manner::CutOff(at) => {
                let start = body.slice(..at.min(length.saturating_sub(1)));
                response.header("content-length", length.max(1)).body(pieces(
                    start,
                    4096,
                    Duration::ZERO,
                    true,
                ))
            }
            Manner::CutOffChunked(at) => {
                response.body(pieces(body.slice(..at.min(length)), 4096, Duration::ZERO, true))
            }
            Manner::Drip(size, wait) => {
                response
                    .header("content-length", length)
                    .body(pieces(body, size.max(1), wait, false))
            }
            Manner::Endless => response.body(endless(body)),
        };
        response.unwrap_or_else(|_| {
            let mut response = Response::new(whole(Bytes::from_static(b"a header cannot be sent")));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

/// A date as HTTP spells it.
pub(crate) fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// Pieces one after the other, none of them copied.
fn joined(first: Bytes, rest: Vec<Bytes>) -> Body {
    let mut left: VecDeque<Bytes> = rest.into();
    left.push_front(first);
    left.retain(|piece| !piece.is_empty());
    Joined { left }.map_err(|never| match never {}).boxed_unsync()
}

/// A body of known length.
struct Joined {
    left: VecDeque<Bytes>,
}

impl hyper::body::Body for Joined {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes: usize = self.left.iter().map(Bytes::len).sum();
        SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

/// The body in pieces of that size with a wait before each but the first; broken at its end if asked.
fn pieces(body: Bytes, size: usize, wait: Duration, broken: bool) -> Body {
    let frames = stream::unfold((body, 0_u32), move |(mut rest, sent)| async move {
        if rest.is_empty() {
            if !broken || sent == u32::MAX {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            let error = io::Error::other("the connection breaks here");
            return Some((Err(error), (rest, u32::MAX)));
        }
        if sent > 0 && !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok(Frame::data(piece)), (rest, 1)))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// The body, then spaces for ever.
fn endless(body: Bytes) -> Body {
    let spaces = Bytes::from(vec![b' '; 16 * 1024]);
    let rest = stream::repeat_with(move || Ok(Frame::data(spaces.clone())));
    StreamBody::new(stream::iter([Ok(Frame::data(body))]).chain(rest)).boxed_unsync()
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn error_body(status: u16, body: &ErrorBody) -> (&'static str, String) {
    match body {
        ErrorBody::Empty => ("", String::new()),
        ErrorBody::Text(text) => ("text/plain", text.clone()),
        ErrorBody::NoHealthyUpstream => ("text/plain", "no healthy upstream".to_owned()),
        ErrorBody::Html => (
            "text/html",
            format!("<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>"),
        ),
        ErrorBody::Problem => (
            "application/problem+json",
            format!(
                r#"{{"type":"about:blank","title":"Refused","status":{status},"detail":"the request was refused","code":"audit.refused","traceId":"{TRACE}"}}"#
            ),
        ),
        ErrorBody::Validation => (
            "application/json",
            format!(
                r#"{{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.1","title":"One or more validation errors occurred.","status":{status},"errors":{{"from":["The value is not valid."]}},"traceId":"{TRACE}"}}"#
            ),
        ),
        ErrorBody::Orchestrator => (
            "application/json",
            format!(r#"{{"message":"An error has occurred.","errorCode":1000,"traceId":"{TRACE}"}}"#),
        ),
        ErrorBody::DataFabric => {
            ("application/json", format!(r#"{{"error":"an error has occurred","traceId":"{TRACE}"}}"#))
        }
        ErrorBody::Abp => (
            "application/json",
            r#"{"result":null,"targetUrl":null,"success":false,"error":{"code":0,"message":"You are not authorized!","details":null,"validationErrors":null},"unAuthorizedRequest":true,"__abp":true}"#.to_owned(),
        ),
        ErrorBody::OAuth(error) => ("application/json", format!(r#"{{"error":"{error}"}}"#)),
        ErrorBody::Broken => ("application/json", format!(r#"{{"traceId":"{TRACE}","detail":"cut o"#)),
    }
}
