//! ZIP archives from a server: every entry read and proven, archives within archives too. Pure, and streams.
//!
//! Entries are taken as the central directory lists them, also when several have one name. A name is never used as a
//! path; what is called a folder is an entry without content. Nothing counts before the whole archive was read: the directory is there, each entry has the size and the
//! CRC-32 that it says, and nothing stands before, behind or over them.

use std::{
    cell::Cell,
    io::{self, Read},
};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipSliceArchive};

#[cfg(test)]
pub(super) mod tests;

/// What an archive may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Entries, those of archives within it included.
    pub(super) entries: usize,
    /// Archives within one another; 1: none.
    pub(super) depth: usize,
    /// Bytes of an archive within it, which is held in memory.
    pub(super) inner: usize,
    /// Bytes of all entries, unpacked.
    pub(super) unpacked: u64,
}

/// Bytes that one packed byte may unpack to,
const RATIO: u64 = 250;
/// looked at once there are more than this.
const RATIO_FROM: u64 = 16 << 20;

/// Why an archive is not taken. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// Not an archive, or only a part of one.
    #[error("read the ZIP archive: {problem}")]
    Damaged {
        /// What is wrong.
        problem: String,
    },
    /// An entry does not unpack to what it says.
    #[error("unpack the ZIP archive")]
    Entry {
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// Encrypted, or packed in a way that is not known here.
    #[error("unpack the ZIP archive: an entry is {how}")]
    Unknown {
        /// In which way.
        how: &'static str,
    },
    /// Over a limit.
    #[error("unpack the ZIP archive: {what}, which is over the limit")]
    Limit {
        /// Which one.
        what: String,
    },
}

/// Whether bytes begin as an archive does.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Checks that an archive is there to its end: cheap, and unpacks nothing.
///
/// # Errors
/// When its directory is not there, or does not list what there is.
pub(super) fn is_whole(bytes: &[u8]) -> Result<(), ZipError> {
    open(bytes).map(|_| ())
}

/// Hands each entry that is no archive itself to `leaf`, in the order of the directory.
///
/// # Errors
/// The first of `leaf`; and when the archive, or one within it, is not what it should be. What `leaf` took by then is
/// worth nothing.
pub(super) fn visit<E: From<ZipError>>(
    bytes: &[u8],
    limits: Limits,
    leaf: &mut dyn FnMut(&mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let unpacked = Cell::new(0);
    let mut visit = Visit {
        limits,
        entries: 0,
        unpacked: &unpacked,
        leaf,
    };
    visit.archive(bytes, 1)
}

struct Visit<'a, E> {
    limits: Limits,
    entries: usize,
    unpacked: &'a Cell<u64>,
    leaf: &'a mut dyn FnMut(&mut dyn Read) -> Result<(), E>,
}

type Archive<'a> = ZipSliceArchive<&'a [u8]>;

/// A file in an archive.
#[derive(Clone, Copy)]
struct Entry {
    way: ZipArchiveEntryWayfinder,
    is_packed: bool,
}

impl<E: From<ZipError>> Visit<'_, E> {
    fn archive(&mut self, bytes: &[u8], depth: usize) -> Result<(), E> {
        if depth > self.limits.depth {
            let what = format!("it holds archives {depth} deep");
            return Err(ZipError::Limit { what }.into());
        }
        let (archive, entries) = open(bytes)?;
        self.entries += entries.len();
        if self.entries > self.limits.entries {
            let what = format!("it holds {} entries", self.entries);
            return Err(ZipError::Limit { what }.into());
        }
        for entry in entries {
            self.entry(&archive, entry, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, archive: &Archive<'_>, entry: Entry, depth: usize) -> Result<(), E> {
        let found = archive.get_entry(entry.way).map_err(damaged)?;
        let packed = found.data();
        let plain: Box<dyn Read> = if entry.is_packed {
            Box::new(DeflateDecoder::new(packed))
        } else {
            Box::new(packed)
        };
        let over = Cell::new(None);
        let mut reader = Metered {
            inner: found.verifying_reader(plain),
            packed: packed.len() as u64,
            here: 0,
            all: self.unpacked,
            most: self.limits.unpacked,
            over: &over,
        };
        let mut start = Vec::with_capacity(4);
        let begun = reader.by_ref().take(4).read_to_end(&mut start);
        let result = match begun {
            Err(source) => Err(ZipError::Entry { source }.into()),
            Ok(_) if is_zip(&start) => match inner(&start, &mut reader, self.limits.inner) {
                Ok(inner) => self.archive(&inner, depth + 1),
                Err(error) => Err(error.into()),
            },
            Ok(_) => (self.leaf)(&mut start.as_slice().chain(&mut reader)),
        };
        // To the end, where size and checksum are looked at.
        let rest = io::copy(&mut reader, &mut io::sink());
        match (over.take(), result, rest) {
            (Some(what), ..) => Err(ZipError::Limit { what }.into()),
            (None, Ok(()), Err(source)) => Err(ZipError::Entry { source }.into()),
            (None, result, _) => result,
        }
    }
}

/// All of an archive within an archive.
fn inner(start: &[u8], reader: &mut impl Read, most: usize) -> Result<Vec<u8>, ZipError> {
    let mut bytes = start.to_vec();
    let read = reader.take(most as u64).read_to_end(&mut bytes);
    read.map_err(|source| ZipError::Entry { source })?;
    if bytes.len() > most {
        let what = format!("an archive within it has more than {most} bytes");
        return Err(ZipError::Limit { what });
    }
    Ok(bytes)
}

/// Reads the directory, and looks whether archive and directory tell the same.
fn open(bytes: &[u8]) -> Result<(Archive<'_>, Vec<Entry>), ZipError> {
    let wrong = |problem: &str| ZipError::Damaged {
        problem: problem.to_owned(),
    };
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    if archive.end_offset() != bytes.len() as u64 {
        return Err(wrong("something follows its end"));
    }
    let mut entries = Vec::new();
    let mut ranges = Vec::new();
    let mut list = archive.entries();
    while let Some(entry) = list.next_entry().map_err(damaged)? {
        if entry.flags().is_encrypted() || entry.flags().is_masked() {
            return Err(ZipError::Unknown { how: "encrypted" });
        }
        let method = entry.compression_method();
        if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
            return Err(ZipError::Unknown {
                how: "packed by another method than deflate",
            });
        }
        let found = archive.get_entry(entry.wayfinder()).map_err(damaged)?;
        ranges.push((entry.local_header_offset(), found.compressed_data_range().1));
        entries.push(Entry {
            way: entry.wayfinder(),
            is_packed: method == CompressionMethod::DEFLATE,
        });
    }
    if archive.entries_hint() != entries.len() as u64 {
        return Err(wrong("its directory lists fewer or more entries than it says"));
    }
    ranges.sort_unstable();
    let mut end = 0;
    for (from, to) in &ranges {
        if *from < end {
            return Err(wrong("entries lie over each other"));
        }
        end = *to;
    }
    let first = ranges
        .first()
        .map_or(archive.directory_offset(), |(from, _)| *from);
    if first != 0 || end > archive.directory_offset() {
        return Err(wrong("its directory does not fit its entries"));
    }
    Ok((archive, entries))
}

fn damaged(error: rawzip::Error) -> ZipError {
    ZipError::Damaged {
        problem: error.to_string(),
    }
}

/// Counts what an entry unpacks to, and stops it at a limit.
struct Metered<'a, R> {
    inner: R,
    packed: u64,
    here: u64,
    all: &'a Cell<u64>,
    most: u64,
    over: &'a Cell<Option<String>>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.here += read as u64;
        self.all.set(self.all.get() + read as u64);
        if self.all.get() > self.most {
            self.over
                .set(Some(format!("it unpacks to more than {} bytes", self.most)));
        } else if self.here > RATIO_FROM && self.here / RATIO > self.packed {
            self.over
                .set(Some(format!("an entry grows by more than {RATIO} times")));
        } else {
            return Ok(read);
        }
        Err(io::ErrorKind::FileTooLarge.into())
    }
}
