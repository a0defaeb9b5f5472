//! Compressing and hashing while writing, and undoing it under a limit.

use std::io::{self, Read, Write};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::settings::Compression;

/// On audit events the fastest level is also smaller than the default, 3, from a few hundred events on, in half the
/// time: docs/performance.md.
const ZSTD_LEVEL: i32 = 1;

/// Lines are gathered up to so many bytes before they are hashed and compressed: both have a price for each call.
const CHUNK: usize = 64 << 10;

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

/// The content of a stored object, by the ending of its key: `.zst`, `.gz` or neither.
///
/// # Errors
/// If the bytes are damaged, or hold more than `limit` bytes.
pub fn decompress(key: &str, stored: Bytes, limit: u64) -> Result<Bytes, DecompressError> {
    let mut content = Vec::new();
    let read = match key.rsplit_once('.') {
        Some((_, "zst")) => zstd::stream::read::Decoder::new(&stored[..])
            .and_then(|decoder| decoder.take(limit + 1).read_to_end(&mut content)),
        Some((_, "gz")) => flate2::read::MultiGzDecoder::new(&stored[..])
            .take(limit + 1)
            .read_to_end(&mut content),
        _ => return Ok(stored),
    };
    read.map_err(DecompressError::Damaged)?;
    if content.len() as u64 > limit {
        return Err(DecompressError::TooBig { limit });
    }
    Ok(Bytes::from(content))
}
