//! JSON as it is spelled: finds the bytes of members and elements without decoding or re-encoding anything.
//!
//! `serde_json` cannot keep what an audit record may hold (lone surrogates, numbers beyond any type, the order and
//! spelling of members), so events are cut out of a reply by this small scanner. It never changes a byte.

use std::borrow::Cow;

mod form;
mod reader;
mod scan;
#[cfg(test)]
pub(crate) mod slow;
mod steps;
#[cfg(test)]
mod tests;
mod word;

pub use form::Form;
pub use reader::{Formed, Reader};
use steps::Steps;

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
        Reader::whole(text, Reader::value)
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
            return Some(match std::str::from_utf8(inner) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(inner),
            });
        }
        let whole = String::from_utf8_lossy(self.0);
        Some(Cow::Owned(
            serde_json::from_str(&whole).unwrap_or_else(|_| whole.trim_matches('"').to_owned()),
        ))
    }

    /// The members of an object, in their order; nothing for other values.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let mut steps = Steps {
            text: if self.is_object() { self.0 } else { b"" },
            at: 1,
        };
        std::iter::from_fn(move || {
            let key = steps.next()?;
            Some((key.0, steps.next()?))
        })
    }

    /// The elements of an array, in their order; nothing for other values.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut steps = Steps {
            text: if self.is_array() { self.0 } else { b"" },
            at: 1,
        };
        std::iter::from_fn(move || steps.next())
    }

    /// The member of that name: spelled exactly so, or else alike but for case; the last one, where several are.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Value<'a>> {
        let mut found = Named::new(name);
        for (key, value) in self.members() {
            found.offer(key, || value);
        }
        found.take()
    }
}

/// What is found under one name: spelled exactly so, or else alike but for case; the last one, where several are.
#[derive(Clone, Debug)]
pub struct Named<'n, T> {
    name: &'n str,
    exact: Option<T>,
    alike: Option<T>,
}

impl<'n, T> Named<'n, T> {
    /// Nothing yet.
    #[must_use]
    pub fn new(name: &'n str) -> Self {
        Self {
            name,
            exact: None,
            alike: None,
        }
    }

    /// Whether a key, quotes included, has that name in some case.
    #[must_use]
    pub fn is(&self, key: &[u8]) -> bool {
        key.len() == self.name.len() + 2 && bare(key).eq_ignore_ascii_case(self.name.as_bytes())
    }

    /// Notes what stands under a key, quotes included, if it has that name.
    pub fn offer(&mut self, key: &[u8], thing: impl FnOnce() -> T) {
        if self.is(key) {
            let place = if bare(key) == self.name.as_bytes() {
                &mut self.exact
            } else {
                &mut self.alike
            };
            *place = Some(thing());
        }
    }

    /// What was found.
    #[must_use]
    pub fn take(self) -> Option<T> {
        self.exact.or(self.alike)
    }
}

fn bare(key: &[u8]) -> &[u8] {
    key.get(1..key.len().saturating_sub(1)).unwrap_or_default()
}
