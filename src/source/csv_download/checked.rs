//! A file that was proven to be one, and to be whole; pure but for a checksum's worth of work, so it blocks.

use bytes::Bytes;

use super::{
    CsvError,
    table::{Moment, Table, TableError},
};
use crate::source::{
    File, FileKind,
    http::{NotExpected, Received},
    zip,
    zip::ZipError,
};

/// Entries of an archive.
const ENTRIES: usize = 1000;

/// A file, and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) bytes: Bytes,
    pub(super) kind: FileKind,
    pub(super) rows: u64,
    pub(super) times: Option<(Moment, Moment)>,
    /// Whether its end is proven.
    pub(super) is_whole: bool,
}

impl Checked {
    /// Looks a file over. `most`: bytes that an archive may unpack to.
    pub(super) fn check(received: Received, most: usize) -> Result<Self, CsvError> {
        let Received { bytes, is_whole } = received;
        if !zip::is_zip(&bytes) {
            let table = Table::read(&bytes).map_err(CsvError::Table)?;
            if !table.is_closed && !is_whole {
                return Err(CsvError::Cut);
            }
            return Ok(Self {
                kind: FileKind::Csv,
                rows: table.rows,
                times: table.times,
                // Nothing at all proves little, however it is framed.
                is_whole: is_whole && !bytes.is_empty(),
                bytes,
            });
        }
        let (mut rows, mut times, mut is_dated) = (0, None, true);
        for text in unpacked(&bytes, most)? {
            let table = Table::read(&text).map_err(CsvError::Table)?;
            rows += table.rows;
            is_dated &= table.rows == 0 || table.times.is_some();
            times = join(times, table.times);
        }
        Ok(Self {
            kind: FileKind::Zip,
            rows,
            times: times.filter(|_| is_dated),
            // Its directory stands at its end.
            is_whole: true,
            bytes,
        })
    }

    pub(super) fn oldest(&self) -> Option<&Moment> {
        self.times.as_ref().map(|(oldest, _)| oldest)
    }

    pub(super) fn into_file(self) -> File {
        let (first, last) = self.times.map(|(first, last)| (first.1, last.1)).unzip();
        File {
            bytes: self.bytes,
            kind: self.kind,
            rows: self.rows,
            first,
            last,
        }
    }
}

impl File {
    /// Its rows as text, without the header: one text for each file in an archive; `most` bytes of them.
    ///
    /// # Errors
    /// When it does not unpack, or is no table. One that a source gave is one.
    pub fn texts(&self, most: usize) -> Result<Vec<(Bytes, Table)>, CsvError> {
        let texts = match self.kind {
            FileKind::Csv => vec![self.bytes.clone()],
            FileKind::Zip => unpacked(&self.bytes, most)?
                .into_iter()
                .map(Bytes::from)
                .collect(),
        };
        let read = |text: Bytes| Ok((text.clone(), Table::read(&text).map_err(CsvError::Table)?));
        texts.into_iter().map(read).collect()
    }
}

/// The files in an archive, unpacked: `most` bytes of them.
fn unpacked(bytes: &[u8], most: usize) -> Result<Vec<Vec<u8>>, CsvError> {
    let limits = zip::Limits {
        entries: ENTRIES,
        depth: 1,
        inner: 0,
        unpacked: most as u64,
    };
    let mut texts = Vec::new();
    zip::visit(bytes, limits, &mut |reader| {
        let mut text = Vec::new();
        let read = reader.read_to_end(&mut text);
        read.map_err(|source| ZipError::Entry { source })?;
        texts.push(text);
        Ok(())
    })
    .map_err(|error| match error {
        ZipError::Limit { .. } => CsvError::Large { bytes: most },
        other => CsvError::Zip(other),
    })?;
    Ok(texts)
}

fn join(a: Option<(Moment, Moment)>, b: Option<(Moment, Moment)>) -> Option<(Moment, Moment)> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let first = if b.0.0 < a.0.0 { b.0 } else { a.0 };
            let last = if b.1.0 > a.1.0 { b.1 } else { a.1 };
            Some((first, last))
        }
        (a, b) => a.or(b),
    }
}

/// Why a reply is no file, at first sight.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoFile {
    #[error(transparent)]
    Table(TableError),
    #[error(transparent)]
    Zip(ZipError),
}

impl NotExpected for NoFile {
    fn is_limit(&self) -> bool {
        false
    }
}

/// Tells a file from a message or a page, and an archive from a part of one.
pub(super) fn look(received: Received) -> Result<Received, NoFile> {
    let start = received.bytes.trim_ascii_start();
    match start.first() {
        Some(b'<') => Err(NoFile::Table(TableError::Other("a page of HTML or XML"))),
        Some(b'{' | b'[') => Err(NoFile::Table(TableError::Other("JSON"))),
        _ if zip::is_zip(&received.bytes) => match zip::is_whole(&received.bytes) {
            Ok(()) => Ok(received),
            Err(error) => Err(NoFile::Zip(error)),
        },
        _ => Ok(received),
    }
}
