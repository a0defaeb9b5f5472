//! How a file of comma-separated values is spelled and sent. Nothing of it is documented. [?]

use serde::{Deserialize, Serialize};

use super::Framing;

/// Switches of CSV downloads, of every API that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Csv {
    /// What stands between cells.
    pub delimiter: Delimiter,
    /// What ends a row.
    pub line_end: LineEnd,
    /// Whether the last row has a line end too.
    pub last_line_end: bool,
    /// A UTF-8 byte order mark before the file.
    pub bom: bool,
    /// Which cells stand in quotation marks.
    pub quoting: Quoting,
    /// The first row.
    pub header: Header,
    /// Whether `Content-Disposition` names a file.
    pub disposition: bool,
    /// The `Content-Type`.
    pub content_type: CsvType,
    /// How the length of the file is told.
    pub framing: Framing,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            delimiter: Delimiter::Comma,
            line_end: LineEnd::CrLf,
            last_line_end: true,
            bom: false,
            quoting: Quoting::Needed,
            header: Header::Pascal,
            disposition: true,
            content_type: CsvType::TextCsv,
            framing: Framing::Length,
        }
    }
}

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
}

/// What ends a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// CR LF
    #[default]
    CrLf,
    /// LF
    Lf,
}

/// Which cells stand in quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quoting {
    /// Those that hold a delimiter, a quotation mark or a line break.
    #[default]
    Needed,
    /// All.
    All,
}

/// The first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// `CreatedOn`
    #[default]
    Pascal,
    /// `createdOn`
    Camel,
    /// `Created On`
    Words,
    /// None.
    Absent,
}

/// The `Content-Type` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CsvType {
    /// `text/csv`
    #[default]
    TextCsv,
    /// `text/csv; charset=utf-8`
    TextCsvUtf8,
    /// `application/octet-stream`, as the predecessor of the classic download told. [D]
    OctetStream,
}
