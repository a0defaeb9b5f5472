//! Looks at a file of comma-separated values: is it one, is it whole, how many rows, from when to when; pure.
//!
//! Nothing about the file is documented but its name: columns, delimiter, quoting and line ends are found out. The file
//! itself is never changed.

use crate::{clock::Time, event::read_time};

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Rows, without the header.
    pub rows: u64,
    /// Where the rows begin: behind byte order mark and header.
    pub start: usize,
    /// Whether the last record ends in a line break.
    pub is_closed: bool,
    /// The oldest and the newest time, each as an instant and as it is spelled; where every row has one that can be read.
    pub times: Option<(Moment, Moment)>,
}

/// A time, and how it is spelled.
pub type Moment = (Time, String);

/// Why bytes are no table. Quotes nothing of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// HTML, JSON, or text in an encoding of more bytes a letter.
    #[error("it is {0}, not CSV")]
    Other(&'static str),
    /// A quoted cell does not end.
    #[error("it ends within a quoted cell")]
    Open,
    /// Something stands between a quoted cell and the delimiter.
    #[error("record {record}: something follows the end of a quoted cell")]
    Quote {
        /// Counted from 1.
        record: u64,
    },
    /// A record has other fields than the first one.
    #[error("record {record} has {fields} fields, the first one {expected}")]
    Fields {
        /// Counted from 1.
        record: u64,
        /// How many it has.
        fields: usize,
        /// How many the first one has.
        expected: usize,
    },
}

const MARK: &[u8] = b"\xef\xbb\xbf";
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// Columns whose name says that they hold the time of creation, the best first; without case, spaces and signs.
const TIMES: [&str; 10] = [
    "createdon",
    "datecreatedutc",
    "createdat",
    "creationtime",
    "created",
    "timestamp",
    "eventtime",
    "datetime",
    "date",
    "time",
];

impl Table {
    /// Reads a file. One without any byte has no rows.
    ///
    /// # Errors
    /// When it is something else, or when a part of it is missing that one can tell.
    pub fn read(file: &[u8]) -> Result<Self, TableError> {
        let body = file.strip_prefix(MARK).unwrap_or(file);
        let before = file.len() - body.len();
        match body.trim_ascii_start().first() {
            None => {
                return Ok(Self {
                    start: file.len(),
                    is_closed: true,
                    ..Self::default()
                });
            }
            Some(b'<') => return Err(TableError::Other("a page of HTML or XML")),
            Some(b'{' | b'[') => return Err(TableError::Other("JSON")),
            Some(_) if body.starts_with(b"PK\x03\x04") => return Err(TableError::Other("a ZIP archive")),
            Some(_) if body.get(..512).unwrap_or(body).contains(&0) => {
                return Err(TableError::Other("no text in UTF-8"));
            }
            Some(_) => {}
        }
        let mut first = None;
        for delimiter in delimiters(body) {
            match Self::read_by(body, delimiter) {
                Ok(mut table) => {
                    table.start += before;
                    return Ok(table);
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or(TableError::Open))
    }

    fn read_by(body: &[u8], delimiter: u8) -> Result<Self, TableError> {
        let mut records = Records {
            body,
            at: 0,
            delimiter,
            record: 0,
            closed: true,
        };
        let Some(head) = records.next()? else {
            return Ok(Self::default());
        };
        // A first record that holds a time is a row: there is no header.
        let dated = head.iter().position(|cell| read_time(cell).is_some());
        let column = dated.or_else(|| time_column(&head));
        let mut table = Self {
            start: if dated.is_some() { 0 } else { records.at },
            ..Self::default()
        };
        let mut times = Times::default();
        let mut row = dated.is_some().then(|| head.clone());
        loop {
            if let Some(cells) = row.take() {
                table.rows += 1;
                times.take(column.and_then(|column| cells.get(column)));
            }
            match records.next()? {
                None => break,
                Some(cells) if cells.len() == head.len() => row = Some(cells),
                // A blank line at the end.
                Some(cells) if cells == [""] && records.at >= body.len() => break,
                Some(cells) => {
                    return Err(TableError::Fields {
                        record: records.record,
                        fields: cells.len(),
                        expected: head.len(),
                    });
                }
            }
        }
        table.is_closed = records.closed;
        table.times = times.all();
        Ok(table)
    }
}

/// The delimiters, the one that the first line has most of first.
fn delimiters(body: &[u8]) -> Vec<u8> {
    let mut counts = DELIMITERS.map(|delimiter| (0usize, delimiter));
    let mut quoted = false;
    for byte in body {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            byte => {
                for (count, delimiter) in &mut counts {
                    *count += usize::from(byte == delimiter);
                }
            }
        }
    }
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let found = counts.iter().filter(|(count, _)| *count > 0);
    let found: Vec<u8> = found.map(|(_, delimiter)| *delimiter).collect();
    if found.is_empty() { vec![b','] } else { found }
}

fn time_column(head: &[String]) -> Option<usize> {
    let plain = |name: &String| -> String {
        let letters = name.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let names: Vec<String> = head.iter().map(plain).collect();
    TIMES
        .iter()
        .find_map(|wanted| names.iter().position(|name| name == wanted))
        .or_else(|| {
            names
                .iter()
                .position(|name| name.contains("created") || name.contains("time") || name.contains("date"))
        })
}

/// The records of a file, one after another.
struct Records<'a> {
    body: &'a [u8],
    at: usize,
    delimiter: u8,
    record: u64,
    /// Whether the last record ended in a line break.
    closed: bool,
}

impl Records<'_> {
    fn next(&mut self) -> Result<Option<Vec<String>>, TableError> {
        if self.at >= self.body.len() {
            return Ok(None);
        }
        self.record += 1;
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            let next = self.body.get(self.at).copied();
            self.at += 1;
            if next != Some(self.delimiter) {
                self.closed = next.is_some();
                self.at = self.at.min(self.body.len());
                return Ok(Some(cells));
            }
        }
    }

    /// The next cell; leaves off at the delimiter, at the line feed, or at the end.
    fn cell(&mut self) -> Result<String, TableError> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        if rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let ends = |byte: &u8| *byte == self.delimiter || *byte == b'\n';
        let end = rest.iter().position(ends).unwrap_or(rest.len());
        let cell = rest.get(..end).unwrap_or_default();
        let is_last = rest.get(end) != Some(&self.delimiter);
        self.at += end;
        let cell = if is_last {
            cell.strip_suffix(b"\r").unwrap_or(cell)
        } else {
            cell
        };
        Ok(text(cell))
    }

    fn quoted(&mut self) -> Result<String, TableError> {
        self.at += 1;
        let start = self.at;
        loop {
            let rest = self.body.get(self.at..).unwrap_or_default();
            let quote = rest
                .iter()
                .position(|byte| *byte == b'"')
                .ok_or(TableError::Open)?;
            if rest.get(quote + 1) == Some(&b'"') {
                self.at += quote + 2;
                continue;
            }
            let cell = self.body.get(start..self.at + quote).unwrap_or_default();
            self.at += quote + 1;
            let after = self.body.get(self.at..).unwrap_or_default();
            match after {
                [] | [b'\n', ..] => {}
                [b'\r', b'\n', ..] => self.at += 1,
                // Cut off between the two: the end of the file is the end of the record.
                [b'\r'] => self.at += 1,
                [byte, ..] if *byte == self.delimiter => {}
                _ => {
                    return Err(TableError::Quote { record: self.record });
                }
            }
            return Ok(text(cell));
        }
    }
}

/// Cells longer than a time could be are not looked at.
fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell.get(..64).unwrap_or(cell)).into_owned()
}

#[derive(Default)]
struct Times {
    both: Option<(Moment, Moment)>,
    is_unreadable: bool,
}

impl Times {
    fn take(&mut self, cell: Option<&String>) {
        let Some((time, cell)) = cell.and_then(|cell| Some((read_time(cell)?, cell))) else {
            self.is_unreadable = true;
            return;
        };
        match &mut self.both {
            None => self.both = Some(((time, cell.clone()), (time, cell.clone()))),
            Some((oldest, _)) if time < oldest.0 => *oldest = (time, cell.clone()),
            Some((_, newest)) if time > newest.0 => *newest = (time, cell.clone()),
            Some(_) => {}
        }
    }

    fn all(self) -> Option<(Moment, Moment)> {
        self.both.filter(|_| !self.is_unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "CreatedOn,Name,Details\r\n\
        2026-03-02T10:00:00.5Z,ann,\"a \"\"b\"\",\r\nc\"\r\n\
        2026-03-01T10:00:00.123Z,bob,\r\n\
        2026-03-01T23:00:00Z,\"\",\"x;y\"\r\n";

    fn spelled(table: &Table) -> Option<(&str, &str)> {
        table
            .times
            .as_ref()
            .map(|(old, new)| (old.1.as_str(), new.1.as_str()))
    }

    #[test]
    fn rows_and_times_are_found_however_a_file_is_spelled() {
        let quoted = FILE
            .replace("CreatedOn,Name,Details", "\"Created On\",\"Name\",\"Details\"")
            .replace("2026-03-02T10:00:00.5Z,ann", "\"2026-03-02T10:00:00.5Z\",\"ann\"");
        let spellings = [
            FILE.to_owned(),
            FILE.replace("\r\n", "\n"),
            format!("\u{feff}{FILE}"),
            quoted,
            FILE.replace("x;y", "x")
                .replace("\",\r\n", "\";\r\n")
                .replace(',', ";"),
            FILE.replace(',', "\t"),
        ];
        for text in spellings {
            let table = Table::read(text.as_bytes()).unwrap();
            assert_eq!((table.rows, table.is_closed), (3, true), "{text}");
            let times = ("2026-03-01T10:00:00.123Z", "2026-03-02T10:00:00.5Z");
            assert_eq!(spelled(&table), Some(times), "{text}");
            assert!(
                text[table.start..]
                    .trim_start_matches('"')
                    .starts_with("2026-03-02"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_file_without_header_begins_with_a_row() {
        let table = Table::read(b"x,2026-03-02T10:00:00Z\ny,2026-03-01T10:00:00Z").unwrap();
        assert_eq!((table.rows, table.start, table.is_closed), (2, 0, false));
        assert_eq!(
            spelled(&table),
            Some(("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z"))
        );
        let table = Table::read(b"When,Who\nyesterday,ann\n").unwrap();
        assert_eq!((table.rows, spelled(&table)), (1, None));
        assert_eq!(Table::read(b"CreatedOn,Who\r\n").unwrap().rows, 0);
        assert_eq!(Table::read(b"").unwrap().rows, 0);
    }

    #[test]
    fn a_file_that_is_cut_off_is_not_closed_or_no_file() {
        for end in 1..FILE.len() {
            let cut = Table::read(&FILE.as_bytes()[..end]);
            let is_row_end = FILE[..end].ends_with('\n') && !FILE[..end].ends_with("\",\r\n");
            let whole = cut.as_ref().is_ok_and(|table| table.is_closed);
            assert_eq!(whole, is_row_end, "{:?}", &FILE[..end]);
        }
    }

    #[test]
    fn what_is_no_table_is_told_apart() {
        for (text, word) in [
            ("<html>", "HTML"),
            (" {\"error\":1}", "JSON"),
            ("[]", "JSON"),
            ("a\0b\0", "UTF-8"),
            ("a,b\n1,2,3\n", "3 fields"),
            ("a,b\n\n1,2\n", "1 fields"),
            ("a,b\n\"1\"2,3\n", "something follows"),
            ("a,b\n\"1,2\n", "within a quoted cell"),
        ] {
            let error = Table::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
