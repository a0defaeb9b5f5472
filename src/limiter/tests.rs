//! What a connection's requests go through, in paused time.

mod changes;
mod fairness;
mod figures;
mod giving_up;
mod servers;

use std::{future::Future, task::Poll};

use futures::{FutureExt, future::join_all, poll};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn lane(name: &str) -> Arc<str> {
    Arc::from(name)
}

/// As many as there may be at once from the beginning.
fn full(most: usize, per_second: f64) -> Limiter {
    let limiter = Limiter::new(most, per_second, SECOND * 30);
    limiter.0.state().limit = most.max(1);
    limiter
}

/// A permit that is free right now. Not hundreds of times in one async test: tokio makes a task yield then.
fn now(limiter: &Limiter) -> Permit {
    limiter
        .acquire(&lane("a"))
        .now_or_never()
        .expect("a permit is free")
}

fn refused(limiter: &Limiter) -> bool {
    limiter.acquire(&lane("a")).now_or_never().is_none()
}

async fn is_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
    matches!(poll!(future), Poll::Pending)
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_allowed() {
    let limiter = full(3, 0.0);
    let permits: Vec<_> = (0..3).map(|_| now(&limiter)).collect();
    assert!(refused(&limiter));
    assert_eq!((limiter.limit(), limiter.in_flight()), (3, 3));
    drop(permits);
    assert_eq!(limiter.in_flight(), 0);
    let _one = now(&limiter);
    assert_eq!(full(0, 0.0).0.most, 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_begins_with_few_and_doubles_each_round_trip() {
    let limiter = Limiter::new(16, 0.0, SECOND);
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let mut permits = Vec::new();
        while let Some(permit) = limiter.acquire(&lane("a")).now_or_never() {
            permits.push(permit);
        }
        rounds.push(permits.len());
        permits.into_iter().for_each(Permit::succeeded);
    }
    assert_eq!(rounds, [4, 8, 16, 16]);
    assert_eq!(limiter.rate(), None);
}

#[tokio::test(start_paused = true)]
async fn requests_one_after_another_prove_nothing_about_more_at_once() {
    let limiter = Limiter::new(16, 0.0, SECOND);
    for _ in 0..100 {
        now(&limiter).succeeded();
    }
    assert_eq!(limiter.limit(), 4);
}

#[tokio::test(start_paused = true)]
async fn sixteen_at_once_are_reached_within_three_round_trips() {
    let limiter = Limiter::new(16, 0.0, SECOND);
    let server = servers::Server::new(servers::Kind::AtOnce(16), 1.0, servers::Told::Nothing, 100);
    servers::read(&limiter, &server, 32, 10).await;
    let (admitted, refused) = server.replies(0, 10);
    // 16 in each of 98 round trips, but for the first two.
    assert!(admitted >= 96.0 * 16.0 && refused == 0.0, "{admitted} {refused}");
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let limiter = full(1, 0.0);
    let first = now(&limiter);
    let order = Mutex::new(Vec::new());
    let name = lane("a");
    let waiting = (0..5).map(|number| {
        let (limiter, order, name) = (&limiter, &order, &name);
        async move {
            let permit = limiter.acquire(name).await;
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
async fn requests_start_evenly_spaced() {
    let limiter = full(8, 4.0);
    let start = Instant::now();
    for _ in 0..9 {
        drop(limiter.acquire(&lane("a")).await);
    }
    assert_eq!(start.elapsed(), SECOND * 2);
    // Idle time is not saved up for a burst.
    tokio::time::sleep(SECOND * 60).await;
    drop(now(&limiter));
    assert!(refused(&limiter));
    for odd in [-1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
        drop(now(&full(1, odd)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_ceiling_of_ours_holds_whatever_the_server_allows() {
    let server = servers::Server::new(servers::Kind::Bucket(20.0), 20.0, servers::Told::Seconds, 50);
    let limiter = Limiter::new(16, 10.0, SECOND);
    servers::read(&limiter, &server, 32, 1000).await;
    let (admitted, refused) = server.replies(0, 1000);
    assert!((9990.0..=10_001.0).contains(&admitted), "{admitted}");
    assert_eq!(refused, 0.0);
    // And once it allows less, and then more again.
    server.allow(5.0);
    servers::read(&limiter, &server, 32, 300).await;
    assert!(
        limiter.rate().is_some_and(|rate| rate < 6.0),
        "{:?}",
        limiter.rate()
    );
    server.allow(1000.0);
    servers::read(&limiter, &server, 32, 1700).await;
    let (admitted, _) = server.replies(2900, 3000);
    assert!((990.0..=1001.0).contains(&admitted), "{admitted}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_holds_up_the_whole_connection() {
    let limiter = full(4, 0.0);
    let (one, two) = (now(&limiter), now(&limiter));
    let start = Instant::now();
    one.throttled(Some(SECOND * 5));
    assert!(refused(&limiter.clone()));
    let waiting = async {
        drop(limiter.acquire(&lane("b")).await);
        start.elapsed()
    };
    // Asked again while one waits: the later time holds, an earlier one changes nothing.
    let (waited, ()) = tokio::join!(waiting, async {
        tokio::time::sleep(SECOND).await;
        two.throttled(Some(SECOND * 9));
    });
    assert_eq!(waited, SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_not_waited_for_longer_than_the_most() {
    let limiter = full(4, 0.0);
    now(&limiter).throttled(Some(Duration::MAX));
    assert!(refused(&limiter));
    tokio::time::sleep(SECOND * 30).await;
    now(&limiter).succeeded();
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_after_waits_double_and_one_request_finds_out() {
    let limiter = full(16, 0.0);
    now(&limiter).throttled(None);
    let mut waits = Vec::new();
    for wait in [None, Some(Duration::ZERO), None, None] {
        let start = Instant::now();
        let permit = limiter.acquire(&lane("a")).await;
        waits.push(start.elapsed().as_millis());
        permit.throttled(wait);
        assert_eq!(limiter.limit(), 1);
    }
    assert_eq!(waits, [100, 200, 400, 800]);
    limiter.acquire(&lane("a")).await.succeeded();
    assert_eq!(limiter.limit(), 16);
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_refusals_leaves_no_slow_pace_behind() {
    let name = lane("a");
    for asked in [None, Some(SECOND * 3600), Some(SECOND)] {
        let limiter = full(16, 0.0);
        let start = Instant::now();
        while start.elapsed() < SECOND * 3600 {
            limiter.acquire(&name).await.throttled(asked);
        }
        let start = Instant::now();
        for _ in 0..200 {
            limiter.acquire(&name).await.succeeded();
        }
        assert!(start.elapsed() < SECOND * 40, "{asked:?}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_too_long_is_cut_short_and_one_request_finds_out() {
    let (limiter, name) = (full(16, 0.0), lane("a"));
    let start = Instant::now();
    now(&limiter).throttled(Some(SECOND * 3600));
    let probe = limiter.acquire(&name).await;
    assert_eq!((start.elapsed(), limiter.limit()), (SECOND * 30, 1));
    assert!(refused(&limiter));
    probe.succeeded();
    let again = limiter.acquire(&name).await;
    assert_eq!(limiter.limit(), 16);
    assert!(start.elapsed() <= SECOND * 50, "{:?}", start.elapsed());
    again.succeeded();
}

#[tokio::test(start_paused = true)]
async fn many_refusals_at_once_count_as_one() {
    let limiter = full(10, 0.0);
    for _ in 0..30 {
        now(&limiter).succeeded();
    }
    tokio::time::sleep(SECOND).await;
    let permits: Vec<_> = (0..10).map(|_| now(&limiter)).collect();
    let mut rates = permits.into_iter().map(|permit| {
        permit.throttled(Some(SECOND));
        limiter.rate().unwrap()
    });
    // 30 in a second, and one more to wait.
    let first = rates.next().unwrap();
    assert!((14.0..16.0).contains(&first), "{first}");
    assert!(rates.all(|rate| (rate - first).abs() < 0.01));
}

#[tokio::test(start_paused = true)]
async fn a_smaller_limit_lets_those_under_way_finish() {
    let limiter = full(4, 0.0);
    let mut permits: Vec<_> = (0..4).map(|_| now(&limiter)).collect();
    permits.pop().unwrap().throttled(None);
    tokio::time::sleep(SECOND).await;
    now(&limiter).throttled(None);
    assert_eq!((limiter.limit(), limiter.in_flight()), (1, 3));
    tokio::time::sleep(SECOND).await;
    assert!(refused(&limiter));
    drop(permits);
    drop(now(&limiter));
}
