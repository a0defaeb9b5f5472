//! Cron expressions into due times: when a target's passes are due, how far apart, how many were missed. Pure.
//!
//! Must not read the clock, sleep or remember anything: the daemon hands in the last due time that it kept. The
//! calendar is `croner`'s; what a change of daylight saving does to it is decided here, since `croner` loses or
//! repeats due times there.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{Datelike, NaiveDateTime, Offset, SubsecRound, TimeDelta, TimeZone};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use sha2::{Digest, Sha256};

use crate::{clock::Time, target::TargetName};

/// The largest jitter.
const MOST_JITTER: Duration = Duration::from_secs(30);
/// A pass that starts later than this after its due time has missed it.
const LATE: TimeDelta = TimeDelta::minutes(1);
/// How many missed due times are counted before we stop counting.
const MOST_MISSED: u64 = 1000;

/// When a target's passes are due: a cron expression with seconds, read in a time zone.
///
/// Around a change of daylight saving: a due time that the spring gap swallows is due once, when the gap ends.
/// Of a time that the autumn overlap shows twice, the first is due; the second too if the expression has a `*`
/// (or `*/15`) among seconds, minutes and hours, so that a rhythm goes on unbroken.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    text: String,
    /// Several KiB: shared by all copies.
    cron: Arc<croner::Cron>,
    zone: Tz,
    /// Runs through the second half of an autumn overlap as well.
    rhythm: bool,
}

/// Why a schedule is refused.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not six fields: most likely cron without seconds.
    #[error(
        "read the schedule `{cron}`: {found} fields instead of 6 (hint: seconds come first, as in `0 */15 * * * *`)"
    )]
    Fields {
        /// As configured.
        cron: String,
        /// How many fields it has.
        found: usize,
    },
    /// A field that cron does not know.
    #[error("read the schedule `{cron}`")]
    Cron {
        /// As configured.
        cron: String,
        /// What `croner` says.
        #[source]
        source: croner::errors::CronError,
    },
    /// Such as 30 February.
    #[error("use the schedule `{cron}`: no such date ever comes")]
    Never {
        /// As configured.
        cron: String,
    },
    /// Not in the IANA time zone database. Names are case-sensitive.
    #[error("find the time zone `{zone}` (hint: an IANA name such as `UTC` or `Europe/Berlin`)")]
    Zone {
        /// As configured.
        zone: String,
    },
}

/// When the next pass is to start, and what it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// Start then; not after `now` means at once.
    pub at: Time,
    /// The due time that this pass serves, without jitter. To be kept, once the pass ran, as the next `last_due`.
    pub scheduled: Time,
    /// How many due times passed without a pass; this one pass makes up for all. Counting stops at 1000.
    pub missed: u64,
}

impl Schedule {
    /// Reads a cron expression and the name of its time zone.
    ///
    /// Six fields: second, minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`,
    /// `@monthly`, `@yearly`. If both days are restricted, either suffices.
    ///
    /// # Errors
    /// When it has another number of fields, a field makes no sense, no date ever matches, or there is no such zone.
    pub fn new(cron: &str, zone: &str) -> Result<Self, ScheduleError> {
        let text = cron.trim().to_owned();
        let fields: Vec<&str> = text.split_whitespace().collect();
        let nickname = text.starts_with('@');
        if fields.len() != 6 && !nickname {
            return Err(ScheduleError::Fields {
                cron: text.clone(),
                found: fields.len(),
            });
        }
        let rhythm =
            text.eq_ignore_ascii_case("@hourly") || fields.iter().take(3).any(|f| f.starts_with('*'));
        let parsed = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .build()
            .parse(&text);
        let cron = match parsed {
            Ok(cron) => Arc::new(cron),
            Err(source) => return Err(ScheduleError::Cron { cron: text, source }),
        };
        let zone = zone.parse().map_err(|_| ScheduleError::Zone {
            zone: zone.to_owned(),
        })?;
        let schedule = Self {
            text,
            cron,
            zone,
            rhythm,
        };
        // Without a year field, what does not come in the centuries after 1970 never does.
        match schedule.matching(Time::UNIX_EPOCH.naive_utc(), true) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never { cron: schedule.text }),
        }
    }

    /// The first due time after `time`, `time` itself excluded. None only beyond the year 4999.
    #[must_use]
    pub fn next_after(&self, time: Time) -> Option<Time> {
        if !(1..5000).contains(&time.year()) {
            return None;
        }
        let (mut from, mut inclusive) = (time.trunc_subsecs(0), false);
        loop {
            let offset = self.offset(from);
            let local = self.matching(from.naive_utc() + offset, inclusive)?;
            let due = (local - offset).and_utc();
            if let Some(change) = self.change(from, due) {
                if local < change.naive_utc() + self.offset(change) {
                    return Some(change); // swallowed by a gap that ends here
                }
                (from, inclusive) = (change, true);
            } else if self.rhythm || !self.is_repeat(local, due) {
                return Some(due);
            } else {
                (from, inclusive) = (due, false);
            }
        }
    }

    /// The longest distance between two due times, looking eight days or twelve due times ahead of `now`,
    /// whichever is further. At most about 1100 steps: of very dense schedules (more than 300 due times in that
    /// span) a break shorter than half an hour may go unseen.
    #[must_use]
    pub fn period(&self, now: Time) -> Duration {
        self.longest(now, Duration::MAX)
    }

    /// Tells when the next pass is due. `last_due` is the `scheduled` of the last pass.
    ///
    /// Without one: at once. Otherwise at the next due time and the target's [`jitter`] after it; if that is past,
    /// at once, and once, however many due times were missed. The newest due time counts as missed when it is
    /// more than a minute late. A `last_due` in the future (the clock was set back) is ignored.
    /// None only beyond the year 4999.
    #[must_use]
    pub fn due(&self, name: &TargetName, last_due: Option<Time>, now: Time) -> Option<Due> {
        let Some(last_due) = last_due else {
            return Some(Due {
                at: now,
                scheduled: now,
                missed: 0,
            });
        };
        // From 300 s on the period makes no difference to the jitter: no need to measure further.
        let jitter = jitter(name, self.longest(now, MOST_JITTER * 10));
        let passed = now - jitter;
        let mut scheduled = self.next_after(last_due.min(now))?;
        if scheduled > passed {
            return Some(Due {
                at: scheduled + jitter,
                scheduled,
                missed: 0,
            });
        }
        let mut superseded = 0;
        while let Some(next) = self.next_after(scheduled).filter(|next| *next <= passed) {
            scheduled = next;
            superseded += 1;
            if superseded == MOST_MISSED {
                // No due time itself, but the next one after it is the right one.
                scheduled = passed;
                break;
            }
        }
        let late = u64::from(passed - scheduled > LATE);
        Some(Due {
            at: now,
            scheduled,
            missed: superseded + late,
        })
    }

    /// [`Self::period`], but no further than to see that it is at least `enough`.
    fn longest(&self, now: Time, enough: Duration) -> Duration {
        let Some(first) = self.next_after(now) else {
            return Duration::ZERO;
        };
        let (mut at, mut longest) = (first, TimeDelta::zero());
        for step in 0..1100 {
            let found = longest.to_std().unwrap_or_default();
            if found >= enough || (step >= 12 && at - first >= TimeDelta::days(8)) {
                break;
            }
            // Whatever is longer than `longest` cannot hide from leaps of half of it: one lands in its first half.
            let floor = TimeDelta::minutes(if step < 300 { 0 } else { 15 });
            let landed = at + (longest / 2).max(floor);
            let Some(next) = self.next_after(landed) else {
                break;
            };
            if next - landed > longest / 2 {
                longest = longest.max(next - self.last_due_before(next, at, landed));
            }
            at = next;
        }
        longest.to_std().unwrap_or_default()
    }

    /// The due time before the due time `next`. It lies in `low..=high`.
    fn last_due_before(&self, next: Time, mut low: Time, mut high: Time) -> Time {
        low -= TimeDelta::seconds(1);
        while high - low > TimeDelta::seconds(1) {
            let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
            if self.next_after(middle) == Some(next) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// The first wall-clock time from `local` on that the expression matches, whether the zone has it or not.
    fn matching(&self, local: NaiveDateTime, inclusive: bool) -> Option<NaiveDateTime> {
        let found = self.cron.find_next_occurrence(&local.and_utc(), inclusive).ok()?;
        Some(found.naive_utc())
    }

    /// What is added to UTC for the wall-clock time.
    fn offset(&self, time: Time) -> TimeDelta {
        let offset = self.zone.offset_from_utc_datetime(&time.naive_utc()).fix();
        TimeDelta::seconds(offset.local_minus_utc().into())
    }

    /// The first instant after `from`, up to `to`, at which the offset is another than at `from`.
    fn change(&self, from: Time, to: Time) -> Option<Time> {
        let before = self.offset(from);
        let (mut low, mut high) = (from, from);
        while self.offset(high) == before {
            if high >= to {
                return None;
            }
            (low, high) = (high, to.min(high + TimeDelta::days(1)));
        }
        while high - low > TimeDelta::seconds(1) {
            let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
            if self.offset(middle) == before {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }

    /// Whether the wall clock shows `local` for the second time at `due`.
    fn is_repeat(&self, local: NaiveDateTime, due: Time) -> bool {
        self.zone
            .from_local_datetime(&local)
            .earliest()
            .is_some_and(|first| first < due)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.zone)
    }
}

/// How long after its due times a target starts, so that not all start at once: always the same for the same name
/// and period, whole milliseconds, less than a tenth of the period and than 30 s.
#[must_use]
pub fn jitter(name: &TargetName, period: Duration) -> Duration {
    let hash = Sha256::digest(name.as_str());
    let hash = hash
        .iter()
        .take(8)
        .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    let most = (period / 10).min(MOST_JITTER).as_millis();
    Duration::from_millis(u64::try_from((most * hash) >> 64).unwrap_or(0))
}

#[cfg(test)]
mod tests;
