//! Times as services nearly always spell them, read without a format string: `2025-03-24T18:35:38.122Z`.

use chrono::NaiveDate;

use crate::clock::Time;

/// Reads year, month, day, hour, minute, second, up to nine fraction digits and `Z`. None for any other spelling, which
/// is not to say that it is no time.
pub(super) fn time(text: &[u8]) -> Option<Time> {
    let (date, clock) = text.strip_suffix(b"Z")?.split_at_checked(10)?;
    let (clock, fraction) = clock.split_at_checked(9)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date else {
        return None;
    };
    let [b'T', h0, h1, b':', n0, n1, b':', s0, s1] = *clock else {
        return None;
    };
    let year = i32::try_from(number(&[y0, y1, y2, y3])?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)?;
    let nanos = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let missing = u32::try_from(9 - digits.len()).ok()?;
            number(digits)? * 10u32.pow(missing)
        }
        _ => return None,
    };
    let time = day.and_hms_nano_opt(number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?, nanos)?;
    Some(time.and_utc())
}

/// Up to nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::read_time, *};

    #[test]
    fn usual_spellings_are_read_as_all_others() {
        let mut read = 0;
        let dates = [
            "0000-01-01",
            "0001-01-01",
            "1999-12-31",
            "2024-02-29",
            "2025-02-29",
            "2026-13-01",
            "2026-00-10",
            "9999-12-31",
            "2026-1-01",
            "+026-01-01",
            "20260-01-01",
            "-001-01-01",
        ];
        let clocks = [
            "00:00:00", "23:59:59", "24:00:00", "12:60:00", "23:59:60", "12:00:61", "1:00:00", "12.00.00",
            "12:00",
        ];
        let fractions = [
            "",
            ".",
            ".0",
            ".1",
            ".123",
            ".1230000",
            ".123456789",
            ".1234567891",
            ".000000000000",
            ".12a",
            ",5",
            ".-1",
            ". 1",
        ];
        for date in dates {
            for clock in clocks {
                for fraction in fractions {
                    for (between, end) in [
                        ("T", "Z"),
                        ("t", "Z"),
                        (" ", "Z"),
                        ("T", "z"),
                        ("T", ""),
                        ("T", "+00:00"),
                        ("T", " Z"),
                        ("T", "Z "),
                    ] {
                        let text = format!("{date}{between}{clock}{fraction}{end}");
                        if let Some(quick) = time(text.as_bytes()) {
                            // With white space before it, it is read the slow way.
                            assert_eq!(read_time(&format!(" {text}")), Some(quick), "{text}");
                            read += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(read, 5 * 2 * 6, "no usual spelling goes the slow way");
        assert_eq!(time("２０25-03-24T18:35:38Z".as_bytes()), None);
    }
}
