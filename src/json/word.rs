//! Where a run of plain bytes in a string ends, found eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The place of the first byte from `at` on that ends a run inside a string: a quote, a backslash or a control
/// character. The end of `text` if there is none.
pub(super) fn plain(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    let found = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
    at + found.unwrap_or(rest.len())
}

/// The high bit of each special byte; only the lowest one set is to be trusted, as a borrow spoils those above it.
fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(quote) | zero(backslash) | control) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_it_does_byte_by_byte() {
        for special in 0..=255 {
            for before in [b'a', 0x20, 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                for place in 0..20 {
                    let mut text = vec![before; 20];
                    text[place] = special;
                    let ends = text
                        .iter()
                        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
                    assert_eq!(plain(&text, 0), ends.unwrap_or(20), "{special} after {before}");
                    assert_eq!(plain(&text, place + 1), 20, "{special} after {before}");
                }
            }
        }
        assert_eq!(plain(b"", 0), 0);
    }
}
