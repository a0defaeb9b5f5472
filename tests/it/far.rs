//! An archive far away: whatever reads all of it has many reads under way at once.

use std::{sync::Arc, time::Duration};

use object_store::throttle::{ThrottleConfig, ThrottledStore};
use tokio::time::Instant;
use uipath_audit_exporter::{archive::Archive, verify};

use crate::world::World;

/// 600 events of twenty days in commits of two, which a lookback reaches all.
async fn history() -> World {
    let mut world = World::new().await;
    let target = &mut world.settings.targets[0];
    target.long_term = false;
    target.pace.lookback_daily = Duration::from_secs(80 * 86_400);
    world.settings.archive.max_events = 2;
    world.happen(1, 600, 20);
    world.once().await.unwrap();
    assert!(world.ledger().await.commits.len() >= 300);
    world
}

/// The archive, so far away.
fn at_a_distance(world: &World, latency: Duration) -> Archive {
    let config = ThrottleConfig {
        wait_get_per_call: latency,
        wait_list_per_call: latency,
        wait_put_per_call: latency,
        ..ThrottleConfig::default()
    };
    let store = ThrottledStore::new(Arc::clone(&world.store), config);
    Archive::from_store(Arc::new(store), "memory:///")
}

/// One after another, 300 commits and their objects are 30 s away.
#[tokio::test]
async fn a_lost_state_is_read_from_far_away_in_seconds() {
    let world = history().await;
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    let archive = at_a_distance(&world, Duration::from_millis(50));
    let mut process = world.start_as(&world.settings, archive).await;
    tokio::time::pause();
    let began = Instant::now();
    process.exporter.recover().await.unwrap();
    let took = began.elapsed();
    tokio::time::resume();
    assert!(took < Duration::from_secs(4), "recovered in {took:?}");
    let looks = process.exporter.progress().look().looks;
    assert!(looks >= 600, "{looks} commits and objects were read");
    drop(process);
    assert_eq!(
        world.once().await.unwrap().counts.written,
        0,
        "all of them are known again"
    );
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn an_archive_far_away_is_checked_in_seconds() {
    let world = history().await;
    let archive = at_a_distance(&world, Duration::from_millis(50));
    tokio::time::pause();
    let began = Instant::now();
    let report = verify::verify(&archive, &verify::Options::default(), |_| {})
        .await
        .unwrap();
    let took = began.elapsed();
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(report.targets[0].objects >= 300);
    assert!(took < Duration::from_secs(2), "checked in {took:?}");
}

/// The server is asked, too: so the clock runs.
#[tokio::test]
async fn days_are_compared_with_an_archive_far_away_without_waiting_for_each_commit() {
    let world = history().await;
    let latency = Duration::from_millis(20);
    let archive = at_a_distance(&world, latency);
    let mut process = world.start_as(&world.settings, archive).await;
    let now = world.now();
    let span = uipath_audit_exporter::window::Window::new(now - chrono::TimeDelta::days(30), now);
    let began = std::time::Instant::now();
    let found = process.reconcile(span).await.unwrap();
    let took = began.elapsed();
    assert_eq!((found.live.pulled, found.live.missing), (600, 0));
    assert!(
        took < latency * 300,
        "compared in {took:?}: the commits alone are {:?} away",
        latency * 300
    );
}
