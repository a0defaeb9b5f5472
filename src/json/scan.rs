//! JSON's grammar: one walk that checks a text, and notes what a form needs.

use std::ops::Range;

use super::{
    JsonError, MAX_DEPTH, Reader,
    form::{Form, Place},
    word,
};

impl Reader<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn error(&self, problem: &'static str) -> JsonError {
        JsonError { at: self.at, problem }
    }

    pub(super) fn white_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.broken |= matches!(byte, b'\n' | b'\r');
            self.at += 1;
        }
    }

    /// Checks a value; with `FORM`, notes the forms of the containers in it.
    pub(super) fn check<const FORM: bool>(&mut self, form: &mut Form) -> Result<(), JsonError> {
        if self.depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => {
                let begun = form.begin();
                self.members::<FORM>(form)?;
                if FORM {
                    form.end_object(self.text, begun);
                }
                Ok(())
            }
            Some(b'[') => self.elements::<FORM>(form),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(_) => Err(self.error("no value starts like this")),
            None => Err(self.error("it ends where a value is due")),
        }
    }

    /// Checks an object; with `FORM`, notes its members.
    pub(super) fn members<const FORM: bool>(&mut self, form: &mut Form) -> Result<(), JsonError> {
        self.container(b'}', |reader, key| {
            let (start, from) = (reader.at, form.length());
            reader.check::<FORM>(form)?;
            if FORM {
                let formed = from..form.length();
                let value = start..reader.at;
                form.member(Place { key, value, formed });
            }
            Ok(())
        })
    }

    fn elements<const FORM: bool>(&mut self, form: &mut Form) -> Result<(), JsonError> {
        if FORM {
            form.begin_array();
        }
        self.container(b']', |reader, _| {
            let (start, from) = (reader.at, form.length());
            reader.check::<FORM>(form)?;
            if FORM {
                form.element(reader.text.get(start..reader.at).unwrap_or_default(), from);
            }
            Ok(())
        })?;
        if FORM {
            form.end_array();
        }
        Ok(())
    }

    /// Checks a container up to its end. `each` reads a value, and is told where its key stands, if members have one.
    pub(super) fn container<E: From<JsonError>>(
        &mut self,
        close: u8,
        mut each: impl FnMut(&mut Self, Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.at += 1;
        self.white_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        self.depth += 1;
        loop {
            self.white_space();
            let key = if close == b'}' { self.key()? } else { 0..0 };
            each(self, key)?;
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                Some(_) => return Err(self.error("a comma or the end of the container is due").into()),
                None => return Err(self.error("it ends inside a container").into()),
            }
        }
    }

    fn key(&mut self) -> Result<Range<usize>, JsonError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.error("a key is due"));
        }
        self.string()?;
        let key = start..self.at;
        self.white_space();
        if self.peek() != Some(b':') {
            return Err(self.error("a colon is due"));
        }
        self.at += 1;
        self.white_space();
        Ok(key)
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            self.at = word::plain(self.text, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.error("a control character inside a string")),
                None => return Err(self.error("it ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.error("four hexadecimal digits are due"));
                }
                self.at += 5;
            }
            _ => return Err(self.error("no such escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error("a digit is due")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            Err(self.error("a digit is due"))
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        if !self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            return Err(self.error("no value starts like this"));
        }
        self.at += word.len();
        Ok(())
    }
}
