//! Points in time as the service keeps them: ticks of 100 ns since year 1, UTC, like a .NET `DateTime`.
//! Reading accepts what a query may carry; spelling follows the switches.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};

use crate::switches::{Fraction, LinkTime, Zone};

/// Ticks in one second.
pub(crate) const SECOND: i64 = 10_000_000;
/// Ticks in one day.
pub(crate) const DAY: i64 = 24 * 3600 * SECOND;
const UNIX_EPOCH: i64 = 621_355_968_000_000_000;

/// Ticks of an instant; anything finer than 100 ns is cut off.
pub(crate) fn ticks(at: DateTime<Utc>) -> i64 {
    UNIX_EPOCH + at.timestamp() * SECOND + i64::from(at.timestamp_subsec_nanos() / 100)
}

/// The instant of a number of ticks; the Unix epoch where chrono cannot say it.
pub(crate) fn date(ticks: i64) -> DateTime<Utc> {
    let since = ticks - UNIX_EPOCH;
    let nanos = u32::try_from(since.rem_euclid(SECOND) * 100).unwrap_or(0);
    DateTime::from_timestamp(since.div_euclid(SECOND), nanos).unwrap_or(DateTime::UNIX_EPOCH)
}

/// Ticks in so many days.
pub(crate) fn days(count: u32) -> i64 {
    i64::from(count).saturating_mul(DAY)
}

/// Midnight UTC before it.
pub(crate) fn midnight(at: i64) -> i64 {
    at - at.rem_euclid(DAY)
}

/// Reads a time out of a query: RFC 3339, the same without offset (UTC), a bare date (00:00 UTC), or ticks.
pub(crate) fn read(text: &str) -> Option<i64> {
    if text.len() >= 15 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(ticks(at.to_utc()));
    }
    if let Ok(at) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return Some(ticks(at.and_utc()));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(ticks(day.and_hms_opt(0, 0, 0)?.and_utc()))
}

/// The time as it stands in a link.
pub(crate) fn spell_for_link(at: i64, how: LinkTime) -> String {
    match how {
        LinkTime::Encoded | LinkTime::Plain => spell(at, Fraction::Digits(7), Zone::Z),
        LinkTime::Offset => spell(at, Fraction::Digits(7), Zone::PlusZero),
        LinkTime::Ticks => format!("{at:018}"),
    }
}

/// ISO 8601 with that many digits and that zone. Digits beyond are cut off, not rounded.
pub(crate) fn spell(at: i64, fraction: Fraction, zone: Zone) -> String {
    let (shift, mark) = match zone {
        Zone::Z | Zone::Mixed => (0, "Z"),
        Zone::PlusZero => (0, "+00:00"),
        Zone::East => (330, "+05:30"),
        Zone::West => (-480, "-08:00"),
        Zone::None => (0, ""),
    };
    let utc = date(at);
    let local = utc.checked_add_signed(TimeDelta::minutes(shift)).unwrap_or(utc);
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    let digits = format!("{:07}", at.rem_euclid(SECOND));
    let shown = match fraction {
        Fraction::Digits(n) => digits.get(..usize::from(n.min(7))).unwrap_or(""),
        Fraction::Trimmed | Fraction::Mixed => digits.trim_end_matches('0'),
    };
    if !shown.is_empty() {
        text.push('.');
        text.push_str(shown);
    }
    text.push_str(mark);
    text
}

/// Cuts an instant to what that many digits can say.
pub(crate) fn cut(at: i64, fraction: Fraction) -> i64 {
    let Fraction::Digits(n) = fraction else { return at };
    let unit = 10_i64.pow(u32::from(7_u8.saturating_sub(n)));
    at - at.rem_euclid(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_ticks() {
        let at = "2025-03-24T18:35:38.1221234Z".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(date(ticks(at)), at);
        assert_eq!(
            spell(ticks(at), Fraction::Digits(3), Zone::Z),
            "2025-03-24T18:35:38.122Z"
        );
        assert_eq!(
            spell(ticks(at), Fraction::Digits(0), Zone::East),
            "2025-03-25T00:05:38+05:30"
        );
        assert_eq!(spell(0, Fraction::Digits(0), Zone::None), "0001-01-01T00:00:00");
    }

    #[test]
    fn queries_may_say_times_in_four_ways() {
        let noon = read("2025-03-24T12:00:00Z").unwrap();
        assert_eq!(read("2025-03-24T14:00:00+02:00"), Some(noon));
        assert_eq!(read("2025-03-24T12:00:00.000"), Some(noon));
        assert_eq!(read(&noon.to_string()), Some(noon));
        assert_eq!(read("2025-03-24"), Some(noon - 12 * 3600 * SECOND));
        assert_eq!(read("2025-03-24T12:00:00 00:00"), None);
    }
}
