//! Cuts a JSON list into its elements while it is read, so that a long one is never held; pure.
//!
//! Looks at brackets and strings alone: whether an element is JSON is for whoever takes it to see.

use std::io::{self, Read};

use bytes::Bytes;

use crate::source::page::LARGEST_EVENT;

/// Bytes read at a time.
const PIECE: usize = 64 << 10;
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a text is no list of events. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The text could not be read to its end.
    #[error("read the list of events")]
    Read(#[source] io::Error),
    /// Something else than a list, or a part of one.
    #[error("read the list of events: {0}")]
    NoList(&'static str),
    /// One element is over the limit.
    #[error("read the list of events: one has more than {0} bytes")]
    Large(usize),
}

/// The elements of a list. A text that is blank, or `null`, has none.
pub(super) struct Elements<R> {
    reader: R,
    piece: Vec<u8>,
    at: usize,
    place: Place,
    most: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before `[`.
    Start,
    /// Where an element is due; `first`: or the end.
    Due { first: bool },
    /// Behind `]`.
    End,
}

impl<R: Read> Elements<R> {
    pub(super) fn of(reader: R) -> Self {
        Self {
            reader,
            piece: Vec::new(),
            at: 0,
            place: Place::Start,
            most: LARGEST_EVENT,
        }
    }

    /// The next element, without white space around it; None at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, ListError> {
        if self.place == Place::Start {
            self.begin()?;
        }
        let Place::Due { first } = self.place else {
            return self.end();
        };
        let element = self.element()?;
        if !element.is_empty() {
            return Ok(Some(element));
        }
        if first && self.place == Place::End {
            return self.end();
        }
        Err(ListError::NoList("an element is missing"))
    }

    /// Passes the byte order mark and the bracket.
    fn begin(&mut self) -> Result<(), ListError> {
        let mut word = Vec::new();
        loop {
            match self.byte()? {
                Some(b'[') if word.is_empty() || word == MARK => {
                    self.place = Place::Due { first: true };
                    return Ok(());
                }
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(byte) if word.len() < 8 => word.push(byte),
                Some(_) => return Err(ListError::NoList("it begins with something else")),
                None => break,
            }
        }
        let word = word.strip_prefix(MARK).unwrap_or(&word);
        if word.is_empty() || word == b"null" {
            self.place = Place::End;
            return Ok(());
        }
        Err(ListError::NoList("it is something else"))
    }

    /// Everything up to the comma or bracket that ends an element.
    fn element(&mut self) -> Result<Bytes, ListError> {
        let mut element = Vec::new();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            if self.at >= self.piece.len() && !self.fill()? {
                return Err(ListError::NoList("it is cut off"));
            }
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let mut ends = None;
            for (index, byte) in rest.iter().enumerate() {
                if in_string {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => in_string = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b',' | b']' if depth == 0 => {
                        ends = Some((index, *byte));
                        break;
                    }
                    b'}' if depth == 0 => return Err(ListError::NoList("a bracket is missing")),
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
            }
            let taken = ends.map_or(rest.len(), |(index, _)| index);
            let taken = rest.get(..taken).unwrap_or_default();
            // White space before an element is not its own, however much there is.
            let taken = if element.is_empty() {
                taken.trim_ascii_start()
            } else {
                taken
            };
            element.extend_from_slice(taken);
            if element.len() > self.most {
                return Err(ListError::Large(self.most));
            }
            let Some((index, end)) = ends else {
                self.at = self.piece.len();
                continue;
            };
            self.at += index + 1;
            self.place = if end == b',' {
                Place::Due { first: false }
            } else {
                Place::End
            };
            element.truncate(element.trim_ascii_end().len());
            return Ok(Bytes::from(element));
        }
    }

    /// Nothing but white space may follow.
    fn end(&mut self) -> Result<Option<Bytes>, ListError> {
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                return Err(ListError::NoList("something follows its end"));
            }
        }
        Ok(None)
    }

    fn byte(&mut self) -> Result<Option<u8>, ListError> {
        if self.at >= self.piece.len() && !self.fill()? {
            return Ok(None);
        }
        let byte = self.piece.get(self.at).copied();
        self.at += 1;
        Ok(byte)
    }

    /// Reads the next piece. Whether there is one.
    fn fill(&mut self) -> Result<bool, ListError> {
        self.piece.resize(PIECE, 0);
        self.at = 0;
        loop {
            match self.reader.read(&mut self.piece) {
                Ok(read) => {
                    self.piece.truncate(read);
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ListError::Read(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(end);
            buffer[..end].copy_from_slice(now);
            self.0 = later;
            Ok(end)
        }
    }

    fn cut(text: &str, drops: usize, most: usize) -> Result<Vec<String>, ListError> {
        let mut elements = Elements::of(Drops(text.as_bytes(), drops));
        elements.most = most;
        let mut all = Vec::new();
        while let Some(element) = elements.next()? {
            all.push(String::from_utf8(element.to_vec()).unwrap());
        }
        Ok(all)
    }

    #[test]
    fn a_list_is_cut_into_its_elements_however_it_arrives() {
        let text = "\u{feff} [ {\"a\":\"],\\\"\\\\\"} ,\r\n[1,[2]],\"x,y\" , {\"b\":{\"c\":[]}}\n]\n ";
        let elements = [r#"{"a":"],\"\\"}"#, "[1,[2]]", "\"x,y\"", r#"{"b":{"c":[]}}"#];
        for drops in 1..text.len() + 1 {
            assert_eq!(cut(text, drops, 100).unwrap(), elements, "{drops} at a time");
        }
    }

    #[test]
    fn nothing_null_and_an_empty_list_hold_no_event() {
        for text in [
            "",
            " \r\n",
            "\u{feff}",
            "null",
            " null ",
            "[]",
            "\u{feff}[ \n ]",
            "[]\n",
        ] {
            assert!(cut(text, 2, 100).unwrap().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_list_and_anything_else_is_no_list() {
        let whole = r#"[{"a":"x]"},{"b":2}]"#;
        for end in 1..whole.len() {
            assert!(cut(&whole[..end], 3, 100).is_err(), "{}", &whole[..end]);
        }
        for text in [
            "{}", "<html>", "nul", "null[]", "[1,]", "[,1]", "[1,,2]", "[1][2]", "[1]x", "[}]",
        ] {
            assert!(cut(text, 3, 100).is_err(), "{text}");
        }
    }

    #[test]
    fn one_event_has_a_limit_the_white_space_before_it_has_none() {
        let text = format!("[{}\"{}\"]", " ".repeat(1000), "x".repeat(48));
        assert_eq!(cut(&text, 7, 50).unwrap().len(), 1);
        assert!(matches!(cut(&text, 7, 49), Err(ListError::Large(49))));
    }
}
