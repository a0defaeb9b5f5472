//! Amazon S3. What a real one refuses and moto takes, is refused here: another region's signature, a body that is not the
//! one that was signed, a wrong checksum.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::{Dialect, Words, between, decoded, parameter, xml};
use crate::store::{Fault, Kind};

/// A bucket, addressed in the path, and the archive's part of it.
pub struct Bucket {
    pub name: String,
    pub prefix: String,
    pub region: String,
    /// Whether its user may list: one who may not is not even told that an object is absent.
    pub may_list: bool,
}

impl Dialect for Bucket {
    fn operation(&self, request: &Request<Bytes>) -> Option<(Kind, Vec<String>)> {
        let path = decoded(request.uri().path());
        let path = path.strip_prefix('/')?.strip_prefix(&*self.name)?;
        let key = path.trim_start_matches('/');
        if !key.is_empty() {
            let kind = match *request.method() {
                Method::PUT => Kind::Put,
                Method::GET | Method::HEAD => Kind::Get,
                Method::DELETE => Kind::Delete,
                _ => return None,
            };
            return Some((kind, vec![self.within(key).to_owned()]));
        }
        match *request.method() {
            Method::GET if parameter(request, "list-type").is_some() => {
                let prefix = parameter(request, "prefix").unwrap_or_default();
                let prefix = self.within(&prefix).trim_end_matches('/');
                Some((Kind::List, vec![prefix.to_owned()]))
            }
            Method::POST if parameter(request, "delete").is_some() => {
                let body = String::from_utf8_lossy(request.body());
                let keys = between(&body, "Key").map(|key| self.within(key).to_owned());
                Some((Kind::Delete, keys.collect()))
            }
            _ => None,
        }
    }

    fn refuse(&self, _kind: Kind, keys: &[String], request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let header = |name| text(request.headers(), name);
        let resource = keys.join(" ");
        // `Credential=<key>/<day>/<region>/s3/aws4_request`
        let signed = header("authorization").and_then(|signed| signed.split('/').nth(2));
        let Some(region) = signed else {
            let words = (StatusCode::FORBIDDEN, "AccessDenied", "Access Denied");
            return Some(error(words, &resource, ""));
        };
        if region != self.region {
            let wrong = format!(
                "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the \
                 region '{region}' is wrong; expecting '{expected}'</Message><Region>{expected}</Region></Error>",
                expected = self.region
            );
            return Some(xml(StatusCode::BAD_REQUEST, wrong));
        }
        let hash = Sha256::digest(request.body());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let signed = header("x-amz-content-sha256").filter(|signed| *signed != "UNSIGNED-PAYLOAD");
        let checksum = header("x-amz-checksum-sha256");
        let words = if signed.is_some_and(|signed| signed != hex) {
            (
                StatusCode::BAD_REQUEST,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        } else if checksum.is_some_and(|checksum| checksum != BASE64_STANDARD.encode(hash)) {
            (
                StatusCode::BAD_REQUEST,
                "BadDigest",
                "The SHA256 you specified did not match the calculated checksum.",
            )
        } else {
            return None;
        };
        Some(error(words, &resource, ""))
    }

    fn correct(&self, kind: Kind, keys: &[String], reply: Response<Bytes>) -> Response<Bytes> {
        let is_absent = kind == Kind::Get && reply.status() == StatusCode::NOT_FOUND;
        if is_absent && !self.may_list {
            return self.reply(Fault::Forbidden, kind, keys);
        }
        reply
    }

    fn reply(&self, fault: Fault, kind: Kind, keys: &[String]) -> Response<Bytes> {
        let words = words(fault, kind);
        if kind == Kind::Delete && matches!(fault, Fault::Forbidden | Fault::Conflict) {
            // Told for each key, in a reply that is none of failure.
            let (_, code, message) = words;
            let refused = keys.iter().map(|key| {
                let name = self.prefixed(key);
                format!("<Error><Key>{name}</Key><Code>{code}</Code><Message>{message}</Message></Error>")
            });
            let body: String = refused.collect();
            return xml(StatusCode::OK, format!("<DeleteResult>{body}</DeleteResult>"));
        }
        let more = match fault {
            Fault::NoPlace => format!("<BucketName>{}</BucketName>", self.name),
            Fault::Exists | Fault::Precondition => "<Condition>If-None-Match</Condition>".to_owned(),
            _ => String::new(),
        };
        error(words, &keys.join(" "), &more)
    }

    fn elements(&self) -> (&'static str, &'static str) {
        ("Contents", "Key")
    }

    fn within<'a>(&self, name: &'a str) -> &'a str {
        let inner = name.strip_prefix(&*self.prefix);
        inner.map_or(name, |inner| inner.trim_start_matches('/'))
    }
}

impl Bucket {
    fn prefixed(&self, key: &str) -> String {
        format!("{}/{key}", self.prefix)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn words(fault: Fault, kind: Kind) -> Words {
    match fault {
        Fault::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "SlowDown",
            "Please reduce your request rate.",
        ),
        // Amazon's own says `SlowDown`; this is what its like say.
        Fault::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Reduce your concurrent request rate for the same object.",
        ),
        Fault::Forbidden => (StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        Fault::Expired => (
            StatusCode::BAD_REQUEST,
            "ExpiredToken",
            "The provided token has expired.",
        ),
        Fault::NoPlace => (
            StatusCode::NOT_FOUND,
            "NoSuchBucket",
            "The specified bucket does not exist",
        ),
        Fault::Exists | Fault::Precondition => (
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ),
        // An object under a lock.
        Fault::Conflict if kind == Kind::Delete => (
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "Access Denied because object protected by object lock.",
        ),
        Fault::Conflict => (
            StatusCode::CONFLICT,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "We encountered an internal error. Please try again.",
        ),
    }
}

fn error((status, code, message): Words, resource: &str, more: &str) -> Response<Bytes> {
    xml(
        status,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}\
             <Resource>/{resource}</Resource><RequestId>4442587FB7D0A2F9</RequestId></Error>"
        ),
    )
}
