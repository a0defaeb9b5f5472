//! How many requests a connection may have under way, and how soon the next may start: one [`Limiter`] for each
//! connection, shared by all of its targets.
//!
//! Must not send, retry or judge a request: whoever holds a [`Permit`] says how it went. Starts no task.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turn, Notify},
    time::{Instant, sleep_until},
};

/// Limits are kept in thousandths of a request, so that they can grow by less than one.
const ONE: u64 = 1000;
/// A success adds a tenth of a request to the limit,
const STEP: u64 = ONE / 10;
/// but near the limit at which the server last refused a fiftieth.
const SMALL_STEP: u64 = ONE / 50;
/// The longest wait, whatever we are told.
const DAY: Duration = Duration::from_secs(86_400);

/// Admits requests in the order in which they ask. Cheap to clone; all clones share one limit.
///
/// The concurrency adapts between 1 and the configured most: being throttled takes 30% off, once for all requests
/// that were under way together; about ten successes at the limit add one, about fifty near the limit at which
/// the server last refused.
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Held by whoever is first in line while it waits; tokio's mutex is fair. Nobody else waits for `changed`.
    turn: Turn<()>,
    /// A request ended.
    changed: Notify,
    /// Never held over an await.
    state: Mutex<State>,
    /// The largest limit.
    most: u64,
    /// The least time between the starts of two requests.
    interval: Duration,
}

#[derive(Debug)]
struct State {
    /// Requests under way at once, in thousandths.
    limit: u64,
    in_flight: usize,
    /// The limit at which the server last refused. None: not known, or it has moved since.
    refused_at: Option<u64>,
    /// Counts decreases: a request that started before the last one tells nothing new by being throttled.
    decreases: u64,
    /// No request starts before: the pace, or a `Retry-After`.
    not_before: Instant,
}

/// What keeps the first in line waiting.
enum Wait {
    ForAnEnd,
    Until(Instant),
}

/// Leave to have one request under way. Dropping it ends the request without telling how it went.
#[derive(Debug)]
#[must_use = "the request ends when its permit is dropped"]
pub struct Permit {
    shared: Arc<Shared>,
    decreases: u64,
}

impl Limiter {
    /// Lets at most `max_concurrent` requests (at least 1) be under way at once, and at most `max_per_second`
    /// start in a second, evenly spaced. Zero: no limit of ours.
    #[must_use]
    pub fn new(max_concurrent: usize, max_per_second: f64) -> Self {
        let most = u64::try_from(max_concurrent.max(1))
            .unwrap_or(u64::MAX)
            .saturating_mul(ONE);
        let interval = if max_per_second > 0.0 {
            Duration::try_from_secs_f64(max_per_second.recip()).map_or(DAY, |interval| interval.min(DAY))
        } else {
            Duration::ZERO
        };
        Self(Arc::new(Shared {
            turn: Turn::new(()),
            changed: Notify::new(),
            state: Mutex::new(State {
                limit: most,
                in_flight: 0,
                refused_at: None,
                decreases: 0,
                not_before: Instant::now(),
            }),
            most,
            interval,
        }))
    }

    /// Waits for leave to start a request: first come, first served. Dropping the future gives up the place in
    /// line and nothing else.
    pub async fn acquire(&self) -> Permit {
        let _turn = self.0.turn.lock().await;
        loop {
            let wait = match self.0.start() {
                Ok(decreases) => {
                    return Permit {
                        shared: Arc::clone(&self.0),
                        decreases,
                    };
                }
                Err(wait) => wait,
            };
            match wait {
                Wait::ForAnEnd => self.0.changed.notified().await,
                Wait::Until(time) => sleep_until(time).await,
            }
        }
    }

    /// How many requests may be under way at once now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.state().whole_limit()
    }

    /// How many requests are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.state().in_flight
    }
}

impl Permit {
    /// The server took the request: at the limit, the limit grows a little.
    pub fn succeeded(self) {
        let mut state = self.shared.state();
        // A limit that is not reached proves nothing about the next one.
        if state.in_flight >= state.whole_limit() {
            state.grow(self.shared.most);
        }
        drop(state);
    }

    /// The server asked us to slow down (429, or 503 with `Retry-After`): the limit shrinks, and nothing on this
    /// connection starts before `wait` (a day at most) is over.
    pub fn throttled(self, wait: Option<Duration>) {
        let mut state = self.shared.state();
        if self.decreases == state.decreases {
            state.shrink();
        }
        if let Some(wait) = wait {
            state.not_before = state.not_before.max(Instant::now() + wait.min(DAY));
        }
        drop(state);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.state().in_flight -= 1;
        // Kept for whoever comes first in line if nobody waits now.
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a request if that may be now: the number of decreases so far. Otherwise what to wait for.
    fn start(&self) -> Result<u64, Wait> {
        let mut state = self.state();
        let now = Instant::now();
        if state.in_flight >= state.whole_limit() {
            return Err(Wait::ForAnEnd);
        }
        if state.not_before > now {
            return Err(Wait::Until(state.not_before));
        }
        state.in_flight += 1;
        state.not_before = now + self.interval;
        Ok(state.decreases)
    }
}

impl State {
    fn whole_limit(&self) -> usize {
        usize::try_from(self.limit / ONE).unwrap_or(usize::MAX)
    }

    fn shrink(&mut self) {
        self.refused_at = Some(self.limit);
        self.limit = (self.limit / 10).saturating_mul(7).max(ONE);
        self.decreases += 1;
    }

    fn grow(&mut self, most: u64) {
        let step = match self.refused_at {
            // Well past it: the server has become more generous.
            Some(refused) if self.limit > refused.saturating_add(ONE) => {
                self.refused_at = None;
                STEP
            }
            Some(refused) if self.limit.saturating_add(ONE) >= refused => SMALL_STEP,
            _ => STEP,
        };
        self.limit = self.limit.saturating_add(step).min(most);
    }
}

#[cfg(test)]
mod tests;
