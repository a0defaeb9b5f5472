//! How often a server lets us ask: learned from what it refuses; pure, the time is handed in.
//!
//! Before the first refusal there is no pace. What was admitted from one refusal to the next, over the time between, is the
//! server's rate, whatever it counts by: a bucket of tokens is as empty at both ends, a window as full. Requests then start
//! evenly, a little below that rate, and the pace rises over [`Curve`] until the server refuses again. How long that may
//! take grows with what is known, so that refusals become rare.
//!
//! After a refusal nothing starts until the server's `Retry-After` is over; without one, after waits that double. That time
//! counts as part of what was measured: a server that answers nobody until its minute is over is asked less by so much.

use std::time::Duration;

use tokio::time::Instant;

use super::curve::{Curve, SHORTEST};

/// Starts may come that much too late without a loss: timers are coarse.
const LATE: Duration = Duration::from_millis(10);
/// `Retry-After` is mostly whole seconds, rounded up.
const ROUNDING: Duration = Duration::from_secs(1);
/// From here on a wait tells of a window, not of rounding.
const LONG: Duration = Duration::from_millis(1500);
/// A longer time without an answer is an outage, or somebody else's doing: it tells nothing of a rate.
const LONGEST_COUNTED: Duration = Duration::from_secs(120);
/// The longest wait of our own.
const LONGEST_WAIT: f64 = 10.0;
/// A pause from which on time does not count as use of the server.
const PAUSE: Duration = Duration::from_secs(10);
/// Fewer requests than these tell too little of a rate to
const ENOUGH: u32 = 20;
/// go below this share of the last one at once.
const GENTLE: f64 = 0.7;
/// The pace before there is one, in requests per second: for waits of our own.
const UNKNOWN: f64 = 10.0;
/// The longest wait, whatever we are told.
const DAY: Duration = Duration::from_secs(86_400);

/// When the next request may start, and what was learned of that.
#[derive(Debug)]
pub(super) struct Pace {
    /// The least time between two starts, by configuration.
    own: Duration,
    /// The longest that all requests wait for one `Retry-After`.
    longest_hold: Duration,
    /// The end of that wait.
    held_until: Instant,
    /// No request starts before.
    not_before: Instant,
    /// What was learned. None: nothing was ever refused.
    curve: Option<Curve>,
    /// The server refuses: from the first refusal until it admits a request that started after the last one.
    closed: Option<Closed>,
    /// Counts refusals, without those of requests that started before the last one.
    refused: u64,
    /// Since when requests are counted: the first start, or the end of the last refusal's wait.
    from: Option<Instant>,
    /// Pauses since then.
    idle: Duration,
    /// Admitted since then.
    admitted: u32,
    /// Replies that refused, since the server closed last.
    replies: u32,
}

/// A time in which the server refuses.
#[derive(Debug)]
struct Closed {
    since: Instant,
    /// When it admits again, as far as we know.
    until: Instant,
    /// The pace at which it refused, and what that began with.
    before: Option<(f64, f64)>,
    /// How far before `until` it may have admitted again, unseen.
    slack: Duration,
    refusals: u32,
}

/// A request that started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    at: Instant,
    refused: u64,
}

impl Pace {
    /// `max_per_second` is a ceiling of ours; zero: none.
    pub(super) fn new(max_per_second: f64, longest_hold: Duration, now: Instant) -> Self {
        let own = if max_per_second > 0.0 {
            seconds(max_per_second.recip())
        } else {
            Duration::ZERO
        };
        Self {
            own,
            longest_hold: longest_hold.min(DAY),
            held_until: now,
            not_before: now,
            curve: None,
            closed: None,
            refused: 0,
            from: None,
            idle: Duration::ZERO,
            admitted: 0,
            replies: 0,
        }
    }

    /// No request may start before.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// Whether nobody knows when the server admits again, since it has refused anew, or since we do not wait for as long as
    /// it asked for: only one request at a time then finds out.
    pub(super) fn is_probing(&self) -> bool {
        let closed = self.closed.as_ref();
        closed.is_some_and(|closed| closed.refusals > 1 || closed.until > self.held_until)
    }

    /// Whether nothing was ever refused.
    pub(super) fn is_unlimited(&self) -> bool {
        self.curve.is_none()
    }

    /// Requests per second now. None: nothing was ever refused.
    pub(super) fn rate(&self) -> Option<f64> {
        self.curve.as_ref().map(Curve::rate)
    }

    /// The least time between two starts now, learned or by configuration.
    pub(super) fn spacing(&self) -> Duration {
        let learned = self.rate().map(|rate| seconds(rate.recip()));
        learned.unwrap_or_default().max(self.own)
    }

    /// Whether the rate is a measurement between two refusals, not a first guess.
    pub(super) fn is_measured(&self) -> bool {
        self.closed.as_ref().is_some_and(|closed| closed.before.is_some())
    }

    /// A request starts. `wanted`: since when somebody has been waiting to.
    pub(super) fn start(&mut self, now: Instant, wanted: Instant) -> Start {
        self.from.get_or_insert(now);
        let pause = wanted.saturating_duration_since(self.not_before);
        let mut interval = self.own;
        let is_probing = self.is_probing();
        if let Some(curve) = self.curve.as_mut().filter(|_| !is_probing) {
            let learned = seconds(curve.rate().recip());
            let late = now.saturating_duration_since(self.not_before);
            if pause.is_zero() && late < learned.max(LATE) {
                if learned >= self.own {
                    curve.used(learned);
                }
            } else {
                curve.unused(late);
            }
            interval = interval.max(learned);
        }
        if pause > PAUSE.max(interval * 4) {
            if self.curve.is_none() {
                // What a server took before a pause tells nothing of what it takes now.
                self.from = Some(now);
                self.admitted = 0;
            } else {
                self.idle += pause;
            }
        }
        self.not_before = self.not_before.max(now.checked_sub(LATE).unwrap_or(now)) + interval;
        Start {
            at: now,
            refused: self.refused,
        }
    }

    /// The server took a request.
    pub(super) fn admitted(&mut self, start: Start) {
        if let Some(closed) = &mut self.closed
            && start.refused == self.refused
        {
            if start.at < closed.until {
                closed.until = start.at;
                self.learn();
            }
            self.from = self.closed.take().map(|closed| closed.until);
            if let Some(curve) = &self.curve {
                self.not_before = self.not_before.max(start.at + seconds(curve.rate().recip()));
            }
            self.idle = Duration::ZERO;
            self.admitted = 0;
        }
        self.admitted = self.admitted.saturating_add(1);
        // One that was under way when the server closed.
        self.learn();
    }

    /// The server refused a request, and `asked` to wait so long.
    pub(super) fn refused(&mut self, start: Start, now: Instant, asked: Option<Duration>) {
        let asked = asked.filter(|asked| !asked.is_zero()).map(|asked| asked.min(DAY));
        self.replies = self.replies.saturating_add(1);
        let is_first = start.refused == self.refused;
        if !is_first {
            // Many refusals together count as one, and the longest wait holds.
            if let Some(asked) = asked {
                self.hold(now, asked);
            }
            return;
        }
        self.refused += 1;
        let curve = self.curve.as_mut();
        let closed = self.closed.get_or_insert_with(|| {
            let before = curve.map(|curve| {
                let before = (curve.rate(), curve.base());
                curve.refused(self.replies);
                before
            });
            self.replies = 1;
            Closed {
                since: now,
                until: now,
                before,
                slack: Duration::ZERO,
                refusals: 0,
            }
        });
        closed.refusals += 1;
        let pace = closed.before.map_or(UNKNOWN, |(rate, _)| rate);
        let doubled = 2_f64.powi(i32::try_from(closed.refusals - 1).unwrap_or(i32::MAX));
        let own = seconds((doubled / pace).min(LONGEST_WAIT));
        let hold = match asked {
            Some(asked) if closed.refusals > 1 => asked.max(own),
            Some(asked) => asked,
            None if closed.refusals > 1 => own,
            None => own.min(ROUNDING),
        };
        closed.slack = asked.map_or(hold, |_| ROUNDING);
        self.not_before = now;
        self.hold(now, hold);
    }

    /// Nothing starts before the wait is over.
    fn hold(&mut self, now: Instant, wait: Duration) {
        self.held_until = self.held_until.max(now + wait.min(self.longest_hold));
        self.not_before = self.not_before.max(self.held_until);
        if let Some(closed) = &mut self.closed {
            closed.until = closed.until.max(now + wait);
        }
        self.learn();
    }

    /// Makes a pace of what was measured up to the end of the present refusal's wait.
    fn learn(&mut self) {
        let (Some(closed), Some(from)) = (&self.closed, self.from) else {
            return;
        };
        let mut shut = closed.until.saturating_duration_since(closed.since);
        let mut outside = self.idle;
        if shut > LONGEST_COUNTED {
            outside += shut;
            shut = Duration::ZERO;
        }
        let span = closed.until.saturating_duration_since(from);
        let span = span.saturating_sub(outside).as_secs_f64().max(0.001);
        let slack = closed.slack.min(shut).as_secs_f64();
        let admitted = f64::from(self.admitted).max(0.5);
        let mut measured = admitted / span;
        // The most that it can be: if the server admitted again before we asked.
        let most = admitted / (span - slack).max(0.001);
        let is_window = shut >= LONG;
        let curve = match closed.before {
            None if is_window => Curve::between(measured, most.min(measured * 2.0), SHORTEST),
            None => Curve::guess(measured),
            Some((rate, base)) => {
                if self.admitted < ENOUGH {
                    measured = measured.max(base * GENTLE);
                }
                let over = self.curve.as_ref().map_or(SHORTEST, Curve::over);
                Curve::between(measured, if is_window { rate.min(most) } else { rate }, over)
            }
        };
        self.curve = Some(curve);
    }
}

/// At most a day.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(DAY, |wait| wait.min(DAY))
}
