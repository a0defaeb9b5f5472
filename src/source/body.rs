//! A reply's body, collected within limits, plain or gzip. Pure: it is handed the chunks and reads nothing itself.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;

use super::Blocks;

/// How much a body may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes after decompression.
    pub bytes: usize,
    /// Decompressed bytes for each received byte,
    pub ratio: usize,
    /// looked at once there are more decompressed bytes than this.
    pub ratio_from: usize,
}

impl Limits {
    /// What a page of events may hold: 64 MiB, at most 200 times what was received once past 1 MiB.
    pub const PAGE: Self = Self {
        bytes: 64 * 1024 * 1024,
        ratio: 200,
        ratio_from: 1024 * 1024,
    };

    /// As [`Limits::PAGE`], with fewer bytes.
    #[must_use]
    pub const fn of_bytes(bytes: usize) -> Self {
        Self { bytes, ..Self::PAGE }
    }
}

/// How a body is taken in.
#[derive(Clone, Copy)]
pub struct Intake<'a> {
    /// How much it may hold.
    pub limits: Limits,
    /// Memory to be used again. None: memory of its own.
    pub blocks: Option<&'a Blocks>,
    /// Hears of each piece how many bytes it has, as it was received.
    pub told: &'a (dyn Fn(usize) + Sync),
}

impl From<Limits> for Intake<'_> {
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            blocks: None,
            told: &|_| (),
        }
    }
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More than [`Limits::bytes`].
    #[error("read the body: it is over the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// More than [`Limits::ratio`]: a decompression bomb.
    #[error("decompress the body: it grows by more than {ratio} times, which is over the limit")]
    TooDense {
        /// The limit.
        ratio: usize,
    },
    /// Not gzip, cut off, or its checksum is wrong.
    #[error("decompress the body")]
    Damaged {
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
    /// A digest in the reply's head is not that of the body.
    #[error("check the body: the reply names another digest")]
    WrongDigest,
    /// A `Content-Encoding` that was not asked for.
    #[error("decompress the body: its content encoding is neither `gzip` nor `identity`")]
    UnknownCoding,
}

/// No more memory than this is set aside because a reply promises so many bytes.
const PROMISED: u64 = 4 << 20;

/// A body that promises no more bytes than this is collected in memory of its own.
const SMALL: usize = 64 << 10;

/// A body on its way in.
pub struct Body<'a> {
    coding: Coding,
    blocks: Option<&'a Blocks>,
    /// How many bytes there will be, as the reply has it, and for how many memory is set aside.
    length: Option<u64>,
    promised: usize,
    /// All of it, where it came in one piece.
    whole: Option<Bytes>,
}

enum Coding {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl<'a> Body<'a> {
    /// An empty one. `coding` is the reply's `Content-Encoding`, `length` its `Content-Length`: a promise, nothing more.
    ///
    /// # Errors
    /// When the coding is unknown.
    pub fn new(coding: Option<&str>, length: Option<u64>, intake: Intake<'a>) -> Result<Self, BodyError> {
        let limits = intake.limits;
        let promised = usize::try_from(length.unwrap_or_default().min(PROMISED)).unwrap_or_default();
        let coding = coding.map(|coding| coding.trim().to_ascii_lowercase());
        let is_gzip = match coding.as_deref() {
            None | Some("" | "identity") => false,
            Some("gzip" | "x-gzip") => true,
            Some(_) => return Err(BodyError::UnknownCoding),
        };
        // A small body takes no more than it needs, where that is known.
        let is_small = !is_gzip && length.is_some() && promised <= SMALL;
        let blocks = intake.blocks.filter(|_| !is_small);
        let promised = promised.min(limits.bytes);
        let into = Capped {
            bytes: BytesMut::new(),
            received: 0,
            limits,
            over: None,
        };
        let coding = if is_gzip {
            Coding::Gzip(Box::new(MultiGzDecoder::new(into)))
        } else {
            Coding::Plain(into)
        };
        Ok(Self {
            coding,
            blocks,
            length,
            promised,
            whole: None,
        })
    }

    /// Takes the next chunk, as it was received. One that is the whole body is kept as it is, where the body is soon done
    /// with.
    ///
    /// # Errors
    /// When it goes over a limit or is no gzip.
    pub fn push(&mut self, chunk: &Bytes) -> Result<(), BodyError> {
        if self.is_whole(chunk) {
            self.whole = Some(chunk.clone());
            return Ok(());
        }
        if let Some(first) = self.whole.take() {
            self.write(&first)?;
        }
        self.write(chunk)
    }

    fn is_whole(&mut self, chunk: &Bytes) -> bool {
        let is_plain = matches!(self.coding, Coding::Plain(_));
        let is_first = self.whole.is_none() && self.capped().received == 0;
        let length = chunk.len();
        is_plain
            && is_first
            && self.blocks.is_some()
            && self.length == Some(length as u64)
            && length <= self.capped().limits.bytes
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        if self.capped().received == 0 {
            let (blocks, promised) = (self.blocks, self.promised);
            self.capped().bytes = blocks.map_or_else(
                || BytesMut::with_capacity(promised),
                |blocks| blocks.pages.take(promised),
            );
        }
        let into = self.capped();
        into.received = into.received.saturating_add(chunk.len());
        let written = match &mut self.coding {
            Coding::Plain(into) => into.write_all(chunk),
            // Flushed, so that a limit shows with the chunk that breaks it.
            Coding::Gzip(decoder) => decoder.write_all(chunk).and_then(|()| decoder.flush()),
        };
        written.map_err(|source| self.why(source))
    }

    /// The whole body, decompressed.
    ///
    /// # Errors
    /// When gzip data ends early or its checksum is wrong.
    pub fn finish(mut self) -> Result<Bytes, BodyError> {
        if let Some(whole) = self.whole {
            return Ok(whole);
        }
        if self.capped().received > 0
            && let Coding::Gzip(decoder) = &mut self.coding
            && let Err(source) = decoder.try_finish()
        {
            return Err(self.why(source));
        }
        let bytes = std::mem::take(&mut self.capped().bytes);
        if let Some(blocks) = self.blocks {
            return Ok(blocks.pages.freeze(bytes));
        }
        // It may be kept for long: without the room it grew into, unless that is little.
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            let mut exact = Vec::from(bytes);
            exact.shrink_to_fit();
            return Ok(Bytes::from(exact));
        }
        Ok(bytes.freeze())
    }

    /// Whether it ends in a checksum of its own, which [`Body::finish`] checks.
    pub fn has_trailer(&mut self) -> bool {
        matches!(self.coding, Coding::Gzip(_)) && self.capped().received > 0
    }

    /// What arrived so far, for a message.
    pub fn so_far(mut self) -> Bytes {
        if let Some(whole) = self.whole {
            return whole;
        }
        std::mem::take(&mut self.capped().bytes).freeze()
    }

    fn capped(&mut self) -> &mut Capped {
        match &mut self.coding {
            Coding::Plain(into) => into,
            Coding::Gzip(decoder) => decoder.get_mut(),
        }
    }

    fn why(&mut self, source: io::Error) -> BodyError {
        let into = self.capped();
        let limits = into.limits;
        match into.over {
            Some(Over::Bytes) => BodyError::TooLarge { limit: limits.bytes },
            Some(Over::Ratio) => BodyError::TooDense { ratio: limits.ratio },
            None => BodyError::Damaged { source },
        }
    }
}

/// Where the decompressed bytes go: refuses those over a limit.
struct Capped {
    bytes: BytesMut,
    received: usize,
    limits: Limits,
    over: Option<Over>,
}

#[derive(Clone, Copy)]
enum Over {
    Bytes,
    Ratio,
}

impl Write for Capped {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let total = self.bytes.len().saturating_add(more.len());
        if total > self.limits.bytes {
            self.over = Some(Over::Bytes);
        } else if total > self.limits.ratio_from && total > self.received.saturating_mul(self.limits.ratio) {
            self.over = Some(Over::Ratio);
        }
        if self.over.is_some() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn collect(data: &[u8], step: usize, limits: Limits) -> Result<Bytes, BodyError> {
        let mut body = Body::new(Some("gzip"), Some(data.len() as u64), limits.into())?;
        for chunk in data.chunks(step) {
            body.push(&Bytes::copy_from_slice(chunk))?;
        }
        body.finish()
    }

    #[test]
    fn gzip_arrives_whole_however_it_is_cut() {
        let text = "every event exactly once, byte for byte. ".repeat(4000);
        let packed = gzip(text.as_bytes());
        for step in [1, 7, packed.len()] {
            assert_eq!(collect(&packed, step, Limits::PAGE).unwrap(), text.as_bytes());
        }
        let twice = [packed.as_slice(), packed.as_slice()].concat();
        assert_eq!(collect(&twice, 100, Limits::PAGE).unwrap().len(), 2 * text.len());
    }

    #[test]
    fn gzip_that_ends_early_or_is_altered_is_damaged() {
        let packed = gzip(b"an event");
        for end in 1..packed.len() {
            let result = collect(&packed[..end], 3, Limits::PAGE);
            assert!(
                matches!(result, Err(BodyError::Damaged { .. })),
                "{end}: {result:?}"
            );
        }
        let mut altered = packed.clone();
        let checksum = altered.len() - 5;
        altered[checksum] ^= 1;
        assert!(matches!(
            collect(&altered, 3, Limits::PAGE),
            Err(BodyError::Damaged { .. })
        ));
        assert!(matches!(
            collect(b"<html>", 3, Limits::PAGE),
            Err(BodyError::Damaged { .. })
        ));
        assert!(collect(b"", 3, Limits::PAGE).unwrap().is_empty());
    }

    #[test]
    fn a_bomb_is_refused_before_it_unfolds() {
        let bomb = gzip(&vec![b' '; 8 * 1024 * 1024]);
        assert!(matches!(
            collect(&bomb, 512, Limits::PAGE),
            Err(BodyError::TooDense { ratio: 200 })
        ));
        let limit = Limits::of_bytes(1000);
        assert!(matches!(
            collect(&bomb, 512, limit),
            Err(BodyError::TooLarge { limit: 1000 })
        ));
    }

    #[test]
    fn a_page_that_comes_in_one_piece_is_not_copied() {
        let blocks = Blocks::default();
        let intake = Intake {
            blocks: Some(&blocks),
            ..Limits::PAGE.into()
        };
        let page = Bytes::from(vec![b' '; SMALL + 2]);
        let collect = |length: usize, pieces: &[Bytes], intake| {
            let mut body = Body::new(None, Some(length as u64), intake)?;
            pieces.iter().try_for_each(|piece| body.push(piece))?;
            body.finish()
        };
        let whole = collect(page.len(), std::slice::from_ref(&page), intake).unwrap();
        assert_eq!(whole.as_ptr(), page.as_ptr());
        let halves = [page.slice(..SMALL), page.slice(SMALL..)];
        let copied = collect(page.len(), &halves, intake).unwrap();
        assert!(copied == page && copied.as_ptr() != page.as_ptr());
        // Whatever was promised.
        let both = collect(SMALL + 2, &[page.clone(), page.clone()], intake).unwrap();
        assert_eq!(both.len(), 2 * page.len());
        let limits = Limits::of_bytes(SMALL + 1);
        let over = collect(page.len(), &[page], Intake { limits, ..intake });
        assert!(matches!(over, Err(BodyError::TooLarge { .. })));
    }

    #[test]
    fn a_plain_body_has_the_same_limit() {
        let mut body = Body::new(Some("identity"), Some(u64::MAX), Limits::of_bytes(5).into()).unwrap();
        body.push(&Bytes::from_static(b"abc")).unwrap();
        assert!(matches!(
            body.push(&Bytes::from_static(b"def")),
            Err(BodyError::TooLarge { .. })
        ));
        assert_eq!(body.so_far(), "abc");
        assert!(matches!(
            Body::new(Some("br"), None, Limits::PAGE.into()),
            Err(BodyError::UnknownCoding)
        ));
    }
}
