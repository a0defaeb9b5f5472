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
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use futures::{FutureExt, future::join_all, poll};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A permit that is free right now. Not hundreds of times in one async test: tokio makes a task yield then.
    fn now(limiter: &Limiter) -> Permit {
        limiter.acquire().now_or_never().expect("a permit is free")
    }

    fn refused(limiter: &Limiter) -> bool {
        limiter.acquire().now_or_never().is_none()
    }

    async fn is_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        matches!(poll!(future), Poll::Pending)
    }

    /// Fills the limit and lets all succeed, until `successes` are reported.
    fn succeed(limiter: &Limiter, mut successes: usize) {
        while successes > 0 {
            // Only a full house counts: the rest of a round goes out without a word.
            let mut permits: Vec<_> = (0..limiter.limit()).map(|_| now(limiter)).collect();
            permits.pop().unwrap().succeeded();
            successes -= 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_are_under_way_than_allowed() {
        let limiter = Limiter::new(3, 0.0);
        let permits: Vec<_> = (0..3).map(|_| now(&limiter)).collect();
        assert!(refused(&limiter));
        assert_eq!((limiter.limit(), limiter.in_flight()), (3, 3));
        drop(permits);
        assert_eq!(limiter.in_flight(), 0);
        let _one = now(&limiter);
        assert_eq!(now(&Limiter::new(0, 0.0)).shared.most, ONE);
    }

    #[tokio::test(start_paused = true)]
    async fn first_come_first_served() {
        let limiter = Limiter::new(1, 0.0);
        let first = now(&limiter);
        let order = Mutex::new(Vec::new());
        let waiting = (0..5).map(|number| {
            let (limiter, order) = (&limiter, &order);
            async move {
                let permit = limiter.acquire().await;
                order.lock().unwrap().push(number);
                tokio::time::sleep(SECOND).await;
                drop(permit);
            }
        });
        let start = Instant::now();
        tokio::join!(join_all(waiting), async { drop(first) });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(start.elapsed(), SECOND * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_takes_nothing_along() {
        let limiter = Limiter::new(1, 1.0);
        let held = now(&limiter);
        {
            let mut first = pin!(limiter.acquire());
            let mut second = pin!(limiter.acquire());
            assert!(is_pending(&mut first).await && is_pending(&mut second).await);
            // Woken by the end of a request, waiting for the pace now; then gone.
            drop(held);
            assert!(is_pending(&mut first).await);
        }
        assert_eq!(limiter.in_flight(), 0);
        let start = Instant::now();
        drop(limiter.acquire().await);
        assert_eq!(start.elapsed(), SECOND);
        // The wake-up itself is not lost either: notified, never polled again.
        let held = limiter.acquire().await;
        let mut third = Box::pin(limiter.acquire());
        let mut fourth = pin!(limiter.acquire());
        assert!(is_pending(&mut third).await && is_pending(&mut fourth).await);
        drop(held);
        drop(third);
        drop(tokio::time::timeout(SECOND * 2, fourth).await.unwrap());
        assert_eq!(limiter.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_start_evenly_spaced() {
        let limiter = Limiter::new(8, 4.0);
        let start = Instant::now();
        for _ in 0..9 {
            drop(limiter.acquire().await);
        }
        assert_eq!(start.elapsed(), SECOND * 2);
        // Idle time is not saved up for a burst.
        tokio::time::sleep(SECOND * 60).await;
        drop(now(&limiter));
        assert!(refused(&limiter));
        for odd in [-1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            drop(now(&Limiter::new(1, odd)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_after_holds_up_the_whole_connection() {
        let limiter = Limiter::new(4, 0.0);
        let (one, two) = (now(&limiter), now(&limiter));
        let start = Instant::now();
        one.throttled(Some(SECOND * 5));
        assert!(refused(&limiter.clone()));
        let waiting = async {
            drop(limiter.acquire().await);
            start.elapsed()
        };
        // Asked again while one waits: the later time holds, an earlier one changes nothing.
        let (waited, ()) = tokio::join!(waiting, async {
            tokio::time::sleep(SECOND).await;
            two.throttled(Some(SECOND * 9));
        });
        assert_eq!(waited, SECOND * 10);
        let permit = now(&limiter);
        permit.throttled(None);
        drop(now(&limiter));
        now(&limiter).throttled(Some(Duration::MAX));
        assert!(refused(&limiter));
    }

    #[tokio::test(start_paused = true)]
    async fn many_refusals_at_once_count_as_one() {
        let limiter = Limiter::new(10, 0.0);
        let permits: Vec<_> = (0..10).map(|_| now(&limiter)).collect();
        for permit in permits {
            permit.throttled(None);
        }
        assert_eq!(limiter.limit(), 7);
        now(&limiter).throttled(None);
        assert_eq!(limiter.limit(), 4);
        for _ in 0..20 {
            now(&limiter).throttled(None);
        }
        assert_eq!(limiter.limit(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_smaller_limit_lets_those_under_way_finish() {
        let limiter = Limiter::new(4, 0.0);
        let mut permits: Vec<_> = (0..4).map(|_| now(&limiter)).collect();
        permits.pop().unwrap().throttled(None);
        assert_eq!((limiter.limit(), limiter.in_flight()), (2, 3));
        drop(permits.pop());
        assert!(refused(&limiter));
        drop(permits.pop());
        drop(now(&limiter));
    }

    #[test]
    fn the_limit_grows_back_slowly_and_slower_near_where_it_was_refused() {
        let limiter = Limiter::new(10, 0.0);
        now(&limiter).throttled(None);
        assert_eq!(limiter.limit(), 7);
        succeed(&limiter, 9);
        assert_eq!(limiter.limit(), 7);
        succeed(&limiter, 1);
        assert_eq!(limiter.limit(), 8);
        succeed(&limiter, 10);
        assert_eq!(limiter.limit(), 9);
        succeed(&limiter, 49);
        assert_eq!(limiter.limit(), 9);
        succeed(&limiter, 1);
        assert_eq!(limiter.limit(), 10);
        succeed(&limiter, 100);
        assert_eq!(limiter.limit(), 10);
    }

    #[test]
    fn a_refusal_that_is_long_past_is_forgotten() {
        let limiter = Limiter::new(20, 0.0);
        limiter.0.state().limit = 4 * ONE;
        now(&limiter).throttled(None);
        succeed(&limiter, 2 + 100 + 1);
        assert_eq!(limiter.limit(), 5);
        succeed(&limiter, 9 + 10);
        assert!(limiter.limit() > 5);
        assert_eq!(limiter.0.state().refused_at, None);
    }

    #[test]
    fn a_limit_that_is_not_reached_does_not_grow() {
        let limiter = Limiter::new(10, 0.0);
        now(&limiter).throttled(None);
        for _ in 0..1000 {
            now(&limiter).succeeded();
        }
        assert_eq!(limiter.limit(), 7);
    }
}
