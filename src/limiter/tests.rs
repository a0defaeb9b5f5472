//! What a connection's requests go through, in paused time.

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
