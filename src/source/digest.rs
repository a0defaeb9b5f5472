//! Digests that a reply names of its body: `Content-MD5`, `Digest`, `Content-Digest` and `Repr-Digest`; pure.
//!
//! One that cannot be read, or of an algorithm that is not known here, says nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512};

use super::body::BodyError;

/// What a body must come to.
#[derive(Default)]
pub(super) struct Digests(Vec<Named>);

struct Named {
    algorithm: Algorithm,
    expected: Vec<u8>,
    received: Running,
}

#[derive(Clone, Copy)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512,
}

enum Running {
    Md5(Md5),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Digests {
    /// Those that the head of a reply names; `header` looks a field up.
    pub(super) fn named_by(header: impl Fn(&str) -> Option<String>) -> Self {
        let mut named = Vec::new();
        if let Some(value) = header("content-md5") {
            named.extend(Named::read("md5", &value));
        }
        for field in ["digest", "content-digest", "repr-digest"] {
            let list = header(field).unwrap_or_default();
            let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
            named.extend(pairs.filter_map(|(name, value)| Named::read(name, value)));
        }
        Self(named)
    }

    /// Takes the next piece, as it was received.
    pub(super) fn push(&mut self, piece: &[u8]) {
        for named in &mut self.0 {
            named.received.push(piece);
        }
    }

    /// Whether any was named, now that all of them are those of what was received or, as some proxies have it, of what
    /// that unpacks to.
    pub(super) fn hold(self, unpacked: &[u8]) -> Result<bool, BodyError> {
        let any = !self.0.is_empty();
        let holds = |named: Named| {
            let mut other = named.algorithm.begin();
            named.received.end() == named.expected || {
                other.push(unpacked);
                other.end() == named.expected
            }
        };
        if self.0.into_iter().all(holds) {
            Ok(any)
        } else {
            Err(BodyError::WrongDigest)
        }
    }
}

impl Named {
    fn read(name: &str, value: &str) -> Option<Self> {
        let (algorithm, length) = match name.trim().to_ascii_lowercase().as_str() {
            "md5" => (Algorithm::Md5, 16),
            "sha-256" => (Algorithm::Sha256, 32),
            "sha-512" => (Algorithm::Sha512, 64),
            _ => return None,
        };
        let expected = STANDARD.decode(value.trim().trim_matches(':')).ok()?;
        (expected.len() == length).then(|| Self {
            algorithm,
            expected,
            received: algorithm.begin(),
        })
    }
}

impl Algorithm {
    fn begin(self) -> Running {
        match self {
            Self::Md5 => Running::Md5(Md5::new()),
            Self::Sha256 => Running::Sha256(Sha256::new()),
            Self::Sha512 => Running::Sha512(Sha512::new()),
        }
    }
}

impl Running {
    fn push(&mut self, piece: &[u8]) {
        match self {
            Self::Md5(hash) => hash.update(piece),
            Self::Sha256(hash) => hash.update(piece),
            Self::Sha512(hash) => hash.update(piece),
        }
    }

    fn end(self) -> Vec<u8> {
        match self {
            Self::Md5(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha512(hash) => hash.finalize().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, value: &str, body: &str) -> Result<bool, BodyError> {
        let mut digests = Digests::named_by(|name| (name == field).then(|| value.to_owned()));
        digests.push(body.as_bytes());
        digests.hold(body.as_bytes())
    }

    #[test]
    fn a_body_must_come_to_every_digest_that_can_be_read() {
        let sha = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let md5 = "kAFQmDzST7DWlj99KOF/cg==";
        let cases = [
            ("content-md5", md5.to_owned()),
            ("digest", format!("crc32c=AAAAAA==, SHA-256={sha},MD5={md5}")),
            ("content-digest", format!("sha-256=:{sha}:")),
            ("repr-digest", format!("md5=:{md5}:, sha-256=:{sha}:")),
        ];
        for (field, value) in &cases {
            assert!(check(field, value, "abc").unwrap(), "{field}");
            assert!(
                matches!(check(field, value, "abd"), Err(BodyError::WrongDigest)),
                "{field}"
            );
        }
        for (field, value) in [
            ("digest", "adler32=03da0195"),
            ("content-md5", "?"),
            ("digest", "sha-256=AAAA"),
        ] {
            assert!(!check(field, value, "abc").unwrap(), "{field}");
        }
    }

    #[test]
    fn a_digest_may_be_that_of_the_unpacked_body() {
        let mut digests =
            Digests::named_by(|name| (name == "content-md5").then(|| "kAFQmDzST7DWlj99KOF/cg==".to_owned()));
        digests.push(b"packed");
        assert!(digests.hold(b"abc").unwrap());
    }
}
