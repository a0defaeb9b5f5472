//! Reads a text in one walk that checks it on the way: what is wanted is taken out as it passes.

use sha2::{Digest as _, Sha256};

use super::{JsonError, Value, form::Form};

/// A value that was read, and its form.
#[derive(Debug)]
pub struct Formed<'a, 'f> {
    /// The value as it is spelled.
    pub value: Value<'a>,
    /// Whether line breaks stand between its tokens.
    pub is_broken: bool,
    text: &'a [u8],
    form: &'f Form,
}

impl<'a> Formed<'a, '_> {
    /// As [`Value::member`].
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Value<'a>> {
        self.form.find(self.text, name)
    }

    /// The first 16 bytes of the SHA-256 of the canonical form: neither the order of members nor white space counts,
    /// every other token does, as it is spelled.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        let form = self.form.bytes();
        let hash = Sha256::digest(if form.is_empty() { self.value.raw() } else { form });
        let mut short = [0; 16];
        short.copy_from_slice(hash.get(..16).unwrap_or(&[0; 16]));
        short
    }
}

/// Stands before a value, and checks whatever it goes past.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// In so many containers.
    pub(super) depth: usize,
    /// Whether a line break was passed between tokens.
    pub(super) broken: bool,
}

impl<'a> Reader<'a> {
    /// Reads a text that is one value, with nothing but white space (or a UTF-8 byte order mark) around it. `read` must
    /// go past that value.
    ///
    /// # Errors
    /// Those of `read`; anything that is not JSON; and nesting deeper than [`super::MAX_DEPTH`].
    pub fn whole<T, E: From<JsonError>>(
        text: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader = Self {
            text: body,
            at: 0,
            depth: 0,
            broken: false,
        };
        reader.white_space();
        let found = read(&mut reader)?;
        reader.white_space();
        if reader.at < body.len() {
            return Err(reader.error("something follows the value").into());
        }
        Ok(found)
    }

    /// Whether an object begins here.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.peek() == Some(b'{')
    }

    /// Whether an array begins here.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.peek() == Some(b'[')
    }

    /// Goes past a value.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn value(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        self.check::<false>(&mut Form::default())?;
        Ok(self.since(start))
    }

    /// Goes past a value and notes its form in memory that is used again.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn formed<'f>(&mut self, form: &'f mut Form) -> Result<Formed<'a, 'f>, JsonError> {
        let start = self.at;
        self.broken = false;
        form.clear();
        if self.is_object() {
            self.members::<true>(form)?;
            form.end_whole(self.text);
        } else {
            self.check::<true>(form)?;
        }
        Ok(Formed {
            value: self.since(start),
            is_broken: self.broken,
            text: self.text,
            form,
        })
    }

    /// Goes through the object that begins here. `each` must go past the member's value; it is told its key as it is
    /// spelled, quotes included.
    ///
    /// # Errors
    /// Those of `each`, or if it is not JSON.
    pub fn object<E: From<JsonError>>(
        &mut self,
        mut each: impl FnMut(&mut Self, &'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.container(b'}', |reader: &mut Self, key| {
            let text = reader.text;
            each(reader, text.get(key).unwrap_or_default())
        })
    }

    /// Goes through the array that begins here. `each` must go past the element.
    ///
    /// # Errors
    /// Those of `each`, or if it is not JSON.
    pub fn array<E: From<JsonError>>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.container(b']', |reader, _| each(reader))
    }

    fn since(&self, start: usize) -> Value<'a> {
        Value(self.text.get(start..self.at).unwrap_or_default())
    }
}
