//! Half-open windows of event time and how wide a slice of one should be; pure.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Time, spelled},
    event::floor,
};

/// What is never cut: the bounds of windows are whole milliseconds.
pub const INSTANT: Duration = Duration::from_millis(1);

/// A half-open span of event time `[from, to)`. Bounds are whole milliseconds; never `to` before `from`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Where it begins, inclusive.
    #[serde(with = "spelled")]
    pub from: Time,
    /// Where it ends, exclusive.
    #[serde(with = "spelled")]
    pub to: Time,
}

impl Window {
    /// A window between two instants, cut to whole milliseconds; empty where `to` is not after `from`.
    #[must_use]
    pub fn new(from: Time, to: Time) -> Self {
        let from = floor(from);
        Self {
            from,
            to: floor(to).max(from),
        }
    }

    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        self.from <= time && time < self.to
    }

    /// Whether it holds no instant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// How long it is.
    #[must_use]
    pub fn width(&self) -> Duration {
        (self.to - self.from).to_std().unwrap_or_default()
    }

    /// The older part of it, at most this wide (a millisecond at least), and the rest.
    #[must_use]
    pub fn split(&self, width: Duration) -> (Self, Self) {
        let cut = later(self.from, width.max(INSTANT)).min(self.to);
        (Self::new(self.from, cut), Self::new(cut, self.to))
    }
}

/// An instant this much later; the end of time where there is none.
#[must_use]
pub fn later(time: Time, by: Duration) -> Time {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| time.checked_add_signed(by))
        .unwrap_or(Time::MAX_UTC)
}

/// An instant this much earlier; the beginning of time where there is none.
#[must_use]
pub fn earlier(time: Time, by: Duration) -> Time {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| time.checked_sub_signed(by))
        .unwrap_or(Time::MIN_UTC)
}

/// The width of the next part to be read of a window, adapted to how full the parts before it were.
#[derive(Clone, Debug)]
pub struct Width {
    /// What would be full.
    full: Duration,
    /// The widths, in seconds, and the fullness of the parts read so far, the last ones weighing most. None: nothing was
    /// read, the width is a guess.
    read: Option<(f64, f64)>,
}

/// A part aims at being this full, so that a denser stretch seldom overflows it,
const AIM: f64 = 0.7;
/// but this where what overflows is not lost.
const HIGH_AIM: f64 = 0.85;
/// A part is at most this many times as wide as the one before, or as narrow,
const LEAP: f64 = 8.0;
/// but after one that was fuller than this
const QUIET: f64 = 0.02;
/// only so many times as wide: too wide costs more than too narrow.
const STEP: f64 = 2.0;
/// What was read before counts for so much less after each further part: nights and days even out.
const MEMORY: f64 = 0.85;
/// No part is wider, in seconds: a thousand years.
const WIDEST: f64 = 31_557_600_000.0;

impl Width {
    /// Nothing is known yet: as wide as the whole window.
    #[must_use]
    pub fn of(window: Window) -> Self {
        Self {
            full: window.width(),
            read: None,
        }
    }

    /// What fits where a part of that width was so full.
    #[must_use]
    pub fn like(width: Duration, fullness: f64) -> Self {
        let seconds = width.as_secs_f64();
        Self {
            full: Duration::from_secs_f64((seconds / fullness.max(f64::MIN_POSITIVE)).min(WIDEST)),
            read: Some((seconds, fullness)),
        }
    }

    /// How wide the next part should be.
    #[must_use]
    pub fn next(&self) -> Duration {
        self.aiming(AIM)
    }

    /// How wide the next part should be where what overflows is kept, and how many such parts `rest` has. The width of
    /// `rest` where nothing is known.
    #[must_use]
    pub fn next_of(&self, rest: Window) -> (Duration, f64) {
        if self.read.is_none() {
            return (rest.width(), f64::INFINITY);
        }
        let fit = self.aiming(HIGH_AIM);
        (fit, rest.width().as_secs_f64() / fit.as_secs_f64())
    }

    fn aiming(&self, aim: f64) -> Duration {
        match self.read {
            Some(_) => self.full.mul_f64(aim).max(INSTANT),
            None => self.full.max(INSTANT),
        }
    }

    /// A part of that width was read and was so full; 1: nothing more would have fitted.
    pub fn read(&mut self, width: Duration, fullness: f64) {
        if width.is_zero() {
            return;
        }
        let growth = if fullness < QUIET { LEAP } else { STEP };
        let before = self.full.as_secs_f64();
        let (seconds, sum) = self.read.unwrap_or_default();
        let (seconds, sum) = (seconds * MEMORY + width.as_secs_f64(), sum * MEMORY + fullness);
        let full = (seconds / sum.max(f64::MIN_POSITIVE)).clamp(before / LEAP, before * growth);
        self.full = Duration::from_secs_f64(full.min(WIDEST));
        self.read = Some((seconds, sum));
    }

    /// A part was too big: the next, as [`Width::next_of`] has it, is this wide at most. If it were any wider, what was too
    /// big could be asked for again, for ever.
    pub fn shrink(&mut self, width: Duration) {
        *self = Self::like(width, HIGH_AIM);
    }

    /// Whether anything was read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.read.is_some()
    }
}

/// A narrower width for a slice that is too big: the part of it that was read spans `seen` and is so full.
#[must_use]
pub fn narrower(whole: Duration, seen: Duration, fullness: f64) -> Duration {
    let fit = seen.as_secs_f64() * AIM / fullness.max(f64::MIN_POSITIVE);
    Duration::from_secs_f64(fit.min(whole.as_secs_f64() / 2.0)).max(INSTANT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_whole_milliseconds_and_half_open() {
        let window = Window::new(at("2026-01-01T00:00:00.0019Z"), at("2026-01-01T00:00:00.0031Z"));
        assert!(window.contains(at("2026-01-01T00:00:00.001Z")));
        assert!(window.contains(at("2026-01-01T00:00:00.0029999Z")));
        assert!(!window.contains(at("2026-01-01T00:00:00.003Z")));
        let (older, newer) = window.split(Duration::ZERO);
        assert_eq!((older.to, older.width()), (newer.from, Duration::from_millis(1)));
        assert!(Window::new(at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z")).is_empty());
    }

    #[test]
    fn widths_follow_density_and_always_shrink_when_too_big() {
        let day = Duration::from_secs(86_400);
        let mut width = Width::of(Window::new(
            at("2026-01-01T00:00:00Z"),
            at("2026-01-02T00:00:00Z"),
        ));
        width.read(day, 2.0);
        assert!(width.next() > day / 4 && width.next() < day / 2);
        let before = width.next();
        width.read(day, 0.0);
        assert!(
            width.next() > before && width.next() <= before * 8,
            "a quiet day is one of several"
        );
        width.shrink(day);
        let rest = Window::new(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        assert_eq!(width.next_of(rest).0, day);
        let mut whole = day;
        for _ in 0..40 {
            let next = narrower(whole, whole, 1e9);
            assert!(next < whole || whole == INSTANT);
            whole = next;
        }
        assert_eq!(whole, INSTANT);
    }
}
