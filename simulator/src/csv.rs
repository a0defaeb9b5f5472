//! Writes comma-separated values as the switches want them. What the columns are is each API's matter.

use chrono::{DateTime, Utc};

use crate::reply::{Manner, Reply};
use crate::switches::{Csv, CsvType, Delimiter, Header, LineEnd, Quoting};

/// One row, without a line end. An empty cell stands for null.
pub(crate) fn row<T: AsRef<str>>(csv: Csv, cells: &[T]) -> Vec<u8> {
    let mut out = Vec::with_capacity(cells.iter().map(|cell| cell.as_ref().len() + 3).sum());
    let delimiter = delimiter(csv);
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.push(delimiter);
        }
        let cell = cell.as_ref();
        let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
        if csv.quoting == Quoting::All || cell.bytes().any(special) {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out
}

/// A file: the header, then rows as [`row`] gives them. `columns` are named as in JSON (`createdOn`).
pub(crate) fn file(csv: Csv, columns: &[&str], rows: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let titles: Vec<String> = columns.iter().map(|name| title(csv.header, name)).collect();
    let header = (csv.header != Header::Absent).then(|| row(csv, &titles));
    let mut out = if csv.bom {
        b"\xef\xbb\xbf".to_vec()
    } else {
        Vec::new()
    };
    let end = line_end(csv);
    let mut any = false;
    for row in header.into_iter().chain(rows) {
        if any {
            out.extend_from_slice(end);
        }
        out.extend_from_slice(&row);
        any = true;
    }
    if any && csv.last_line_end {
        out.extend_from_slice(end);
    }
    out
}

/// The reply that carries a file. `name` is the file's, without the time and `.csv`.
pub(crate) fn reply(csv: Csv, name: &str, now: DateTime<Utc>, file: Vec<u8>) -> Reply {
    let content_type = match csv.content_type {
        CsvType::TextCsv => "text/csv",
        CsvType::TextCsvUtf8 => "text/csv; charset=utf-8",
        CsvType::OctetStream => "application/octet-stream",
    };
    let mut reply = Reply::new(200, content_type, file);
    reply.manner = Manner::Whole(csv.framing);
    if csv.disposition {
        // The file's name carries the time of the download. [D]
        let time = now.format("%Y-%m-%d-%H-%M-%S");
        let value = format!("attachment; filename=\"{name}-{time}.csv\"");
        reply = reply.header("content-disposition", value);
    }
    reply
}

/// What ends a row.
pub(crate) fn line_end(csv: Csv) -> &'static [u8] {
    match csv.line_end {
        LineEnd::CrLf => b"\r\n",
        LineEnd::Lf => b"\n",
    }
}

fn delimiter(csv: Csv) -> u8 {
    match csv.delimiter {
        Delimiter::Comma => b',',
        Delimiter::Semicolon => b';',
        Delimiter::Tab => b'\t',
    }
}

/// A column's name, as the header wants it.
fn title(header: Header, name: &str) -> String {
    let mut title = String::with_capacity(name.len() + 2);
    for (n, c) in name.chars().enumerate() {
        match header {
            Header::Camel | Header::Absent => title.push(c),
            Header::Pascal | Header::Words if n == 0 => title.push(c.to_ascii_uppercase()),
            Header::Words if c.is_ascii_uppercase() => title.extend([' ', c]),
            Header::Pascal | Header::Words => title.push(c),
        }
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_spelled_as_the_switches_say() {
        let rows = |csv| [row(csv, &["a", "b;\"c\""]), row(csv, &["x\r\ny", ""])];
        let columns = ["createdOn", "email"];
        let csv = Csv::default();
        assert_eq!(
            file(csv, &columns, rows(csv)),
            b"CreatedOn,Email\r\na,\"b;\"\"c\"\"\"\r\n\"x\r\ny\",\r\n"
        );
        let csv = Csv {
            delimiter: Delimiter::Semicolon,
            line_end: LineEnd::Lf,
            last_line_end: false,
            bom: true,
            quoting: Quoting::All,
            header: Header::Words,
            ..csv
        };
        assert_eq!(
            file(csv, &columns, rows(csv)),
            b"\xef\xbb\xbf\"Created On\";\"Email\"\n\"a\";\"b;\"\"c\"\"\"\n\"x\r\ny\";\"\""
        );
        let csv = Csv {
            header: Header::Absent,
            ..Csv::default()
        };
        assert_eq!(file(csv, &columns, []), b"");
    }
}
