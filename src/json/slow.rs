//! JSON byte by byte and walk after walk: slow, plain to see, and what the fast one is compared with.

use sha2::{Digest as _, Sha256};

use super::{JsonError, MAX_DEPTH};

/// One checked value, cut out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow<'a>(pub(crate) &'a [u8]);

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Slow<'a> {
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut scan = Scan { text, at: 0 };
        scan.space();
        let start = scan.at;
        scan.value(0)?;
        let end = scan.at;
        scan.space();
        if scan.at < text.len() {
            return scan.wrong("something follows the value");
        }
        Ok(Self(&text[start..end]))
    }

    /// The parts of a container: keys and values in turn, or elements.
    pub(crate) fn parts(self) -> Vec<Self> {
        let mut scan = Scan { text: self.0, at: 1 };
        let mut parts = Vec::new();
        loop {
            while matches!(scan.peek(), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
                scan.at += 1;
            }
            let start = scan.at;
            if scan.value(0).is_err() {
                return parts;
            }
            parts.push(Self(&self.0[start..scan.at]));
        }
    }

    pub(crate) fn member(self, name: &str) -> Option<Self> {
        if !self.0.starts_with(b"{") {
            return None;
        }
        let is = |part: &Slow<'_>, exact: bool| {
            let key = &part.0[1..part.0.len() - 1];
            key == name.as_bytes() || !exact && key.eq_ignore_ascii_case(name.as_bytes())
        };
        let parts = self.parts();
        let last = |exact| parts.chunks(2).rev().find(|pair| is(&pair[0], exact));
        last(true).or_else(|| last(false)).map(|pair| pair[1])
    }

    pub(crate) fn fingerprint(self) -> [u8; 16] {
        let mut hash = Sha256::new();
        self.feed(&mut hash);
        hash.finalize()[..16].try_into().unwrap()
    }

    fn feed(self, hash: &mut Sha256) {
        match self.0[0] {
            b'{' => {
                let parts = self.parts();
                let mut members: Vec<_> = parts.chunks(2).collect();
                members.sort_by_key(|pair| pair[0].0);
                hash.update(b"{");
                for pair in members {
                    hash.update(pair[0].0);
                    hash.update(b":");
                    pair[1].feed(hash);
                    hash.update(b",");
                }
                hash.update(b"}");
            }
            b'[' => {
                hash.update(b"[");
                for part in self.parts() {
                    part.feed(hash);
                    hash.update(b",");
                }
                hash.update(b"]");
            }
            _ => hash.update(self.0),
        }
    }
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong<T>(&self, problem: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, problem })
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return self.wrong("nested too deeply");
        }
        let rest = &self.text[self.at..];
        match rest.first() {
            Some(b'{') => self.container(b'}', depth),
            Some(b'[') => self.container(b']', depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => match ["true", "false", "null"]
                .iter()
                .find(|word| rest.starts_with(word.as_bytes()))
            {
                Some(word) => {
                    self.at += word.len();
                    Ok(())
                }
                None => self.wrong("no value starts like this"),
            },
            None => self.wrong("it ends where a value is due"),
        }
    }

    fn container(&mut self, close: u8, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            if close == b'}' {
                if self.peek() != Some(b'"') {
                    return self.wrong("a key is due");
                }
                self.string()?;
                self.space();
                if self.peek() != Some(b':') {
                    return self.wrong("a colon is due");
                }
                self.at += 1;
                self.space();
            }
            self.value(depth + 1)?;
            self.space();
            let next = self.peek();
            if next == Some(b',') || next == Some(close) {
                self.at += 1;
            }
            match next {
                Some(b',') => {}
                Some(byte) if byte == close => return Ok(()),
                Some(_) => return self.wrong("a comma or the end of the container is due"),
                None => return self.wrong("it ends inside a container"),
            }
        }
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            let digits = self.text[self.at + 1..].iter().take(4);
                            if digits.filter(|byte| byte.is_ascii_hexdigit()).count() < 4 {
                                return self.wrong("four hexadecimal digits are due");
                            }
                            self.at += 5;
                        }
                        _ => return self.wrong("no such escape"),
                    }
                }
                Some(0..=0x1f) => return self.wrong("a control character inside a string"),
                Some(_) => self.at += 1,
                None => return self.wrong("it ends inside a string"),
            }
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let skip = |scan: &mut Self, bytes: &[u8]| {
            let found = scan.peek().is_some_and(|byte| bytes.contains(&byte));
            scan.at += usize::from(found);
            found
        };
        skip(self, b"-");
        if !skip(self, b"0") {
            self.digits()?;
        }
        if skip(self, b".") {
            self.digits()?;
        }
        if skip(self, b"eE") {
            skip(self, b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return self.wrong("a digit is due");
        }
        Ok(())
    }
}
