//! How many requests a connection may have under way, how soon the next may start, and whose that is: one [`Limiter`] for
//! each connection, shared by all of its targets.
//!
//! Must not send, retry or judge a request: whoever holds a [`Permit`] says how it went. Starts no task.

mod curve;
mod lanes;
mod pace;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use self::{
    lanes::Lanes,
    pace::{Pace, Start},
};

/// Requests under way at once before it is known what the server takes.
const FIRST: usize = 4;

/// Admits requests: evenly paced once the server has refused one, and fairly between targets. Cheap to clone; all clones
/// share one limit.
///
/// Four requests may be under way at first, twice as many after each round trip, up to the configured most. Once the
/// server asks for fewer, the rate that it allows is learned, and requests start a little less often than that; see
/// `pace.rs`. Waiting requests queue by target: a lane with fewer under way goes first where these are scarce, otherwise
/// one whose last start is longer ago.
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Never held over an await.
    state: Mutex<State>,
    /// The most requests under way.
    most: usize,
}

#[derive(Debug)]
struct State {
    /// Requests under way at once.
    limit: usize,
    in_flight: usize,
    /// Whether the limit was reached since nothing was under way.
    was_full: bool,
    pace: Pace,
    lanes: Lanes,
}

/// Leave to have one request under way. Dropping it ends the request without telling how it went.
#[derive(Debug)]
#[must_use = "the request ends when its permit is dropped"]
pub struct Permit {
    shared: Arc<Shared>,
    lane: Arc<str>,
    start: Start,
}

/// A place in line. Dropping it gives it up.
struct Place<'a> {
    shared: &'a Arc<Shared>,
    lane: &'a Arc<str>,
    ticket: u64,
    /// Told when this place may have become the next, or what it waits for may have changed.
    wake: Arc<Notify>,
}

impl Limiter {
    /// Lets at most `max_concurrent` requests (at least 1) be under way at once, and at most `max_per_second`
    /// start in a second, evenly spaced. Zero: no limit of ours. A `Retry-After` holds all requests up for
    /// `longest_hold` at most.
    #[must_use]
    pub fn new(max_concurrent: usize, max_per_second: f64, longest_hold: Duration) -> Self {
        let most = max_concurrent.max(1);
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                limit: most.min(FIRST),
                in_flight: 0,
                was_full: false,
                pace: Pace::new(max_per_second, longest_hold, Instant::now()),
                lanes: Lanes::default(),
            }),
            most,
        }))
    }

    /// Waits for leave to start a request of that lane. Dropping the future gives up the place in line and nothing
    /// else.
    pub async fn acquire(&self, lane: &Arc<str>) -> Permit {
        let place = Place::take(&self.0, lane);
        loop {
            match place.start() {
                Ok(permit) => return permit,
                Err(Some(time)) => drop(timeout_at(time, place.wake.notified()).await),
                Err(None) => place.wake.notified().await,
            }
        }
    }

    /// How many requests may be under way at once now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.state().limit()
    }

    /// How many requests are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.state().in_flight
    }

    /// The least time between two starts now: as learned from the server, or as configured. Zero: they need not wait.
    #[must_use]
    pub fn spacing(&self) -> Duration {
        self.0.state().pace.spacing()
    }

    /// How many requests may start in a second now, as learned from the server. None: it never asked for fewer.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        self.0.state().pace.rate()
    }
}

impl Permit {
    /// The server took the request.
    pub fn succeeded(self) {
        let mut state = self.shared.state();
        // A limit that is not reached proves nothing about the next one.
        if state.was_full && state.pace.is_unlimited() {
            state.limit = (state.limit + 1).min(self.shared.most);
        }
        state.pace.admitted(self.start);
        drop(state);
    }

    /// The server asked us to slow down (429, or 503 with `Retry-After`): nothing on this connection starts before
    /// `wait` is over, and less often then. The rate in requests per second, once it is more than a guess.
    pub fn throttled(self, wait: Option<Duration>) -> Option<f64> {
        let mut state = self.shared.state();
        state.pace.refused(self.start, Instant::now(), wait);
        // From here on it is the pace that limits.
        state.limit = self.shared.most;
        let learned = state.pace.rate().filter(|_| state.pace.is_measured());
        drop(state);
        learned
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.in_flight -= 1;
        state.was_full &= state.in_flight > 0;
        state.lanes.end(&self.lane);
        state.wake_next();
    }
}

impl<'a> Place<'a> {
    fn take(shared: &'a Arc<Shared>, lane: &'a Arc<str>) -> Self {
        let wake = Arc::new(Notify::new());
        let ticket = shared
            .state()
            .lanes
            .enter(lane, Arc::clone(&wake), Instant::now());
        Self {
            shared,
            lane,
            ticket,
            wake,
        }
    }

    /// Starts a request if that may be now. Otherwise until when to wait, unless woken before; None: until woken.
    fn start(&self) -> Result<Permit, Option<Instant>> {
        let mut state = self.shared.state();
        let next = state.lanes.next(state.is_scarce()).map(|(ticket, _)| ticket);
        if next != Some(self.ticket) || state.in_flight >= state.limit() {
            return Err(None);
        }
        let now = Instant::now();
        let not_before = state.pace.not_before();
        if not_before > now {
            return Err(Some(not_before));
        }
        let wanted = state.lanes.since().unwrap_or(now);
        let start = state.pace.start(now, wanted);
        state.lanes.start(self.lane, self.ticket);
        state.in_flight += 1;
        state.was_full |= state.in_flight >= state.limit;
        drop(state);
        Ok(Permit {
            shared: Arc::clone(self.shared),
            lane: Arc::clone(self.lane),
            start,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.lanes.leave(self.lane, self.ticket);
        // It may have been this one that would have gone on for the others; or it has, and there is room for one more.
        state.wake_next();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn limit(&self) -> usize {
        if self.pace.is_probing() { 1 } else { self.limit }
    }

    /// Whether slots are, rather than starts: at least half are taken.
    fn is_scarce(&self) -> bool {
        self.in_flight.saturating_mul(2) >= self.limit()
    }

    fn wake_next(&self) {
        if let Some((_, wake)) = self.lanes.next(self.is_scarce()) {
            wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
