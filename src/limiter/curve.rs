//! A pace that rises while a server takes it: quickly from where it is known to be taken, slowly near where the server last
//! refused, quickly again once that is well past; pure.

use std::time::Duration;

/// The shortest time from the base to the top, in seconds.
pub(super) const SHORTEST: f64 = 5.0;
/// No refusal makes it shorter than this: the pace would be past the top again before a window of the server's is over, and
/// two refusals in a row would come of each.
const SHORT: f64 = 20.0;
/// The longest, where refusals are cheap,
const LONG: f64 = 60.0;
/// and where one request in a hundred would be refused otherwise.
const LONGEST: f64 = 300.0;
/// The base lies that much below what was measured.
const BELOW: f64 = 0.01;
/// The top lies so much of the way from what was measured to what was refused.
const TOWARDS: f64 = 0.75;
/// So many seconds without use count for as much as the time from base to top: what was learned holds for a quarter of an
/// hour, and is forgotten within one.
const IDLE: f64 = 600.0;
/// Where that often has passed and nothing was refused, the server allows more than it did: from there on the pace
const PAST: f64 = 2.0;
/// doubles so often in that time.
const DOUBLINGS: f64 = 2.0;
/// The most requests per second that a pace rises to.
const MOST: f64 = 100_000.0;
/// The fewest: one in ten seconds. A server that allows less is refused by now and then.
const FEWEST: f64 = 0.1;

/// A pace over the time in which it is used.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Requests per second at the beginning,
    base: f64,
    /// and after `over` seconds, where it is flat.
    top: f64,
    over: f64,
    /// Where it is now, in seconds.
    at: f64,
    /// A first guess, which may be far too low: doubles instead.
    is_guess: bool,
}

impl Curve {
    /// From a first guess.
    pub(super) fn guess(rate: f64) -> Self {
        Self {
            is_guess: true,
            ..Self::between(rate, rate, SHORTEST)
        }
    }

    /// From a little below what was `measured`, most of the way to what was `refused`, in `over` seconds.
    pub(super) fn between(measured: f64, refused: f64, over: f64) -> Self {
        let measured = measured.clamp(FEWEST, MOST);
        Self {
            base: measured * (1.0 - BELOW),
            top: measured + TOWARDS * (refused.clamp(measured, MOST) - measured),
            over,
            at: 0.0,
            is_guess: false,
        }
    }

    /// Requests per second.
    pub(super) fn rate(&self) -> f64 {
        let rate = if self.is_guess {
            // In a second, or in four requests where those take longer.
            self.base * (self.at / (4.0 / self.base).max(1.0)).exp2()
        } else {
            let at = self.at / self.over;
            let rise = (at.min(PAST) - 1.0).powi(3);
            (self.top + (self.top - self.base) * rise) * ((at - PAST).max(0.0) * DOUBLINGS).exp2()
        };
        rate.clamp(FEWEST, MOST)
    }

    /// Requests per second at the beginning.
    pub(super) fn base(&self) -> f64 {
        self.base
    }

    /// Seconds from base to top.
    pub(super) fn over(&self) -> f64 {
        self.over
    }

    /// The pace was used for so long.
    pub(super) fn used(&mut self, time: Duration) {
        self.at += time.as_secs_f64();
    }

    /// It was not: what the server allows may have changed meanwhile.
    pub(super) fn unused(&mut self, time: Duration) {
        self.at += time.as_secs_f64() * self.over / IDLE;
    }

    /// The server refused, with so many replies: takes longer to rise next time, so that they stay one in a hundred; but
    /// less long if that came much too soon.
    pub(super) fn refused(&mut self, replies: u32) {
        let rare = (50.0 * f64::from(replies) / self.rate()).clamp(LONG, LONGEST);
        self.over = if self.is_guess {
            (20.0 / self.rate()).clamp(SHORTEST, rare)
        } else if self.at < self.over / 4.0 {
            (self.over / 2.0).max(SHORT.min(self.over))
        } else {
            (self.over * 2.0).min(rare)
        };
    }
}
