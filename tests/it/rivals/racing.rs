//! Exporters that pass side by side, with and without being told to take over.

use uipath_audit_exporter::export::PassError;

use crate::rival::{Rival, assert_no_fighting, each, go_on, news, race, small_world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_both_take_over() {
    each((1..=12).collect(), async |seed| {
        race(small_world().await, seed, &["audit-1", "audit-2"]).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_that_both_take_over() {
    each((21..=28).collect(), async |seed| {
        race(small_world().await, seed, &["audit-1", "audit-1"]).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_that_all_take_over() {
    each((41..=48).collect(), async |seed| {
        race(small_world().await, seed, &["audit-1", "audit-2", "audit-1"]).await
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
