//! A server that is far away: parts hold many pages, what is newer waits packed for what is older, and whoever has nothing
//! to do reads a half of what another has yet to read. Nothing is lost by it, and nothing doubled.

use std::time::Duration;

use chrono::TimeDelta;
use futures::future::join_all;
use uipath_audit_simulator::{Edits, Kind, Switches, Times};

use crate::world::World;

/// How long each reply takes: what is read from servers nearer than 20 ms is not packed.
const AWAY: Duration = Duration::from_millis(25);

async fn world(seed: u64, count: u32) -> World {
    let world = World::new().await;
    world.simulator.latency(AWAY);
    world.happen(seed, count, 20);
    world
}

#[tokio::test]
async fn who_has_nothing_to_do_reads_a_half_of_what_is_left_to_another() {
    // Sixty pages, which fit into one part.
    let mut world = world(1, 12_000).await;
    world.settings.archive.max_bytes = 64 << 20;
    world.settings.archive.max_buffered = 1 << 30;
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
    let at_once = world.simulator.max_concurrent_seen();
    assert!(at_once > 3, "one part, {at_once} requests at once");
    let requests = world.simulator.requests().len();
    assert!((63..110).contains(&requests), "{requests}");
}

#[tokio::test]
async fn what_waits_takes_little_memory() {
    // Eight megabytes of events in a tenth of that, which is less than two pages for each walk.
    let runs = (0..4).map(|seed| async move {
        let mut world = world(seed, 10_000).await;
        world.settings.archive.max_bytes = 512 << 10;
        world.settings.archive.max_buffered = 1 << 20;
        world.once().await.unwrap();
        world.assert_archive_equals_truth().await;
        world.simulator.requests().len()
    });
    let requests = join_all(runs).await;
    println!("requests for 50 pages: {requests:?}");
    // 540 to 630 together, however busy the machine; some 780 where nothing is packed.
    assert!(requests.iter().sum::<usize>() < 700, "{requests:?}");
}

/// Two passes over a history with late events between them, whatever the server does and however little memory there is.
async fn archive_equals_truth(seed: u64) {
    let switches = Switches::seeded_for(Kind::Unified, seed);
    eprintln!("seed {seed}: {}", switches.names().join(", "));
    let mut world = World::new().await;
    // What comes late or is filed elsewhere is found by the lookback.
    world.settings.targets[0].pace.lookback = Duration::from_secs(30 * 86_400);
    world.settings.archive.max_events = 700;
    let archive = &mut world.settings.archive;
    (archive.max_bytes, archive.max_buffered) = match seed % 3 {
        // An instant is never cut.
        _ if switches.records.times == Times::OneInstant => (16 << 20, 64 << 20),
        0 => (1 << 20, 1 << 20),
        1 => (2 << 20, 4 << 20),
        _ => (16 << 20, 64 << 20),
    };
    let is_edited = switches.bodies.edits != Edits::Never;
    world.simulator.set_switches(switches);
    world.simulator.latency(AWAY);
    world.happen(seed, 2_500, 20);
    world.once().await.unwrap();
    let now = world.now();
    let late = now - TimeDelta::minutes(30);
    world.simulator.generate(&world.stream, seed + 1, 40, late, now);
    world.settle();
    world.once().await.unwrap();
    if !is_edited {
        world.settle();
        world.assert_archive_equals_truth().await;
    }
    world.assert_verified().await;
}

#[tokio::test]
async fn mixes_far_away() {
    for seeds in (1_000..1_024u64).collect::<Vec<_>>().chunks(4) {
        join_all(seeds.iter().map(|seed| archive_equals_truth(*seed))).await;
    }
}
