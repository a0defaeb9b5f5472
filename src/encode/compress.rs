//! Compressing and hashing while writing, and undoing it under a limit.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes, BytesMut, buf::Reader};
use sha2::{Digest as _, Sha256};

use crate::settings::Compression;

/// On audit events the fastest level is also smaller than the default, 3, from a few hundred events on, in half the
/// time: docs/performance.md.
const ZSTD_LEVEL: i32 = 1;

/// Lines are gathered up to so many bytes before they are hashed and compressed: both have a price for each call.
const CHUNK: usize = 64 << 10;

/// So much content is handed on at once, in bytes: a block of Zstandard, which stays in a core's cache from one step to
/// the next.
const PIECE: usize = 128 * 1024;

/// Takes the content, hashes it, compresses it. The same content gives the same bytes.
pub(super) struct Sink {
    content: Sha256,
    encoder: Encoder,
    chunk: Vec<u8>,
}

enum Encoder {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    None(Vec<u8>),
}

impl Sink {
    /// For content of `length` bytes, if that is known. Compressed bytes say so then, and little content takes little
    /// memory.
    pub(super) fn new(compression: Compression, length: Option<u64>) -> io::Result<Self> {
        let encoder = match compression {
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.set_pledged_src_size(length)?;
                Encoder::Zstd(encoder)
            }
            Compression::Gzip => {
                Encoder::Gzip(flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::default()))
            }
            Compression::None => Encoder::None(Vec::new()),
        };
        Ok(Self {
            content: Sha256::new(),
            encoder,
            chunk: Vec::with_capacity(length.map_or(CHUNK, |length| {
                usize::try_from(length).unwrap_or(CHUNK).min(CHUNK)
            })),
        })
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.content.update(&self.chunk);
        match &mut self.encoder {
            Encoder::Zstd(encoder) => encoder.write_all(&self.chunk)?,
            Encoder::Gzip(encoder) => encoder.write_all(&self.chunk)?,
            Encoder::None(all) => all.extend_from_slice(&self.chunk),
        }
        self.chunk.clear();
        Ok(())
    }

    /// The stored bytes, and the SHA-256 of the content.
    pub(super) fn finish(mut self) -> io::Result<(Bytes, [u8; 32])> {
        self.pass_on()?;
        let bytes = match self.encoder {
            Encoder::Zstd(encoder) => encoder.finish()?,
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::None(bytes) => bytes,
        };
        Ok((Bytes::from(bytes), self.content.finalize().into()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() + bytes.len() > CHUNK {
            self.pass_on()?;
        }
        self.chunk.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why an object's content could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// The bytes are damaged.
    #[error("decompress the object")]
    Damaged(#[source] io::Error),
    /// More content than anybody would have written.
    #[error("decompress the object: it holds more than {limit} bytes")]
    TooBig {
        /// The limit, in bytes.
        limit: u64,
    },
}

/// The content of a stored object, read piece by piece: memory for one piece is all it takes.
pub struct Content {
    packed: Packed,
    /// The piece that comes next is unpacked into this.
    buffer: BytesMut,
    /// So many bytes may still come.
    left: u64,
    limit: u64,
}

enum Packed {
    Zstd(Box<zstd::stream::read::Decoder<'static, Reader<Bytes>>>),
    Gzip(Box<flate2::bufread::MultiGzDecoder<Reader<Bytes>>>),
    None(Bytes),
}

impl Content {
    /// Content of at most `limit` bytes, packed as the ending of the object's key says: `.zst`, `.gz` or neither.
    ///
    /// # Errors
    /// If there is no memory for unpacking.
    pub fn of(key: &str, stored: Bytes, limit: u64) -> Result<Self, DecompressError> {
        let packed = match key.rsplit_once('.') {
            Some((_, "zst")) => {
                let decoder = zstd::stream::read::Decoder::with_buffer(stored.reader());
                Packed::Zstd(Box::new(decoder.map_err(DecompressError::Damaged)?))
            }
            Some((_, "gz")) => Packed::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(stored.reader()))),
            _ => Packed::None(stored),
        };
        Ok(Self {
            packed,
            buffer: BytesMut::new(),
            left: limit,
            limit,
        })
    }

    /// Whether the object holds the content as it is.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self.packed, Packed::None(_))
    }

    /// The next piece, of at most 128 KiB. None: that was all. Memory is used again where the piece before is dropped.
    ///
    /// # Errors
    /// If the bytes are damaged, or the content is larger than the limit.
    pub fn piece(&mut self) -> Result<Option<Bytes>, DecompressError> {
        let piece = match &mut self.packed {
            Packed::Zstd(decoder) => fill(decoder, &mut self.buffer),
            Packed::Gzip(decoder) => fill(decoder, &mut self.buffer),
            Packed::None(stored) => Ok(stored.split_to(stored.len().min(PIECE))),
        };
        let piece = piece.map_err(DecompressError::Damaged)?;
        let limit = self.limit;
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or(DecompressError::TooBig { limit })?;
        Ok((!piece.is_empty()).then_some(piece))
    }
}

fn fill(from: &mut impl Read, buffer: &mut BytesMut) -> io::Result<Bytes> {
    buffer.resize(PIECE, 0);
    let mut filled = 0;
    // Gzip comes in small bits.
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match from.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.split_to(filled).freeze())
}

/// The content of a stored object, all at once. Packing is told by the ending of its key, as [`Content::of`] does.
///
/// # Errors
/// If the bytes are damaged, or hold more than `limit` bytes.
pub fn decompress(key: &str, stored: Bytes, limit: u64) -> Result<Bytes, DecompressError> {
    let mut whole = Content::of(key, stored.clone(), limit)?;
    if whole.is_stored() && stored.len() as u64 <= limit {
        return Ok(stored);
    }
    let mut content = Vec::new();
    while let Some(piece) = whole.piece()? {
        content.extend_from_slice(&piece);
    }
    Ok(Bytes::from(content))
}
