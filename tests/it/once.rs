//! Passes one after another, nothing in their way.

use chrono::TimeDelta;
use uipath_audit_simulator::NewEvent;

use crate::world::World;

#[tokio::test]
async fn the_second_pass_writes_nothing_and_says_so() {
    let world = World::new().await;
    world.happen(1, 2_500, 60);
    let first = world.once().await.unwrap();
    assert_eq!(first.counts.written, 2_500);
    let second = world.once().await.unwrap();
    assert_eq!((second.counts.written, second.commits), (0, 0));
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn new_and_late_events_are_archived_and_no_others() {
    let world = World::new().await;
    world.happen(1, 300, 30);
    world.once().await.unwrap();
    let now = world.now();
    for minutes in 1..=7 {
        world
            .simulator
            .push(&world.stream, NewEvent::at(now + TimeDelta::minutes(minutes)));
    }
    for minutes in 5..=7 {
        world
            .simulator
            .push(&world.stream, NewEvent::at(now - TimeDelta::minutes(minutes)));
    }
    world.advance(15);
    let summary = world.once().await.unwrap();
    assert_eq!((summary.counts.written, summary.counts.late), (10, 3));
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_history_is_cut_into_slices_that_keep_to_the_limit() {
    let mut world = World::new().await;
    world.settings.archive.max_events = 500;
    world.happen(3, 20_000, 90);
    let summary = world.once().await.unwrap();
    assert_eq!(summary.counts.written, 20_000);
    let ledger = world.assert_archive_equals_truth().await;
    let biggest = ledger
        .commits
        .iter()
        .map(|commit| commit["counts"]["written"].as_u64().unwrap())
        .max();
    assert!(biggest <= Some(500), "{biggest:?}");
    eprintln!(
        "{} commits, {} requests for {} pages at least",
        summary.commits,
        summary.effort.requests,
        20_000 / 200
    );
}

#[tokio::test]
async fn an_empty_stream_is_proven_empty_and_hours_of_silence_are_too() {
    let world = World::new().await;
    let first = world.once().await.unwrap();
    assert_eq!((first.commits, first.counts.written), (1, 0));
    world.advance(15);
    assert_eq!(world.once().await.unwrap().commits, 0);
    world.advance(60);
    assert_eq!(world.once().await.unwrap().commits, 1);
    let ledger = world.assert_archive_equals_truth().await;
    assert!(ledger.commits.iter().all(|commit| commit["kind"] == "empty"));
}
