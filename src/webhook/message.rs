//! What is sent: a function of the commit alone, so that each try sends the same bytes under the same id; pure.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::{Time, spelled};

/// The type of a message about a commit.
const CREATED: &str = "commit.created";
/// The type of a message that tries the way.
const PING: &str = "ping";

/// A message to whoever is told of commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The same for each try, and for whoever tells of the same commit. Letters, digits and `_`.
    pub id: String,
    /// JSON.
    pub body: Bytes,
}

#[derive(Serialize)]
struct Body<T> {
    r#type: &'static str,
    #[serde(with = "spelled")]
    timestamp: Time,
    data: T,
}

#[derive(Serialize)]
struct Created<'a> {
    archive: &'a str,
    key: &'a str,
    sha256: &'a str,
    commit: &'a RawValue,
}

#[derive(Serialize)]
struct Ping<'a> {
    archive: &'a str,
    instance: &'a str,
}

impl Message {
    /// Tells of a commit: its record as it lies in the archive, of that key and SHA-256, written at that time. None if the
    /// record is no JSON.
    #[must_use]
    pub fn created(
        archive: &str,
        key: &str,
        record: &[u8],
        sha256: &str,
        committed_at: Time,
    ) -> Option<Self> {
        let commit: &RawValue = serde_json::from_slice(record.trim_ascii()).ok()?;
        let data = Created {
            archive,
            key,
            sha256,
            commit,
        };
        let short = sha256.get(..32).unwrap_or(sha256);
        Some(Self {
            id: format!("commit_{short}"),
            body: body(CREATED, committed_at, &data),
        })
    }

    /// Tells of nothing. `nonce` makes its id one of its own.
    #[must_use]
    pub fn ping(archive: &str, instance: &str, now: Time, nonce: &str) -> Self {
        Self {
            id: format!("ping_{nonce}"),
            body: body(PING, now, &Ping { archive, instance }),
        }
    }
}

fn body<T: Serialize>(r#type: &'static str, timestamp: Time, data: T) -> Bytes {
    let body = Body {
        r#type,
        timestamp,
        data,
    };
    // Plain text, and JSON that was read: serializing cannot fail.
    Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_in_it_byte_for_byte() {
        let record = b"{\"number\": 7,  \"n\":1.50e3,\"text\":\"\\u00e9\"}\n";
        let at = "2026-11-21T10:00:00.000Z";
        let message = Message::created(
            "s3://acme",
            "commits/a/7.json",
            record,
            &"0a".repeat(32),
            at.parse().unwrap(),
        );
        let message = message.unwrap();
        assert_eq!(message.id, format!("commit_{}", "0a".repeat(16)));
        let hash = "0a".repeat(32);
        let expected = format!(
            r#"{{"type":"commit.created","timestamp":"{at}","data":{{"archive":"s3://acme","key":"commits/a/7.json","sha256":"{hash}","commit":{{"number": 7,  "n":1.50e3,"text":"\u00e9"}}}}}}"#
        );
        assert_eq!(message.body, expected);
        assert_eq!(
            Message::created("s3://acme", "k", b"no JSON", "0a", at.parse().unwrap()),
            None
        );
    }
}
