//! Who starts when several targets want to, in paused time.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{sleep, timeout};

use super::*;

/// Targets: how many requests each wants at once, always, and how many milliseconds one takes. Starts of each within so
/// many seconds, and the longest that a request of each waited.
async fn share(
    limiter: &Limiter,
    targets: &[(&str, usize, u64)],
    seconds: u64,
) -> BTreeMap<String, (u32, Duration)> {
    let seen = Mutex::new(BTreeMap::<String, (u32, Duration)>::new());
    let mut readers = FuturesUnordered::new();
    for (name, readers_of_it, takes) in targets {
        for _ in 0..*readers_of_it {
            readers.push(async {
                let lane = lane(name);
                loop {
                    let asked = Instant::now();
                    let permit = limiter.acquire(&lane).await;
                    {
                        let mut seen = seen.lock().unwrap();
                        let (starts, longest) = seen.entry((*name).to_owned()).or_default();
                        *starts += 1;
                        *longest = (*longest).max(asked.elapsed());
                    }
                    sleep(Duration::from_millis(*takes)).await;
                    permit.succeeded();
                }
            });
        }
    }
    let _: Result<Option<()>, _> = timeout(SECOND * u32::try_from(seconds).unwrap(), readers.next()).await;
    drop(readers);
    seen.into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_backfill_never_starves_a_live_tail() {
    // Where starts are scarce, and where slots are.
    for (limiter, takes) in [(full(16, 5.0), 50), (full(8, 0.0), 100)] {
        let seen = share(&limiter, &[("backfill", 64, takes), ("tail", 1, takes)], 100).await;
        println!("{seen:?}");
        let (tail, waited) = seen["tail"];
        let (backfill, _) = seen["backfill"];
        // One request at a time, each served next: as many as can be.
        assert!(waited <= Duration::from_millis(400), "{seen:?}");
        assert!(tail > 240 && backfill >= 250, "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_backfills_share_evenly() {
    let names: Vec<_> = (0..100).map(|number| format!("target-{number}")).collect();
    for (limiter, starts) in [(full(16, 20.0), 2000), (full(16, 0.0), 16_000)] {
        let mut targets: Vec<_> = names.iter().map(|name| (name.as_str(), 8, 100)).collect();
        // Who wants more gets no more.
        targets[0].1 = 64;
        let seen = share(&limiter, &targets, 100).await;
        let counts: Vec<_> = seen.values().map(|(starts, _)| *starts).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        println!("{least} to {most} starts of each");
        // The first sixteen started before the others came.
        assert!(counts.len() == 100 && most - least <= 16, "{counts:?}");
        assert!(counts.iter().sum::<u32>().abs_diff(starts) <= 16);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_requests_leave_slots_to_others() {
    let targets = [("slow", 32, 10_000), ("quick", 32, 100)];
    let seen = share(&full(8, 0.0), &targets, 200).await;
    println!("{seen:?}");
    // Four slots each, as soon as the first slow ones have ended.
    let (quick, slow) = (seen["quick"].0, seen["slow"].0);
    assert!(quick > 4 * 1800 && slow >= 4 * 19, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_with_a_slow_request_goes_on_with_others_meanwhile() {
    let limiter = full(16, 5.0);
    let download = limiter.acquire(&lane("a")).await;
    let seen = share(&limiter, &[("a", 1, 50), ("b", 8, 50)], 100).await;
    assert!(seen["a"].0 > 240, "{seen:?}");
    drop(download);
}

#[tokio::test(start_paused = true)]
async fn many_tails_do_not_starve_a_backfill() {
    let names: Vec<_> = (0..10).map(|number| format!("tail-{number}")).collect();
    let mut targets: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 50)).collect();
    targets.push(("backfill", 16, 50));
    let seen = share(&full(16, 5.0), &targets, 220).await;
    assert!(seen["backfill"].0 >= 99, "{seen:?}");
}
