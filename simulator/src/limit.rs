//! What a server counts requests by, and what it says to those it refuses. None of it is documented: all hypotheses. [?]

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::fault::RetryAfter;

/// How many requests are answered; the others get 429.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateLimit {
    /// A bucket that fills by so many permits a second, and holds so many.
    Bucket(f64, u32),
    /// So many in each window of that length.
    Window(u32, Duration),
    /// So many within that time before any request.
    Sliding(u32, Duration),
    /// So many at once.
    AtOnce(u32),
}

/// What the `Retry-After` of a 429 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComeBack {
    /// Whole seconds, one at least, never too few.
    Seconds,
    /// The time to the millisecond, as a fraction of seconds.
    Fraction,
    /// Nothing: there is no such header.
    Untold,
}

/// A limit with what it has counted.
#[derive(Debug)]
pub(crate) struct Limit {
    by: RateLimit,
    come_back: ComeBack,
    began: Instant,
    /// Of a bucket.
    left: f64,
    filled: Instant,
    /// Of a window.
    window: u128,
    counted: u32,
    /// Of a sliding window.
    seen: VecDeque<Instant>,
    at_once: u32,
}

impl Limit {
    pub(crate) fn new(by: RateLimit, come_back: ComeBack) -> Self {
        let now = Instant::now();
        Self {
            by,
            come_back,
            began: now,
            left: match by {
                RateLimit::Bucket(_, burst) => f64::from(burst),
                _ => 0.0,
            },
            filled: now,
            window: 0,
            counted: 0,
            seen: VecDeque::new(),
            at_once: 0,
        }
    }

    /// Takes a permit, or says when to come back.
    pub(crate) fn take(&mut self) -> Result<(), RetryAfter> {
        let now = Instant::now();
        let wait = match self.by {
            RateLimit::Bucket(per_second, burst) => self.pour(now, per_second, burst),
            RateLimit::Window(most, length) => self.count(now, most, length),
            RateLimit::Sliding(most, length) => self.slide(now, most, length),
            RateLimit::AtOnce(most) if self.at_once < most => {
                self.at_once += 1;
                None
            }
            RateLimit::AtOnce(_) => Some(Duration::from_millis(1)),
        };
        let Some(wait) = wait else {
            return Ok(());
        };
        Err(match self.come_back {
            ComeBack::Seconds => RetryAfter::Seconds(wait.as_secs() + 1),
            ComeBack::Fraction => RetryAfter::Raw(format!("{:.3}", wait.as_secs_f64() + 0.001)),
            ComeBack::Untold => RetryAfter::Absent,
        })
    }

    /// A request that was answered is over.
    pub(crate) fn give_back(&mut self) {
        self.at_once = self.at_once.saturating_sub(1);
    }

    fn pour(&mut self, now: Instant, per_second: f64, burst: u32) -> Option<Duration> {
        let grown = now.duration_since(self.filled).as_secs_f64() * per_second;
        self.left = (self.left + grown).min(f64::from(burst));
        self.filled = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return None;
        }
        let wait = Duration::try_from_secs_f64((1.0 - self.left) / per_second.max(1e-6));
        Some(wait.unwrap_or(Duration::from_secs(3600)))
    }

    fn count(&mut self, now: Instant, most: u32, length: Duration) -> Option<Duration> {
        let (since, length) = (
            now.duration_since(self.began).as_millis(),
            length.as_millis().max(1),
        );
        if since / length > self.window {
            (self.window, self.counted) = (since / length, 0);
        }
        if self.counted < most {
            self.counted += 1;
            return None;
        }
        let left = (self.window + 1) * length - since;
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX)))
    }

    fn slide(&mut self, now: Instant, most: u32, length: Duration) -> Option<Duration> {
        while self
            .seen
            .front()
            .is_some_and(|seen| now.duration_since(*seen) >= length)
        {
            self.seen.pop_front();
        }
        if self.seen.len() < usize::try_from(most).unwrap_or(usize::MAX) {
            self.seen.push_back(now);
            return None;
        }
        self.seen
            .front()
            .map(|seen| length.saturating_sub(now.duration_since(*seen)))
    }
}
