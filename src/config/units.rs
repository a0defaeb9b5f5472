//! Durations, sizes and times as users write them; pure.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound as _, TimeDelta, Utc};

use crate::{clock::Time, target::Start};

/// A text that is not what it should be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnitError {
    /// No duration.
    #[error("`{text}` is no duration: write numbers with ms, s, m, h or d, such as `90s` or `1h15m`")]
    Duration {
        /// As written.
        text: String,
    },
    /// No size.
    #[error(
        "`{text}` is no size: write bytes, or a number with KiB, MiB, GiB, kB, MB or GB, such as `16MiB`"
    )]
    Size {
        /// As written.
        text: String,
    },
    /// Neither a time nor an age.
    #[error(
        "`{text}` is neither a time (`2026-11-21T10:00:00Z`), nor a date (`2026-11-21`, 00:00 UTC), nor an age (`36h`, `90d`)"
    )]
    Time {
        /// As written.
        text: String,
    },
}

/// Numbers with units, added up: `90s`, `1h15m`, `500ms`.
///
/// # Errors
/// When it is anything else, or more than there is room for.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    duration(text)
}

/// [`parse_duration`], for settings.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let add = || {
        let mut rest = text;
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let (number, unit, after) = number_and_unit(rest)?;
            let unit = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            total = total.checked_add(Duration::from_millis(number.checked_mul(unit)?))?;
            rest = after;
        }
        (!text.is_empty()).then_some(total)
    };
    add().ok_or_else(|| UnitError::Duration {
        text: text.to_owned(),
    })
}

/// Bytes, or a number with a unit: `65536`, `64KiB`, `16MB`.
pub(super) fn size(text: &str) -> Result<usize, UnitError> {
    let read = || {
        let (number, unit, after) = number_and_unit(text)?;
        let unit: u64 = match unit.trim() {
            "" | "B" => 1,
            "kB" | "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        let bytes = number.checked_mul(unit).filter(|_| after.is_empty())?;
        usize::try_from(bytes).ok()
    };
    read().ok_or_else(|| UnitError::Size {
        text: text.to_owned(),
    })
}

/// The leading digits, what follows up to the next digit, and the rest.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    Some((number.parse().ok()?, unit, rest))
}

/// RFC 3339, a date (00:00 UTC), or an age. Cut to whole milliseconds, as all bounds are.
pub(super) fn start(text: &str) -> Result<Start, UnitError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(Start::At(time.with_timezone(&Utc).trunc_subsecs(3)));
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(Start::At(date.and_time(NaiveTime::MIN).and_utc()));
    }
    duration(text).map(Start::Ago).map_err(|_| UnitError::Time {
        text: text.to_owned(),
    })
}

/// A point in time as the command line takes it: RFC 3339, a date (00:00 UTC), or an age such as `36h`, counted
/// back from `now`.
///
/// # Errors
/// When it is none of them, or an age that leads out of the calendar.
pub fn parse_age_or_time(text: &str, now: Time) -> Result<Time, UnitError> {
    match start(text)? {
        Start::At(time) => Ok(time),
        Start::Ago(age) => TimeDelta::from_std(age)
            .ok()
            .and_then(|age| now.checked_sub_signed(age))
            .ok_or_else(|| UnitError::Time {
                text: text.to_owned(),
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_times_and_sizes_read_as_written() {
        let now: DateTime<Utc> = "2026-11-21T10:00:00Z".parse().unwrap();
        for (text, time) in [
            ("36h", "2026-11-19T22:00:00Z"),
            ("90d", "2026-08-23T10:00:00Z"),
            ("1h15m", "2026-11-21T08:45:00Z"),
            ("500ms", "2026-11-21T09:59:59.500Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T12:00:00.1239+02:00", "2026-11-01T10:00:00.123Z"),
        ] {
            assert_eq!(parse_age_or_time(text, now), Ok(time.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "1",
            "h",
            "1 h",
            "-1h",
            "1w",
            "yesterday",
            "2026-11-01T12:00:00",
            "2026-02-30",
            "99999999999d",
            "1h 5m",
        ] {
            assert!(parse_age_or_time(text, now).is_err(), "{text}");
        }
        for (text, bytes) in [
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("16MB", 16_000_000),
            ("1 GiB", 1 << 30),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "1MiB2", "99999999999999GiB", "1mib"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
