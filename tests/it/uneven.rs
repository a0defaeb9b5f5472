//! Histories as they come: bursts of thousands of events in a second, busy weeks, silence; read from near and far, with much
//! and little memory, from servers that ration and fail, by an exporter that dies on the way. Each seed is another.
//!
//! For more of them: `SEEDS=1000..1500 cargo test --test it uneven -- --nocapture`.

use std::{ops::Range, time::Duration};

use chrono::TimeDelta;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use uipath_audit_simulator::{Fault, When};

use crate::{rival::each, world::World};

const SEEDS: Range<u64> = 0..16;

fn seeds() -> Range<u64> {
    let Some(given) = std::env::var_os("SEEDS") else {
        return SEEDS;
    };
    let range = given.to_str().and_then(|range| range.split_once(".."));
    let (first, end) = range.expect("SEEDS is as in 0..16");
    first.parse().unwrap()..end.parse().unwrap()
}

fn one_of<T: Clone>(random: &mut StdRng, choices: &[T]) -> T {
    choices.choose(random).expect("there are some").clone()
}

/// Up to eight heaps of events, each of a second to a month. Of one that is a second long up to a megabyte is at one instant,
/// which is never cut: there must be memory for that.
fn happen(world: &World, random: &mut StdRng) {
    let begin = world.now() - TimeDelta::days(60);
    for _ in 0..random.random_range(1..=8) {
        let from = begin + TimeDelta::seconds(random.random_range(0..29 * 86_400));
        let to = from + TimeDelta::seconds(one_of(random, &[1, 20, 3_600, 86_400, 30 * 86_400]));
        let count = one_of(random, &[20, 300, 3_000, 6_000]);
        world
            .simulator
            .generate(&world.stream, random.random(), count, from, to);
    }
}

/// Settings, and what the server is like. Returns them in words.
fn arrange(world: &mut World, random: &mut StdRng) -> String {
    let archive = &mut world.settings.archive;
    // In MiB.
    let (bytes, buffered) = one_of(random, &[(1, 2), (2, 8), (16, 64), (16, 128)]);
    (archive.max_bytes, archive.max_buffered) = (bytes << 20, buffered << 20);
    archive.max_events = random.random_range(150..6_000);
    let at_once = random.random_range(1..=24);
    for connection in world.settings.connections.values_mut() {
        connection.max_concurrent_requests = at_once;
        connection.retry_for = Duration::from_secs(60);
    }
    let latency = one_of(random, &[0, 22, 30, 40]);
    world.simulator.latency(Duration::from_millis(latency));
    let limit = one_of(random, &[None, None, None, Some(60.0), Some(300.0)]);
    if let Some(limit) = limit {
        world.simulator.rate_limit(limit, 10);
    }
    let faults = [Fault::Reset, Fault::status(503), Fault::CutOff(3_000)].map(Some);
    let fault = one_of(random, &[&[None], &faults[..]].concat());
    let told = format!(
        "{bytes} of {buffered} MiB, {} events, {at_once} at once, {latency} ms, {limit:?} a second, {fault:?}",
        archive.max_events
    );
    if let Some(fault) = fault {
        let sometimes = When::events().chance(0.03, random.random());
        world.simulator.fault(sometimes, fault);
    }
    told
}

async fn archive_equals_truth(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::new().await;
    let told = arrange(&mut world, &mut random);
    happen(&world, &mut random);
    let deaths = random.random_range(0..3);
    let events = world.simulator.count(&world.stream);
    eprintln!("seed {seed}: {events} events, {told}, {deaths} deaths");
    for _ in 0..deaths {
        let alive = Duration::from_millis(random.random_range(20..1_500));
        // Dropped wherever it is.
        if let Ok(ended) = tokio::time::timeout(alive, world.once()).await {
            ended.unwrap();
        }
    }
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_history_looks_like_all_of_it_is_archived_once() {
    each(seeds().collect(), archive_equals_truth).await;
}
