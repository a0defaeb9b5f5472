//! How long to wait before a request is tried again, as plain numbers; pure.
//!
//! Must not sleep, read the clock or draw random numbers: all three are handed in, so that tests are exact. Which
//! failures are worth another try is for the caller to say. Also the one place that reads HTTP dates.

use std::time::Duration;

use chrono::DateTime;

use crate::clock::Time;

/// The longest `Retry-After` we follow. Whoever asks for more is asked again after this.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What one request may cost over all its tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Time from the start of the first try to the start of the last.
    pub retry_for: Duration,
    /// Tries, the first included.
    pub tries: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            retry_for: Duration::from_secs(30),
            tries: 6,
        }
    }
}

/// How waits grow from try to try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// The most after the first failure,
    pub first: Duration,
    /// this many times more after each further one,
    pub factor: u32,
    /// and never more than this.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            factor: 2,
            cap: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The wait after `failed` tries, of which at least one was made: somewhere between a quarter and the whole of
    /// this try's most, where `random` in `[0, 1)` says; or `asked` if the server's `Retry-After` is longer, plus
    /// the same spread.
    ///
    /// None: give up. The tries are used up, or with `spent` already behind us the wait would end after the budget.
    #[must_use]
    pub fn wait(
        &self,
        budget: Budget,
        failed: u32,
        spent: Duration,
        asked: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        if failed >= budget.tries {
            return None;
        }
        let growth = self.factor.saturating_pow(failed.saturating_sub(1));
        let most = self.first.saturating_mul(growth).min(self.cap);
        let random = if random.is_nan() {
            0.0
        } else {
            random.clamp(0.0, 1.0)
        };
        let own = most.mul_f64(0.25 + 0.75 * random);
        let wait = match asked {
            Some(asked) if asked >= most => asked.saturating_add(own.min(self.first)),
            Some(asked) => own.max(asked),
            None => own,
        };
        (spent.saturating_add(wait) <= budget.retry_for).then_some(wait)
    }
}

/// What a `Retry-After` header asks for: a number of seconds, whole or not, or a date, from which `now` is taken.
///
/// `now` is the reply's own `Date` ([`http_date`]) where it has one, so that a wrong clock on either side does no
/// harm. A past date is no wait; more than [`LONGEST_RETRY_AFTER`] is cut to that. None if it makes no sense:
/// as if the header were not there.
#[must_use]
pub fn retry_after(value: &str, now: Time) -> Option<Duration> {
    let value = value.trim();
    let wait = match http_date(value).or_else(|| value.parse().ok()) {
        Some(date) => (date - now).to_std().unwrap_or_default(),
        None => seconds(value)?,
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Reads an HTTP date, such as that of a `Date` header, in any of its three forms.
#[must_use]
pub fn http_date(value: &str) -> Option<Time> {
    httpdate::parse_http_date(value.trim()).ok().map(DateTime::from)
}

/// `120`, `1.5`; also `120s`, `120 seconds`, and the first of `120, 120` (a header sent twice).
fn seconds(value: &str) -> Option<Duration> {
    let end = value
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(value.len());
    let (number, rest) = value.split_at(end);
    if !rest.is_empty() && !rest.starts_with([' ', ',', ';', 's']) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Some(Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const AMPLE: Budget = Budget {
        retry_for: Duration::from_secs(1000),
        tries: 20,
    };

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let backoff = Backoff::default();
        let longest: Vec<_> = (1..9)
            .map(|failed| backoff.wait(AMPLE, failed, Duration::ZERO, None, 1.0).unwrap())
            .collect();
        assert_eq!(longest, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].map(MS));
        assert_eq!(backoff.wait(AMPLE, 3, Duration::ZERO, None, 0.0), Some(MS(200)));
        assert_eq!(backoff.wait(AMPLE, 3, Duration::ZERO, None, 0.5), Some(MS(500)));
        assert_eq!(backoff.wait(AMPLE, 19, Duration::ZERO, None, 0.0), Some(MS(2500)));
    }

    #[test]
    fn the_sixth_failure_is_the_last() {
        let (backoff, budget) = (Backoff::default(), Budget::default());
        assert!(backoff.wait(budget, 5, Duration::ZERO, None, 0.0).is_some());
        assert_eq!(backoff.wait(budget, 6, Duration::ZERO, None, 0.0), None);
        let once = Budget { tries: 1, ..budget };
        assert_eq!(backoff.wait(once, 1, Duration::ZERO, None, 0.0), None);
        assert_eq!(
            backoff.wait(Budget { tries: 0, ..budget }, 0, MS(0), None, 0.0),
            None
        );
    }

    #[test]
    fn no_wait_ends_after_the_budget() {
        let (backoff, budget) = (Backoff::default(), Budget::default());
        assert_eq!(backoff.wait(budget, 1, MS(29_800), None, 1.0), Some(MS(200)));
        assert_eq!(backoff.wait(budget, 1, MS(29_801), None, 1.0), None);
        assert_eq!(backoff.wait(budget, 1, Duration::MAX, None, 0.0), None);
    }

    #[test]
    fn the_server_is_not_asked_sooner_than_it_asked_for() {
        let (backoff, budget) = (Backoff::default(), Budget::default());
        let wait = |asked, random| backoff.wait(budget, 1, Duration::ZERO, Some(asked), random);
        assert_eq!(wait(MS(0), 1.0), Some(MS(200)));
        assert_eq!(wait(MS(100), 0.0), Some(MS(100)));
        assert_eq!(wait(MS(5000), 0.0), Some(MS(5050)));
        assert_eq!(wait(MS(5000), 1.0), Some(MS(5200)));
        assert_eq!(wait(MS(30_000), 0.0), None);
        assert_eq!(wait(Duration::MAX, 0.5), None);
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let odd = Backoff {
            first: Duration::MAX,
            factor: u32::MAX,
            cap: MS(1000),
        };
        for random in [f64::NAN, f64::INFINITY, -1.0, 7.0] {
            let wait = odd.wait(AMPLE, 19, Duration::ZERO, None, random).unwrap();
            assert!(wait >= MS(250) && wait <= MS(1000));
        }
    }

    #[test]
    fn retry_after_comes_in_seconds() {
        let now = time("2026-11-21T10:00:00Z");
        for (value, expected) in [
            ("120", Some(120_000)),
            (" 0 ", Some(0)),
            ("1.5", Some(1500)),
            (".25", Some(250)),
            ("7s", Some(7000)),
            ("7 seconds", Some(7000)),
            ("60, 60", Some(60_000)),
            ("86400", Some(3_600_000)),
            ("99999999999999999999999999", Some(3_600_000)),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("-5", None),
            ("soon", None),
            ("1e9", None),
            ("NaN", None),
            ("inf", None),
            ("2026-11-21", None),
            ("１２", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(MS), "`{value}`");
        }
    }

    #[test]
    fn retry_after_comes_as_a_date() {
        let now = time("2026-11-21T10:00:00.500Z");
        for (value, expected) in [
            ("Sat, 21 Nov 2026 10:00:30 GMT", 29_500),
            ("Saturday, 21-Nov-26 10:00:30 GMT", 29_500),
            ("Sat Nov 21 10:00:30 2026", 29_500),
            ("2026-11-21T10:00:30Z", 29_500),
            ("Sat, 21 Nov 2026 10:00:00 GMT", 0),
            ("Tue, 01 Jan 2019 00:00:00 GMT", 0),
            ("Sun, 21 Nov 2027 10:00:00 GMT", 3_600_000),
        ] {
            assert_eq!(retry_after(value, now), Some(MS(expected)), "`{value}`");
        }
        assert_eq!(retry_after("Sat, 31 Feb 2026 10:00:00 GMT", now), None);
        // By the server's own clock, whatever ours says.
        let date = http_date("Fri, 20 Nov 2026 08:00:00 GMT").unwrap();
        assert_eq!(
            retry_after("Fri, 20 Nov 2026 08:00:10 GMT", date),
            Some(MS(10_000))
        );
    }
}
