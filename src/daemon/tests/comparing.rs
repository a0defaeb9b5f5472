//! Comparisons with the server on a schedule of their own, between passes.

use std::time::Duration;

use chrono::TimeDelta;
use uipath_audit_simulator::{Fault, NewEvent, When};

use super::world::{EVERY_SECOND, HOURLY, PATIENCE, World, lines, stream, wait_until};
use crate::{
    clock::Clock,
    commit::Kind,
    observe::capture,
    schedule::Schedule,
    settings::Settings,
    status::{Needs, PassResult, State},
    target::{Reconcile, Start},
};

const DAY: Duration = Duration::from_secs(86_400);
/// Within a few seconds of any test this comes once, at the start.
const YEARLY: &str = "0 0 0 1 1 *";

/// A target of ten days, compared on that schedule.
fn settings(world: &World, passes: &str, comparisons: &str) -> Settings {
    let mut settings = world.settings("audit-1", passes, &["one"]);
    let target = &mut settings.targets[0];
    target.long_term = false;
    target.pace.start = Start::Ago(DAY * 10);
    target.reconcile = Some(Reconcile {
        schedule: Schedule::new(comparisons, "UTC").unwrap(),
        back: DAY * 30,
    });
    settings
}

/// An event that no lookback reaches.
fn come_late(world: &World) {
    let time = world.simulator.clock().now() - TimeDelta::days(5);
    world.simulator.push(&stream("one"), NewEvent::at(time));
}

async fn backfills(world: &World) -> usize {
    let commits = world.commits("one").await;
    commits
        .iter()
        .filter(|commit| commit.kind == Kind::Backfill)
        .count()
}

#[tokio::test]
async fn what_came_too_late_for_passes_is_found_by_a_comparison() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 30);
    let running = world.start(settings(&world, HOURLY, EVERY_SECOND), PATIENCE);
    world.all_archived("one").await;
    come_late(&world);
    world.all_archived("one").await;
    assert_eq!(backfills(&world).await, 1);
    let seen = running
        .shows("one", "compared", |status| {
            status
                .last_comparison
                .as_ref()
                .is_some_and(|last| last.live.shown == 31)
        })
        .await;
    assert_eq!(seen.last_comparison.unwrap().result, PassResult::Done);
    running.stop().await;
    assert_eq!(log.problems(), Vec::<String>::new());
    let told = lines(&log, "one", "compared with the server");
    assert!(
        told.iter()
            .any(|line| line.contains("missing=1") && line.contains("written=1")),
        "{told:?}"
    );
    assert_eq!(lines(&log, "one", "pass done").len(), 1);
}

#[tokio::test]
async fn a_missed_comparison_is_made_up_for_once_after_a_restart() {
    let (world, log) = (World::new().await, capture());
    let compared = async |times: usize| {
        wait_until("compared", async || {
            lines(&log, "one", "compared with the server").len() == times
        })
        .await;
    };
    let start = |days: i64| {
        let clock = world.simulator.clock();
        let clock = Clock::from_fn(move || clock.now() + TimeDelta::days(days));
        world.start_by(clock, settings(&world, EVERY_SECOND, YEARLY), PATIENCE)
    };
    let running = start(0);
    compared(1).await;
    running.stop().await;
    let before = lines(&log, "one", "pass done").len();
    let running = start(0);
    wait_until("two more passes", async || {
        lines(&log, "one", "pass done").len() >= before + 2
    })
    .await;
    let status = running.stop().await;
    assert_eq!(status.targets[0].last_comparison, None);
    let running = start(3 * 366);
    compared(2).await;
    let status = running.stop().await;
    let last = status.targets[0].last_comparison.as_ref().unwrap();
    assert!(last.missed >= 3, "{last:?}");
    assert_eq!(lines(&log, "one", "compared with the server").len(), 2);
}

#[tokio::test]
async fn a_long_comparison_gives_way_to_passes_and_goes_on_behind_them() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 30);
    world.simulator.latency(Duration::from_millis(300));
    let running = world.start(settings(&world, EVERY_SECOND, YEARLY), PATIENCE);
    wait_until("compared", async || {
        !lines(&log, "one", "compared with the server").is_empty()
    })
    .await;
    running.stop().await;
    let told = lines(&log, "one", "");
    let before = told
        .iter()
        .take_while(|line| !line.contains("compared with the server"));
    let passes = before.filter(|line| line.contains("pass done")).count();
    assert!(passes > 2, "{told:#?}");
    let compared = lines(&log, "one", "compared with the server");
    assert!(compared[0].contains("shown=30"), "{compared:?}");
}

#[tokio::test]
async fn a_comparison_that_fails_is_told_and_no_pass_is_the_worse_for_it() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 30);
    let mut settings = settings(&world, EVERY_SECOND, YEARLY);
    settings.connections.get_mut("cloud").unwrap().retry_for = Duration::ZERO;
    // The first question of the first pass and what it reads are answered, the comparison behind it is not.
    world
        .simulator
        .fault(When::events().of(&stream("one")).nth(4), Fault::status(403));
    let running = world.start(settings, PATIENCE);
    let seen = running
        .shows("one", "not compared", |status| {
            status
                .last_comparison
                .as_ref()
                .is_some_and(|last| last.result == PassResult::Failed)
        })
        .await;
    let error = seen.last_comparison.unwrap().error.unwrap();
    assert_eq!(error.action, Needs::Person);
    assert!(error.hint.is_some());
    world.push("one");
    world.all_archived("one").await;
    let status = running.stop().await;
    let one = &status.targets[0];
    assert_eq!((one.state, one.failures), (State::Idle, 0));
    assert!(one.last_error.is_none());
    let told = lines(&log, "one", "comparing with the server failed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("ERROR") && told[0].contains("hint="),
        "{}",
        told[0]
    );
}

#[tokio::test]
async fn a_comparison_that_may_succeed_later_is_tried_again_behind_the_next_pass() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 30);
    let mut settings = settings(&world, EVERY_SECOND, YEARLY);
    settings.connections.get_mut("cloud").unwrap().retry_for = Duration::ZERO;
    world
        .simulator
        .fault(When::events().of(&stream("one")).nth(4), Fault::status(503));
    let running = world.start(settings, PATIENCE);
    wait_until("compared", async || {
        !lines(&log, "one", "compared with the server").is_empty()
    })
    .await;
    running.stop().await;
    let told = lines(&log, "one", "comparing with the server failed");
    assert!(told.len() == 1 && told[0].starts_with("WARN"), "{told:?}");
    let compared = lines(&log, "one", "compared with the server");
    assert!(
        compared[0].contains("shown=30") && compared[0].contains("after_failures=1"),
        "{compared:?}"
    );
}
