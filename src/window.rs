//! Half-open windows of event time and how wide a slice of one should be; pure.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Time, spelled},
    event::floor,
};

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
        let cut = later(self.from, width.max(Duration::from_millis(1))).min(self.to);
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

/// The width of the next slice, adapted to how dense events have been.
#[derive(Clone, Debug)]
pub struct Width {
    now: Duration,
    max_events: usize,
}

/// A slice aims at this share of `max_events`, so that a denser stretch seldom overflows it.
const AIM: f64 = 0.7;
/// A slice is at most this many times as wide as the one before.
const GROWTH: f64 = 8.0;

impl Width {
    /// Nothing is known yet: as wide as the whole window.
    #[must_use]
    pub fn unknown(window: Window, max_events: usize) -> Self {
        Self {
            now: window.width(),
            max_events,
        }
    }

    /// How wide the next slice should be.
    #[must_use]
    pub fn next(&self) -> Duration {
        self.now.max(Duration::from_millis(1))
    }

    /// A slice of that width held that many events.
    pub fn read(&mut self, width: Duration, events: usize) {
        if width.is_zero() {
            return;
        }
        let aim = aim(self.max_events) / number(events).max(0.1);
        self.now = width.mul_f64(aim.clamp(1.0 / GROWTH, GROWTH));
    }

    /// A slice had to be read again with this width.
    pub fn shrink(&mut self, width: Duration) {
        self.now = width;
    }
}

/// A narrower width for a slice that was too big: what was read of it spans `seen` and held `events`.
#[must_use]
pub fn narrower(whole: Duration, seen: Duration, events: usize, max_events: usize) -> Duration {
    let fit = seen.mul_f64((aim(max_events) / number(events).max(1.0)).min(1.0));
    fit.min(whole / 2).max(Duration::from_millis(1))
}

/// A count as a factor: exact enough, and never infinite.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn aim(max_events: usize) -> f64 {
    number(max_events) * AIM
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
        let mut width = Width {
            now: day,
            max_events: 1000,
        };
        width.read(day, 7000);
        assert!(width.next() < day / 7);
        width.read(day, 0);
        assert_eq!(width.next(), day * 8);
        let mut whole = day;
        for _ in 0..40 {
            let next = narrower(whole, whole, usize::MAX, 10);
            assert!(next < whole || whole == Duration::from_millis(1));
            whole = next;
        }
        assert_eq!(whole, Duration::from_millis(1));
    }
}
