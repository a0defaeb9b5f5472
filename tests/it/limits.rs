//! What is at a limit is archived, what is over it fails loudly; nothing is skipped, nothing grows without bounds.
//!
//! What makes these tests fail, tried by hand: a limit that is off by one, a millisecond that is cut again and again (then they
//! never end).

use std::time::Duration;

use futures::FutureExt as _;
use uipath_audit_exporter::{
    error::{Action, Chain},
    export::PassError,
    json::MAX_DEPTH,
    source::page::LARGEST_EVENT,
};
use uipath_audit_simulator::{NewEvent, Switches, Times};

use crate::world::World;

fn told(error: &PassError) -> String {
    format!("{} (hint: {})", Chain(error), error.hint().unwrap_or_default())
}

async fn world() -> World {
    let mut world = World::new().await;
    for connection in world.settings.connections.values_mut() {
        connection.retry_for = Duration::from_secs(1);
    }
    world
}

/// An event of so many bytes.
fn event_of(bytes: usize) -> String {
    let head = r#"{"id":"big","createdOn":"2026-11-20T10:00:00Z","eventDetails":""#;
    format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
}

/// An event that nests so deeply.
fn event_nesting(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
    format!(r#"{{"id":"deep","createdOn":"2026-11-20T10:00:00Z","eventDetails":{open}{close}}}"#)
}

#[tokio::test]
async fn an_event_at_the_limit_is_archived_one_over_it_is_an_error_not_a_hole() {
    // The page itself is an object that holds a list.
    let deepest = MAX_DEPTH - 1;
    for (good, bad, word) in [
        (
            event_of(LARGEST_EVENT),
            event_of(LARGEST_EVENT + 1),
            "over the limit of 8 MiB",
        ),
        (
            event_nesting(deepest),
            event_nesting(deepest + 1),
            "nested too deeply",
        ),
    ] {
        let world = world().await;
        world.happen(1, 50, 5);
        let at = world.now() - chrono::TimeDelta::hours(2);
        world.simulator.push_raw(&world.stream, at, good);
        world.once().await.unwrap();
        world.assert_archive_equals_truth().await;

        world.advance(15);
        let at = world.now() - chrono::TimeDelta::minutes(10);
        let bad = bad.replace("2026-11-20T10:00:00Z", "2026-11-20T12:05:00Z");
        world.simulator.push_raw(&world.stream, at, bad);
        world
            .simulator
            .push(&world.stream, NewEvent::at(at + chrono::TimeDelta::minutes(1)));
        let error = world.once().await.unwrap_err();
        let told = told(&error);
        assert!(told.contains(word), "{told}");
        assert_eq!(error.action(), Action::NextTick, "{told}");
        assert_eq!(
            world.ledger().await.lines.len(),
            51,
            "nothing of that window is archived"
        );
    }
}

#[tokio::test]
async fn one_instant_is_never_cut() {
    let mut world = world().await;
    world.settings.archive.max_events = 50;
    let mut switches = Switches::default();
    switches.records.times = Times::OneInstant;
    world.simulator.set_switches(switches);
    world.happen(1, 700, 1);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let biggest = ledger
        .commits
        .iter()
        .map(|commit| commit["counts"]["written"].as_u64().unwrap())
        .max();
    assert_eq!(biggest, Some(700), "one commit holds the instant");
}

#[tokio::test]
async fn an_instant_too_large_for_memory_says_what_to_raise() {
    let mut world = world().await;
    world.settings.archive.max_bytes = 64 << 10;
    world.settings.archive.max_buffered = 256 << 10;
    world.happen(1, 100, 5);
    let at = world.now() - chrono::TimeDelta::minutes(30);
    for number in 0..400 {
        let event = NewEvent::at(at)
            .id(&format!("same-{number}"))
            .details(&"x".repeat(1000));
        world.simulator.push(&world.stream, event);
    }
    let error = world.once().await.unwrap_err();
    let told = told(&error);
    assert!(told.contains("fall on one millisecond"), "{told}");
    assert!(told.contains("raise `archive.max_buffered`"), "{told}");
    assert_eq!(error.action(), Action::Stop, "{told}");
    world.settings.archive.max_buffered = 4 << 20;
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_budget_of_one_slice_of_any_size_lets_a_pass_begin() {
    let mut world = World::new().await;
    (
        world.settings.archive.max_bytes,
        world.settings.archive.max_buffered,
    ) = (100_500, 100_500);
    world.happen(1, 200, 5);
    let pass = tokio::time::timeout(Duration::from_secs(20), world.once()).await;
    pass.expect("it comes to an end").unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn passes_that_are_due_together_begin_a_few_at_a_time() {
    let world = World::new().await;
    let (fleet, target) = (world.open_fleet().await, &world.settings.targets[0]);
    let mut turns = Vec::new();
    while let Some(Some(turn)) = fleet.turn(target).now_or_never() {
        turns.push(turn);
        assert!(turns.len() < 1_000, "no end of turns");
    }
    assert_eq!(turns.len(), 64);
    let next = fleet.turn(target);
    turns.pop();
    assert!(next.await.is_some());
}
