//! Quick steps over what has been checked.

use super::{Value, word};

pub(super) struct Steps<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Steps<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next value inside a validated container, past commas and colons; None at its end.
    pub(super) fn next(&mut self) -> Option<Value<'a>> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
            self.at += 1;
        }
        let start = self.at;
        match self.peek()? {
            b'}' | b']' => return None,
            b'"' => self.string(),
            b'{' | b'[' => self.container(),
            _ => {
                while !matches!(
                    self.peek(),
                    None | Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']')
                ) {
                    self.at += 1;
                }
            }
        }
        Some(Value(self.text.get(start..self.at)?))
    }

    fn string(&mut self) {
        self.at += 1;
        loop {
            self.at = word::plain(self.text, self.at);
            match self.peek() {
                Some(b'\\') => self.at += 2,
                Some(b'"') => {
                    self.at += 1;
                    return;
                }
                Some(_) => self.at += 1,
                None => return,
            }
        }
    }

    fn container(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}
