//! Content cut into its lines, piece by piece; pure.

use bytes::{Buf as _, Bytes, BytesMut};

/// Cuts content that comes in pieces into lines. A line that lies within one piece is not copied.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end is still to come.
    begun: BytesMut,
}

impl Lines {
    /// The next line that ends in `piece`, without its line break, which is taken off `piece`. None: what was left of it
    /// is kept for the next piece.
    pub fn cut(&mut self, piece: &mut Bytes) -> Option<Bytes> {
        let Some(end) = piece.iter().position(|byte| *byte == b'\n') else {
            self.begun.extend_from_slice(piece);
            piece.clear();
            return None;
        };
        let line = piece.split_to(end);
        piece.advance(1);
        if self.begun.is_empty() {
            return Some(line);
        }
        self.begun.extend_from_slice(&line);
        Some(self.begun.split().freeze())
    }

    /// A last line without an end; None if there is none.
    #[must_use]
    pub fn last(self) -> Option<Bytes> {
        (!self.begun.is_empty()).then(|| self.begun.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &'static [u8], piece: usize) -> Vec<Bytes> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in content.chunks(piece) {
            let mut piece = Bytes::from_static(piece);
            while let Some(line) = lines.cut(&mut piece) {
                found.push(line);
            }
        }
        found.extend(lines.last());
        found
    }

    #[test]
    fn lines_are_the_same_wherever_the_content_is_cut() {
        let cases: [(&[u8], &[&str]); 6] = [
            (b"", &[]),
            (b"\n", &[""]),
            (b"one", &["one"]),
            (b"one\ntwo\n", &["one", "two"]),
            (b"one\n\ntwo", &["one", "", "two"]),
            (b"\r\none\n\n", &["\r", "one", ""]),
        ];
        for (content, expected) in cases {
            for piece in 1..=content.len().max(1) {
                assert_eq!(lines(content, piece), expected, "{content:?} by {piece}");
            }
        }
    }
}
