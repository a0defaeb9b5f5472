//! Files of neighbouring spans as one: the header once, everything else byte for byte; pure.

use bytes::Bytes;

use crate::source::{File, csv_download::CsvError};

#[derive(Default)]
pub(super) struct Joined {
    /// How many files there were.
    pub(super) files: u64,
    /// Rows of all of them.
    pub(super) rows: u64,
    header: Option<Bytes>,
    /// What to put behind the last row, should another follow.
    line_end: Option<&'static [u8]>,
}

impl Joined {
    /// What to write of the next file; an archive is unpacked, unless it `is_all`. None: its header is another one.
    pub(super) fn add(
        &mut self,
        file: File,
        is_all: bool,
        most: usize,
    ) -> Result<Option<Vec<Bytes>>, CsvError> {
        self.files += 1;
        self.rows += file.rows;
        if is_all {
            return Ok(Some(vec![file.bytes]));
        }
        let mut pieces = Vec::new();
        for (text, table) in file.texts(most)? {
            let (header, rows) = (text.slice(..table.start), text.slice(table.start..));
            let header = header
                .strip_prefix(b"\xef\xbb\xbf".as_slice())
                .map_or(header.clone(), |bare| header.slice_ref(bare));
            let is_first = self.header.is_none();
            if *self.header.get_or_insert_with(|| header.clone()) != header {
                return Ok(None);
            }
            if is_first {
                pieces.push(text.clone());
            } else if !rows.is_empty() {
                pieces.extend(self.line_end.map(Bytes::from_static));
                pieces.push(rows);
            } else {
                continue;
            }
            let crlf = text.windows(2).any(|pair| pair == b"\r\n");
            let line_end: &'static [u8] = if crlf { b"\r\n" } else { b"\n" };
            self.line_end = (!table.is_closed).then_some(line_end);
        }
        Ok(Some(pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileKind;

    fn file(text: &'static str) -> File {
        File {
            bytes: Bytes::from_static(text.as_bytes()),
            kind: FileKind::Csv,
            rows: 1,
            first: None,
            last: None,
        }
    }

    fn join(texts: &[&'static str]) -> Option<String> {
        let mut joined = Joined::default();
        let mut all = Vec::new();
        for text in texts {
            for piece in joined.add(file(text), false, 1000).unwrap()? {
                all.extend_from_slice(&piece);
            }
        }
        Some(String::from_utf8(all).unwrap())
    }

    #[test]
    fn the_header_stands_once_and_every_row_as_it_was() {
        let three = [
            "\u{feff}A,B\r\n1,\"x\r\ny\"\r\n",
            "\u{feff}A,B\r\n2,z\r\n",
            "\u{feff}A,B\r\n3,\r\n",
        ];
        assert_eq!(
            join(&three).unwrap(),
            "\u{feff}A,B\r\n1,\"x\r\ny\"\r\n2,z\r\n3,\r\n"
        );
        let open = ["A,B\n1,2", "A,B\n3,4", "A,B\n"];
        assert_eq!(join(&open).unwrap(), "A,B\n1,2\n3,4");
        let bare = ["2026-01-01T00:00:00Z,2", "2026-01-02T00:00:00Z,4\n"];
        assert_eq!(
            join(&bare).unwrap(),
            "2026-01-01T00:00:00Z,2\n2026-01-02T00:00:00Z,4\n"
        );
    }

    #[test]
    fn files_with_other_columns_are_not_joined() {
        assert_eq!(join(&["A,B\n1,2\n", "B,A\n2,1\n"]), None);
    }
}
