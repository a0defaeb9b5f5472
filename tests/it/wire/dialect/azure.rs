//! Azure Blob Storage. What Azurite lacks is here: a container with an immutability policy.

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};

use super::{Dialect, Words, decoded, parameter, xml};
use crate::store::{Fault, Kind};

/// A container, addressed in the path below its account, and the archive's part of it.
pub struct Container {
    pub account: String,
    pub name: String,
    pub prefix: String,
    /// Whether it has an immutability policy: nothing in it is overwritten or deleted.
    pub locked: bool,
}

impl Dialect for Container {
    fn operation(&self, request: &Request<Bytes>) -> Option<(Kind, Vec<String>)> {
        let name = self.blob(request.uri().path())?;
        let one = |kind| Some((kind, vec![self.within(&name).to_owned()]));
        match (request.method(), parameter(request, "comp").as_deref()) {
            (&Method::PUT, None) => one(Kind::Put),
            (&Method::GET | &Method::HEAD, None) => one(Kind::Get),
            (&Method::DELETE, None) => one(Kind::Delete),
            (&Method::GET, Some("list")) => {
                let prefix = parameter(request, "prefix").unwrap_or_default();
                let prefix = self.within(&prefix).trim_end_matches('/');
                Some((Kind::List, vec![prefix.to_owned()]))
            }
            (&Method::POST, Some("batch")) => {
                let body = String::from_utf8_lossy(request.body());
                let lines = body.lines().filter_map(|line| line.strip_prefix("DELETE "));
                let names = lines.filter_map(|line| self.blob(line.split([' ', '?']).next()?));
                let keys = names.map(|name| self.within(&name).to_owned());
                Some((Kind::Delete, keys.collect()))
            }
            _ => None,
        }
    }

    fn refuse(&self, kind: Kind, keys: &[String], request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let overwrites = kind == Kind::Put && !request.headers().contains_key(header::IF_NONE_MATCH);
        let touches = overwrites || kind == Kind::Delete;
        (self.locked && touches).then(|| self.reply(Fault::Conflict, kind, keys))
    }

    fn correct(&self, _kind: Kind, _keys: &[String], reply: Response<Bytes>) -> Response<Bytes> {
        reply
    }

    fn reply(&self, fault: Fault, kind: Kind, keys: &[String]) -> Response<Bytes> {
        let words = words(fault);
        if kind == Kind::Delete && matches!(fault, Fault::Forbidden | Fault::Conflict) {
            return batch(words, keys.len());
        }
        error(words)
    }

    fn elements(&self) -> (&'static str, &'static str) {
        ("Blob", "Name")
    }

    fn within<'a>(&self, name: &'a str) -> &'a str {
        let inner = name.strip_prefix(&*self.prefix);
        inner.map_or(name, |inner| inner.trim_start_matches('/'))
    }
}

impl Container {
    /// The name of a blob, of the container if it is empty.
    fn blob(&self, path: &str) -> Option<String> {
        let path = decoded(path);
        let container = format!("/{}/{}", self.account, self.name);
        let name = path.strip_prefix(&container)?;
        Some(name.trim_start_matches('/').to_owned())
    }
}

fn words(fault: Fault) -> Words {
    match fault {
        Fault::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ServerBusy",
            "The server is busy.",
        ),
        Fault::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "The request is being throttled.",
        ),
        Fault::Forbidden => (
            StatusCode::FORBIDDEN,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        ),
        Fault::Expired => (
            StatusCode::FORBIDDEN,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
             correctly including the signature.",
        ),
        Fault::NoPlace => (
            StatusCode::NOT_FOUND,
            "ContainerNotFound",
            "The specified container does not exist.",
        ),
        Fault::Exists => (
            StatusCode::CONFLICT,
            "BlobAlreadyExists",
            "The specified blob already exists.",
        ),
        Fault::Precondition => (
            StatusCode::PRECONDITION_FAILED,
            "ConditionNotMet",
            "The condition specified using HTTP conditional header(s) is not met.",
        ),
        Fault::Conflict => (
            StatusCode::CONFLICT,
            "BlobImmutableDueToPolicy",
            "This operation is not permitted as the blob is immutable due to a policy.",
        ),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "The server encountered an internal error. Please retry the request.",
        ),
    }
}

const REQUEST: &str = "0c1f2a3b-001e-0071-5d4c-61a2b7000000";

fn body((_, code, message): Words) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Error><Code>{code}</Code><Message>{message}\nRequestId:{REQUEST}\n\
         Time:2026-11-20T12:00:00.0000000Z</Message></Error>"
    )
}

fn error(words: Words) -> Response<Bytes> {
    let (status, code, _) = words;
    let mut reply = xml(status, body(words));
    let headers = reply.headers_mut();
    headers.insert("x-ms-error-code", code.parse().unwrap());
    headers.insert("x-ms-request-id", REQUEST.parse().unwrap());
    reply
}

/// What a batch of deletes tells: each was refused, in a reply that is none of failure.
fn batch(words: Words, count: usize) -> Response<Bytes> {
    let (status, code, message) = words;
    let (body, boundary) = (body(words), format!("batchresponse_{REQUEST}"));
    let part = |number: usize| {
        format!(
            "--{boundary}\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {} {message}\r\n\
             x-ms-error-code: {code}\r\nx-ms-request-id: {REQUEST}\r\nContent-Length: {}\r\n\
             Content-Type: application/xml\r\n\r\n{body}\r\n",
            status.as_str(),
            body.len()
        )
    };
    let parts: String = (0..count).map(part).collect();
    let reply = Response::builder()
        .status(StatusCode::ACCEPTED)
        .header("content-type", format!("multipart/mixed; boundary={boundary}"));
    reply.body(format!("{parts}--{boundary}--\r\n").into()).unwrap()
}
