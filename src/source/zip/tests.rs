//! Archives of every spelling.

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use rawzip::ZipArchiveWriter;

use super::*;

const LIMITS: Limits = Limits {
    entries: 20,
    depth: 3,
    inner: 10_000,
    unpacked: 1 << 30,
};

/// An archive of these files.
pub(in crate::source) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    pack_by(files, CompressionMethod::DEFLATE)
}

fn pack_by(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, content) in files {
        let (mut entry, config) = archive
            .new_file(*name)
            .compression_method(method)
            .start()
            .unwrap();
        let descriptor = if method == CompressionMethod::STORE {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(content).unwrap();
            writer.finish().unwrap().1
        } else {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            writer.write_all(content).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

fn texts(bytes: &[u8], limits: Limits) -> Result<Vec<String>, ZipError> {
    let mut texts = Vec::new();
    visit(bytes, limits, &mut |reader| {
        let mut text = String::new();
        let read = reader.read_to_string(&mut text);
        read.map_err(|source| ZipError::Entry { source })?;
        texts.push(text);
        Ok(())
    })?;
    Ok(texts)
}

#[test]
fn every_entry_is_read_also_of_one_name_and_in_archives_within() {
    let same = pack(&[
        ("d.txt", b"[1]"),
        ("d.txt", b"[2]"),
        ("../../etc/x", b""),
        ("a/", b""),
    ]);
    assert_eq!(texts(&same, LIMITS).unwrap(), ["[1]", "[2]", ""]);
    let stored = pack_by(
        &[("d.zip", same.as_slice()), ("e.txt", b"x")],
        CompressionMethod::STORE,
    );
    assert_eq!(texts(&stored, LIMITS).unwrap(), ["[1]", "[2]", "", "x"]);
    let thrice = pack(&[("e.zip", stored.as_slice())]);
    assert_eq!(texts(&thrice, LIMITS).unwrap().len(), 4);
    assert!(texts(&pack(&[]), LIMITS).unwrap().is_empty());
}

#[test]
fn a_part_of_an_archive_is_none_and_neither_is_more_than_one() {
    let archive = pack(&[("a.txt", b"an event and an event"), ("b.txt", b"")]);
    for end in 0..archive.len() {
        assert!(is_whole(&archive[..end]).is_err(), "{end}");
    }
    for joined in [
        [archive.as_slice(), archive.as_slice()].concat(),
        [b"x".as_slice(), archive.as_slice()].concat(),
        [archive.as_slice(), b"x".as_slice()].concat(),
    ] {
        assert!(texts(&joined, LIMITS).is_err());
    }
}

#[test]
fn an_entry_that_is_not_what_its_checksum_says_spoils_the_archive() {
    for method in [CompressionMethod::STORE, CompressionMethod::DEFLATE] {
        let archive = pack_by(&[("a.txt", b"an event and another one")], method);
        let content = 30 + "a.txt".len();
        for at in content..content + 20 {
            let mut altered = archive.clone();
            altered[at] ^= 4;
            assert!(texts(&altered, LIMITS).is_err(), "{at}");
        }
    }
}

#[test]
fn what_is_encrypted_or_packed_otherwise_is_refused() {
    let archive = pack(&[("a.txt", b"an event")]);
    let directory = archive.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    for (at, value) in [(directory + 8, 1), (directory + 10, 12)] {
        let mut altered = archive.clone();
        altered[at] = value;
        assert!(
            matches!(texts(&altered, LIMITS), Err(ZipError::Unknown { .. })),
            "{at}"
        );
    }
}

#[test]
fn there_are_limits_on_entries_depth_and_bytes() {
    let one = pack(&[("a.txt", b"x")]);
    let four_deep = (0..3).fold(one.clone(), |inner, _| pack(&[("z", inner.as_slice())]));
    let many: Vec<(&str, &[u8])> = vec![("a", b""); 21];
    let bomb = pack(&[("a", &vec![b' '; 20 << 20])]);
    let small = Limits {
        unpacked: 100,
        inner: 10,
        ..LIMITS
    };
    for (archive, limits) in [
        (four_deep, LIMITS),
        (pack(&many), LIMITS),
        (bomb, LIMITS),
        (pack(&[("a", &[b'x'; 101])]), small),
        (pack(&[("a", one.as_slice())]), small),
    ] {
        let read = texts(&archive, limits);
        assert!(matches!(read, Err(ZipError::Limit { .. })), "{read:?}");
    }
}
