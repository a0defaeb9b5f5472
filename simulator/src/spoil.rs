//! Turns a reply into what a fault makes of it.

use std::io::Write;

use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::fault::{DateFault, Fault, RetryAfter};
use crate::reply::{Manner, Reply, http_date};

const JSON: &str = "application/json; charset=utf-8";

/// The reply in place of the true one, for faults that need none of it.
pub(crate) fn instead(fault: &Fault, now: DateTime<Utc>) -> Option<Reply> {
    Some(match fault {
        Fault::Status {
            code,
            body,
            retry_after,
        } => Reply::error(*code, body, retry_after, now),
        Fault::Redirect(status, to) => Reply::new(*status, "", "").header("location", to.clone()),
        Fault::Reply(content_type, body) => Reply::new(200, content_type, body.clone()),
        Fault::ErrorAsSuccess(body) => {
            let mut reply = Reply::error(500, body, &RetryAfter::Absent, now);
            reply.status = 200;
            reply
        }
        Fault::SignInPage => Reply::new(200, "text/html; charset=utf-8", SIGN_IN),
        Fault::EmptyObject => Reply::new(200, JSON, "{}"),
        Fault::EmptyBody => Reply::new(200, JSON, ""),
        Fault::GzipBomb(mib) => Reply::new(200, JSON, bomb(*mib)).header("content-encoding", "gzip"),
        Fault::DeepJson(depth) => {
            let (open, close) = ("[".repeat(*depth), "]".repeat(*depth));
            Reply::new(
                200,
                JSON,
                format!(
                    r#"{{"auditEvents":[{open}{close}],"next":null,"previous":null,"totalCount":1,"results":[{open}{close}]}}"#
                ),
            )
        }
        _ => return None,
    })
}

/// The true reply, travelling in another manner.
pub(crate) fn travel(mut reply: Reply, fault: &Fault) -> Reply {
    match fault {
        Fault::CutOff(at) => reply.manner = Manner::CutOff(*at),
        Fault::CutOffChunked(at) => reply.manner = Manner::CutOffChunked(*at),
        Fault::Drip(bytes, wait) => reply.manner = Manner::Drip(*bytes, *wait),
        Fault::Endless => {
            reply.body.pop();
            reply.manner = Manner::Endless;
        }
        Fault::Truncated(share) => {
            let keep = reply.body.len() * usize::from(*share) / 1000;
            reply.body.truncate(keep.min(reply.body.len().saturating_sub(1)));
        }
        _ => {}
    }
    reply
}

/// Adds the `Date` header, or what a fault makes of it.
pub(crate) fn dated(reply: Reply, fault: Option<&DateFault>, now: DateTime<Utc>) -> Reply {
    match fault {
        None => reply.header("date", http_date(now)),
        Some(DateFault::Missing) => reply,
        Some(DateFault::Skewed(seconds)) => {
            reply.header("date", http_date(now + TimeDelta::seconds(*seconds)))
        }
        Some(DateFault::Raw(text)) => reply.header("date", text.clone()),
    }
}

pub(crate) const SIGN_IN: &str = "<!DOCTYPE html>\n<html><head><title>UiPath - Sign in</title></head>\n\
    <body><form action=\"/identity_/Account/Login\"></form></body></html>\n";

/// Spaces within JSON, packed.
fn bomb(mib: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let spaces = vec![b' '; 1024 * 1024];
    let mut write = || {
        encoder.write_all(b"{\"auditEvents\":[")?;
        for _ in 0..mib {
            encoder.write_all(&spaces)?;
        }
        encoder.write_all(b"],\"next\":null,\"previous\":null}")
    };
    // Writing to memory does not fail; half a bomb would be as good.
    let _ = write();
    encoder.finish().unwrap_or_default()
}
