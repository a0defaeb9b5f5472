//! Exporters that pass side by side, with and without being told to take over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio_util::task::TaskTracker;
use uipath_audit_exporter::export::PassError;

use crate::rival::{Rival, assert_no_fighting, each, go_on, news, reigns, small_world};

/// So many exporters fight for the target while events keep happening.
async fn race(seed: u64, instances: &'static [&'static str]) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = Arc::new(small_world().await);
    world.happen(seed * 100, 30, 3);
    let over = Arc::new(AtomicBool::new(false));
    let tracker = TaskTracker::new();
    let mut runners = Vec::new();
    for (number, instance) in instances.iter().enumerate() {
        let mut rival = Rival::new(&world, instance, &format!("state-{number}"));
        rival.settings.archive.max_events = random.random_range(10..25);
        let (world, over) = (Arc::clone(&world), Arc::clone(&over));
        let mut random = StdRng::seed_from_u64(seed + 1000 * (number as u64 + 1));
        runners.push(tracker.spawn(async move {
            rival.start(&world).await;
            while !over.load(Ordering::SeqCst) {
                match rival.take_over().await {
                    Ok(_) | Err(PassError::StandBy { .. } | PassError::Overtaken { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
                if random.random_bool(0.1) {
                    rival.start(&world).await;
                }
                tokio::time::sleep(Duration::from_millis(random.random_range(0..4))).await;
            }
            rival
        }));
    }
    for round in 0..4 {
        news(&world, seed * 100 + round + 1, 15);
        tokio::time::sleep(Duration::from_millis(random.random_range(5..40))).await;
    }
    over.store(true, Ordering::SeqCst);
    let mut rivals = Vec::new();
    for runner in runners {
        rivals.push(runner.await.unwrap());
    }
    go_on(
        &world,
        seed * 100 + 50,
        &mut rivals.iter_mut().collect::<Vec<_>>(),
    )
    .await;
    reigns(&world.assert_archive_equals_truth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_both_take_over() {
    each((1..=12).collect(), |seed| race(seed, &["audit-1", "audit-2"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_that_both_take_over() {
    each((21..=28).collect(), |seed| race(seed, &["audit-1", "audit-1"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_that_all_take_over() {
    each((41..=48).collect(), |seed| {
        race(seed, &["audit-1", "audit-2", "audit-1"])
    })
    .await;
}

/// Twenty rounds, each exporter passing once in each, nobody told to take over.
async fn rounds(instances: [&'static str; 2], at_once: bool, quiet: bool) {
    let world = small_world().await;
    world.happen(1, 30, 3);
    let mut a = Rival::started(&world, instances[0], "a").await;
    let mut b = Rival::started(&world, instances[1], "b").await;
    for round in 0..20 {
        if quiet {
            world.advance(20);
        } else {
            news(&world, 10 + round, 12);
        }
        let results = if at_once {
            futures::join!(a.pass(), b.pass()).into()
        } else {
            [a.pass().await, b.pass().await]
        };
        let owners = results.iter().filter(|result| result.is_ok()).count();
        for error in results.into_iter().filter_map(Result::err) {
            assert!(
                matches!(error, PassError::StandBy { .. }),
                "round {round}: {error:?}"
            );
        }
        // A twin takes the other for its predecessor until that writes again.
        assert!(
            owners == 1 || round < 12 && owners == 2,
            "round {round}: {owners}"
        );
    }
    let changes = usize::from(instances[0] == instances[1]);
    go_on(&world, 60, &mut [&mut a, &mut b]).await;
    assert_no_fighting(&world.assert_archive_equals_truth().await, changes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_fights() {
    let mut cases = Vec::new();
    for instances in [["audit-1", "audit-2"], ["audit-1", "audit-1"]] {
        for quiet in [false, true] {
            cases.extend([(instances, false, quiet), (instances, true, quiet)]);
        }
    }
    each(cases, |(instances, at_once, quiet)| {
        rounds(instances, at_once, quiet)
    })
    .await;
}
