//! Until when a certificate is valid: that one field, found in its DER. Pure; trusts nothing and verifies nothing.
//!
//! The structure is RFC 5280's, section 4.1: certificate, to-be-signed part, and in it the fifth field, after the
//! optional version.

use chrono::NaiveDateTime;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::clock::Time;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Until when each certificate of a PEM file is valid, in the order of the file. Others than certificates, and what
/// cannot be read, are passed over.
pub(super) fn valid_until(pem: &[u8]) -> Vec<Time> {
    CertificateDer::pem_slice_iter(pem)
        .filter_map(Result::ok)
        .filter_map(|der| not_after(&der))
        .collect()
}

fn not_after(der: &[u8]) -> Option<Time> {
    let (certificate, _) = value(der, SEQUENCE)?;
    let (mut fields, _) = value(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = value(fields, VERSION)?.1;
    }
    // Serial number, signature algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = value(fields, tag)?.1;
    }
    let (validity, _) = value(fields, SEQUENCE)?;
    let (tag, _, rest) = element(validity)?;
    if !matches!(tag, UTC_TIME | GENERALIZED_TIME) {
        return None;
    }
    let (tag, text, _) = element(rest)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The years of the short form are 1950 to 2049 (RFC 5280, section 4.1.2.5.1).
fn time(tag: u8, text: &str) -> Option<Time> {
    let text = match tag {
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc())
}

/// The content of the first element, which has that tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and what follows. Lengths of up to four bytes.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl req -x509 -newkey ed25519 -days 36500`: valid until 2126, so in the long form.
    const LONG: &str = include_str!("../../tests/certificate.pem");

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn the_end_of_a_certificate_is_found_among_others_and_other_things() {
        let until = at("2126-10-29T02:10:20Z");
        assert_eq!(valid_until(LONG.as_bytes()), [until]);
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
        let bundle = format!("my roots\n{LONG}{key}{LONG}");
        assert_eq!(valid_until(bundle.as_bytes()), [until, until]);
        assert_eq!(valid_until(b"nothing"), Vec::<Time>::new());
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for (tag, text, expected) in [
            (UTC_TIME, "261122021020Z", Some("2026-11-22T02:10:20Z")),
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "99991231235959Z", Some("9999-12-31T23:59:59Z")),
            (UTC_TIME, "261122021020+0100", None),
            (UTC_TIME, "ä", None),
            (INTEGER, "261122021020Z", None),
        ] {
            assert_eq!(time(tag, text), expected.map(at), "{text}");
        }
    }

    #[test]
    fn no_part_of_a_certificate_and_no_flipped_bit_harms() {
        let ders: Vec<_> = CertificateDer::pem_slice_iter(LONG.as_bytes()).collect();
        let der = ders[0].as_ref().unwrap().as_ref();
        let last = der.len() - 1;
        for end in 0..=last {
            assert_eq!(not_after(&der[..end]), None);
        }
        let mut still = 0;
        for bit in 0..der.len() * 8 {
            let mut other = der.to_vec();
            other[bit / 8] ^= 1 << (bit % 8);
            still += usize::from(not_after(&other).is_some());
        }
        assert!(still > 0);
    }
}
