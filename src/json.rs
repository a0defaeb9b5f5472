//! JSON as it is spelled: finds the bytes of members and elements without decoding or re-encoding anything.
//!
//! `serde_json` cannot keep what an audit record may hold (lone surrogates, numbers beyond any type, the order and
//! spelling of members), so events are cut out of a reply by this small scanner. It never changes a byte.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

mod scan;

use scan::Scanner;

/// Deepest nesting accepted in a reply.
pub const MAX_DEPTH: usize = 128;

/// Why a text is not JSON, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}: {problem}")]
pub struct JsonError {
    /// Offset in bytes.
    pub at: usize,
    /// What stands there.
    pub problem: &'static str,
}

/// One JSON value: a validated span of bytes without white space around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a>(&'a [u8]);

/// A member's key as it is spelled, quotes included, and its value.
pub type Member<'a> = (&'a [u8], Value<'a>);

impl<'a> Value<'a> {
    /// Checks that `text` is one JSON value, with nothing but white space (or a UTF-8 byte order mark) around it.
    ///
    /// Strings may hold any escapes and any bytes from 0x20 up, valid UTF-8 or not.
    ///
    /// # Errors
    /// Anything else, and nesting deeper than [`MAX_DEPTH`].
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut scanner = Scanner { text: body, at: 0 };
        scanner.white_space();
        let start = scanner.at;
        scanner.value(0)?;
        let end = scanner.at;
        scanner.white_space();
        if scanner.at < body.len() {
            return Err(scanner.error("something follows the value"));
        }
        Ok(Self(body.get(start..end).unwrap_or_default()))
    }

    /// The bytes of the value.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    /// Whether it is an array.
    #[must_use]
    pub fn is_array(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    /// The text of a string, decoded. None if it is no string. Lone surrogates and invalid UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if !inner.contains(&b'\\') {
            return Some(String::from_utf8_lossy(inner));
        }
        let whole = String::from_utf8_lossy(self.0);
        Some(Cow::Owned(
            serde_json::from_str(&whole).unwrap_or_else(|_| whole.trim_matches('"').to_owned()),
        ))
    }

    /// The members of an object, in their order; nothing for other values.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let mut scanner = Scanner {
            text: if self.is_object() { self.0 } else { b"" },
            at: 1,
        };
        std::iter::from_fn(move || {
            let key = scanner.step()?;
            Some((key.0, scanner.step()?))
        })
    }

    /// The elements of an array, in their order; nothing for other values.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut scanner = Scanner {
            text: if self.is_array() { self.0 } else { b"" },
            at: 1,
        };
        std::iter::from_fn(move || scanner.step())
    }

    /// The member of that name: spelled exactly so, or else alike but for case; the last one, where several are.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Value<'a>> {
        let mut alike = None;
        let mut exact = None;
        for (key, value) in self.members() {
            let key = key.get(1..key.len() - 1).unwrap_or_default();
            if key == name.as_bytes() {
                exact = Some(value);
            } else if key.eq_ignore_ascii_case(name.as_bytes()) {
                alike = Some(value);
            }
        }
        exact.or(alike)
    }

    /// A digest of the content that depends neither on the order of members nor on white space. Every other token
    /// counts as it is spelled.
    #[must_use]
    pub fn fingerprint(self) -> [u8; 16] {
        let mut hash = Sha256::new();
        self.feed(&mut hash);
        let mut short = [0; 16];
        short.copy_from_slice(hash.finalize().get(..16).unwrap_or(&[0; 16]));
        short
    }

    fn feed(self, hash: &mut Sha256) {
        if self.is_object() {
            let mut members: Vec<Member<'a>> = self.members().collect();
            // Stable: members of the same name keep their order.
            members.sort_by_key(|(key, _)| *key);
            hash.update(b"{");
            for (key, value) in members {
                hash.update(key);
                hash.update(b":");
                value.feed(hash);
                hash.update(b",");
            }
            hash.update(b"}");
        } else if self.is_array() {
            hash.update(b"[");
            for value in self.elements() {
                value.feed(hash);
                hash.update(b",");
            }
            hash.update(b"]");
        } else {
            hash.update(self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(text: &str) -> [u8; 16] {
        Value::parse(text.as_bytes()).unwrap().fingerprint()
    }

    #[test]
    fn accepts_what_is_json_and_nothing_else() {
        let good = [
            "null",
            " true ",
            "-0",
            "1e400",
            "123456789012345678901234567890123456789012",
            "\"\\ud800\"",
            "[]",
            "{}",
            "[1, {\"a\" : [ ] , \"b\":\"\\u00e9\\/\"}]",
            "\u{feff}{\"a\":1}",
            "1.50E-7",
        ];
        for text in good {
            assert!(Value::parse(text.as_bytes()).is_ok(), "{text}");
        }
        let bad = [
            "",
            " ",
            "nul",
            "01",
            "1.",
            "+1",
            ".5",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "\"a\nb\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "{\"a\"}",
            "[",
            "{\"a\":",
            "\"",
            "1 2",
            "<html>",
        ];
        for text in bad {
            assert!(Value::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(
            Value::parse(b"\"\xff\"").is_ok(),
            "bytes that are no UTF-8 are kept"
        );
        let deep = "[".repeat(MAX_DEPTH + 2) + &"]".repeat(MAX_DEPTH + 2);
        assert_eq!(
            Value::parse(deep.as_bytes()).unwrap_err().problem,
            "nested too deeply"
        );
    }

    #[test]
    fn agrees_with_serde_json_on_every_cut_and_every_changed_byte() {
        let text = br#"{"a":[1,-2.5e3,"x\n\u00e9",{"b":null}],"c":true,"d":"\\\""}"#;
        for at in 0..text.len() {
            for byte in [b'"', b'{', b']', b',', b'0', b' ', b'\\', b'e', b'\n', b'-'] {
                let mut changed = text.to_vec();
                changed[at] = byte;
                let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&changed).is_ok();
                assert_eq!(
                    Value::parse(&changed).is_ok(),
                    theirs,
                    "{}",
                    String::from_utf8_lossy(&changed)
                );
            }
            assert!(Value::parse(&text[..at]).is_err());
        }
    }

    #[test]
    fn finds_members_by_name_whatever_their_case() {
        let value = Value::parse(br#"{"ID":"x" , "id" : "y","createdon":null}"#).unwrap();
        assert_eq!(value.member("id").unwrap().raw(), b"\"y\"");
        assert!(value.member("createdOn").unwrap().is_null());
        assert!(value.member("other").is_none());
        assert_eq!(value.members().count(), 3);
    }

    #[test]
    fn fingerprint_ignores_order_and_white_space_alone() {
        assert_eq!(
            fingerprint(r#"{"a":1,"b":[1,2]}"#),
            fingerprint("{ \"b\" : [1,\n2], \"a\":1 }")
        );
        assert_ne!(fingerprint(r#"{"a":1}"#), fingerprint(r#"{"a":1.0}"#));
        assert_ne!(fingerprint("[1,2]"), fingerprint("[2,1]"));
        assert_ne!(fingerprint(r#"{"a":"é"}"#), fingerprint(r#"{"a":"\u00e9"}"#));
        assert_ne!(fingerprint(r#"{"a":{"b":1}}"#), fingerprint(r#"{"a":{},"b":1}"#));
    }
}
