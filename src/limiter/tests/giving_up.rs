//! Whoever stops waiting gives up a place and nothing else; in paused time.

use std::pin::pin;

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{sleep, timeout};

use super::*;

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_takes_nothing_along() {
    let limiter = full(1, 1.0);
    let name = lane("a");
    let held = now(&limiter);
    {
        let mut first = pin!(limiter.acquire(&name));
        let mut second = pin!(limiter.acquire(&name));
        assert!(is_pending(&mut first).await && is_pending(&mut second).await);
        // Woken by the end of a request, waiting for the pace now; then gone.
        drop(held);
        assert!(is_pending(&mut first).await);
    }
    assert_eq!(limiter.in_flight(), 0);
    let start = Instant::now();
    drop(limiter.acquire(&name).await);
    assert_eq!(start.elapsed(), SECOND);
    // The wake-up itself is not lost either: notified, never polled again.
    let held = limiter.acquire(&name).await;
    let mut third = Box::pin(limiter.acquire(&name));
    let mut fourth = pin!(limiter.acquire(&name));
    assert!(is_pending(&mut third).await && is_pending(&mut fourth).await);
    drop(held);
    drop(third);
    drop(timeout(SECOND * 2, fourth).await.unwrap());
    assert_eq!(limiter.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_that_overtook_and_gave_up_leaves_the_others_as_they_were() {
    let limiter = full(4, 1.0);
    let (old, new) = (lane("old"), lane("new"));
    drop(limiter.acquire(&old).await);
    let mut waiting = pin!(limiter.acquire(&old));
    assert!(is_pending(&mut waiting).await);
    {
        let mut newcomer = pin!(limiter.acquire(&new));
        assert!(is_pending(&mut newcomer).await);
        // The pace is due, and it is the newcomer's turn; the other one sees that, and waits on.
        sleep(SECOND * 2).await;
        assert!(is_pending(&mut waiting).await);
    }
    let start = Instant::now();
    drop(timeout(SECOND, waiting).await.unwrap());
    assert!(start.elapsed() < SECOND / 10);
}

/// A number that looks random.
fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    *seed >> 33
}

/// Requests of many targets come, wait, give up at any time, end well, are refused or dropped: each that waits long enough
/// gets its turn, and at the end nothing is left.
#[tokio::test(start_paused = true)]
async fn among_thousands_that_give_up_nobody_is_forgotten() {
    for seed in 1..=40_u64 {
        let mut random = seed;
        let per_second = [0.0, 50.0][usize::try_from(seed % 2).unwrap()];
        let limiter = full(1 + usize::try_from(seed % 5).unwrap(), per_second);
        let mut requests = FuturesUnordered::new();
        for _ in 0..400 {
            let limiter = &limiter;
            let name = lane(["a", "b", "c", "d"][usize::try_from(dice(&mut random) % 4).unwrap()]);
            let comes = Duration::from_millis(dice(&mut random) % 4000);
            let takes = Duration::from_micros(dice(&mut random) % 9000);
            let (end, patience) = (dice(&mut random) % 40, dice(&mut random) % 3);
            let patience = [Duration::ZERO, comes / 200, SECOND * 600][usize::try_from(patience).unwrap()];
            requests.push(async move {
                sleep(comes).await;
                let Ok(permit) = timeout(patience, limiter.acquire(&name)).await else {
                    return patience < SECOND * 600;
                };
                sleep(takes).await;
                match end {
                    0 => drop(permit.throttled(None)),
                    1 => drop(permit.throttled(Some(SECOND))),
                    2..10 => drop(permit),
                    _ => permit.succeeded(),
                }
                true
            });
        }
        while let Some(served) = requests.next().await {
            assert!(served, "seed {seed}: one waited for ten minutes");
        }
        drop(requests);
        let state = limiter.0.state();
        assert_eq!((state.in_flight, state.lanes.next(false).is_none()), (0, true));
    }
}
