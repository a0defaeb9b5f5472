//! Writes ZIP archives: such as services stream, and such as nobody should (a name twice, a byte that is wrong).
//! Libraries refuse to write most of the latter.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::fault::ZipFault;
use crate::switches::Packing;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// 1 January 1980, 00:00: the same bytes whenever it is written.
const DOS_DATE: u16 = 0x21;
const ENCRYPTED: u16 = 1;
const STREAMED: u16 = 1 << 3;
const UTF_8: u16 = 1 << 11;
const ZIP64: u16 = 1;
const WIDE: u32 = u32::MAX;

/// How an archive is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style<'a> {
    pub(crate) packing: Packing,
    /// Sizes follow the data: written to a stream that cannot go back.
    pub(crate) streamed: bool,
    /// 64-bit sizes and offsets, needed or not.
    pub(crate) zip64: bool,
    pub(crate) fault: Option<&'a ZipFault>,
}

/// An entry before its place is known.
struct Packed {
    method: u16,
    crc: u32,
    size: u64,
    data: Vec<u8>,
    encrypted: bool,
}

/// Packs files in that order, under those names. None of them: an end-of-directory record alone.
pub(crate) fn pack(files: &[(String, Vec<u8>)], style: Style<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in files {
        let entry = packed(content, style);
        let offset = wide(out.len());
        local(&mut out, name, &entry, style);
        central(&mut directory, name, &entry, offset, style);
    }
    let (start, count) = (wide(out.len()), wide(files.len()));
    out.extend_from_slice(&directory);
    end(
        &mut out,
        count,
        wide(directory.len()),
        start,
        style.zip64 && count > 0,
    );
    out
}

fn packed(content: &[u8], style: Style<'_>) -> Packed {
    let mut crc = Crc::new();
    let mut data = Vec::new();
    let mut size = wide(content.len());
    let mut method = match style.packing {
        Packing::Stored => STORED,
        Packing::Deflated => DEFLATED,
    };
    let mut told = content.to_vec();
    crc.update(content);
    if style.fault == Some(&ZipFault::WrongByte) {
        // The checksum is that of the true content.
        let middle = told.len() / 2;
        if let Some(byte) = told.get_mut(middle) {
            *byte ^= 1;
        }
    }
    if let Some(ZipFault::Bomb(mib)) = style.fault {
        (crc, size, data) = bomb(*mib);
        method = DEFLATED;
    } else if method == DEFLATED {
        data = deflated(|encoder| encoder.write_all(&told));
    } else {
        data.append(&mut told);
    }
    let encrypted = style.fault == Some(&ZipFault::Encrypted);
    if encrypted {
        // A header of 12 bytes and then bytes without a meaning, as it is for whoever has no password.
        data = [0xa5; 12]
            .into_iter()
            .chain(data.iter().map(|byte| byte.wrapping_mul(31) ^ 0x5c))
            .collect();
    }
    Packed {
        method,
        crc: crc.sum(),
        size,
        data,
        encrypted,
    }
}

fn deflated(write: impl FnOnce(&mut DeflateEncoder<Vec<u8>>) -> std::io::Result<()>) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let written = write(&mut encoder).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// A JSON array of that many MiB of spaces.
fn bomb(mib: u32) -> (Crc, u64, Vec<u8>) {
    let spaces = vec![b' '; 1024 * 1024];
    let pieces = || {
        let middle = (0..mib).map(|_| spaces.as_slice());
        [b"[".as_slice()]
            .into_iter()
            .chain(middle)
            .chain([b"]".as_slice()])
    };
    let mut crc = Crc::new();
    let mut size = 0;
    for piece in pieces() {
        crc.update(piece);
        size += wide(piece.len());
    }
    let data = deflated(|encoder| pieces().try_for_each(|piece| encoder.write_all(piece)));
    (crc, size, data)
}

fn flags(entry: &Packed, style: Style<'_>) -> u16 {
    let streamed = if style.streamed { STREAMED } else { 0 };
    let encrypted = if entry.encrypted { ENCRYPTED } else { 0 };
    UTF_8 | streamed | encrypted
}

fn version(style: Style<'_>) -> u16 {
    if style.zip64 { 45 } else { 20 }
}

fn local(out: &mut Vec<u8>, name: &str, entry: &Packed, style: Style<'_>) {
    let packed = wide(entry.data.len());
    let (crc, sizes) = if style.streamed {
        (0, [0, 0])
    } else {
        (entry.crc, [packed, entry.size])
    };
    out.extend_from_slice(b"PK\x03\x04");
    put16(out, version(style));
    common(out, entry, style, crc, sizes);
    put16(out, short(name.len()));
    put16(out, if style.zip64 { 20 } else { 0 });
    out.extend_from_slice(name.as_bytes());
    if style.zip64 {
        let [packed, size] = sizes;
        extra(out, &[size, packed]);
    }
    out.extend_from_slice(&entry.data);
    if style.streamed {
        out.extend_from_slice(b"PK\x07\x08");
        put32(out, entry.crc);
        for size in [packed, entry.size] {
            if style.zip64 {
                put64(out, size);
            } else {
                put32(out, narrow(size));
            }
        }
    }
}

fn central(out: &mut Vec<u8>, name: &str, entry: &Packed, offset: u64, style: Style<'_>) {
    let packed = wide(entry.data.len());
    out.extend_from_slice(b"PK\x01\x02");
    put16(out, version(style));
    put16(out, version(style));
    common(out, entry, style, entry.crc, [packed, entry.size]);
    put16(out, short(name.len()));
    put16(out, if style.zip64 { 28 } else { 0 });
    // Comment, disk, internal and external attributes.
    out.extend_from_slice(&[0; 10]);
    put32(out, if style.zip64 { WIDE } else { narrow(offset) });
    out.extend_from_slice(name.as_bytes());
    if style.zip64 {
        extra(out, &[entry.size, packed, offset]);
    }
}

/// What local and central headers share: flags to sizes.
fn common(out: &mut Vec<u8>, entry: &Packed, style: Style<'_>, crc: u32, sizes: [u64; 2]) {
    put16(out, flags(entry, style));
    put16(out, entry.method);
    put16(out, 0);
    put16(out, DOS_DATE);
    put32(out, crc);
    for size in sizes {
        put32(out, if style.zip64 { WIDE } else { narrow(size) });
    }
}

fn extra(out: &mut Vec<u8>, values: &[u64]) {
    put16(out, ZIP64);
    put16(out, short(values.len() * 8));
    for value in values {
        put64(out, *value);
    }
}

fn end(out: &mut Vec<u8>, count: u64, length: u64, start: u64, zip64: bool) {
    if zip64 {
        let at = wide(out.len());
        out.extend_from_slice(b"PK\x06\x06");
        put64(out, 44);
        put16(out, 45);
        put16(out, 45);
        put64(out, 0);
        for value in [count, count, length, start] {
            put64(out, value);
        }
        out.extend_from_slice(b"PK\x06\x07");
        put32(out, 0);
        put64(out, at);
        put32(out, 1);
    }
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        put16(
            out,
            if zip64 {
                u16::MAX
            } else {
                u16::try_from(count).unwrap_or(u16::MAX)
            },
        );
    }
    for value in [length, start] {
        put32(out, if zip64 { WIDE } else { narrow(value) });
    }
    put16(out, 0);
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(WIDE)
}

fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}
