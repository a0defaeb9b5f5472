//! Comparing with the server: what came later than any lookback is found, archived once, and stays found.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use uipath_audit_exporter::{
    cat::cat,
    error::Action,
    export::{PassError, Reconciled},
    target::{Api, Filter, Start},
    window::Window,
};
use uipath_audit_simulator::{Fault, NewEvent, When};

mod command;
mod rivals;
mod stores;

use crate::{
    kill::lives_through,
    world::{TARGET, World, at},
};

/// 60 events of 20 days, archived by a pass; no long-term store.
async fn archived() -> World {
    let mut world = World::new().await;
    world.settings.targets[0].long_term = false;
    world.happen(1, 60, 20);
    world.once().await.unwrap();
    world
}

/// So many events of days that no lookback reaches come only now.
fn come_late(world: &World, count: i64) {
    for number in 0..count {
        let ago = TimeDelta::days(4) + TimeDelta::hours(number * 31 % (15 * 24));
        world
            .simulator
            .push(&world.stream, NewEvent::at(world.now() - ago));
    }
}

/// Shown, missing, archived, commits.
fn live(work: &Reconciled) -> (u64, u64, u64, u64) {
    let live = work.live;
    (live.pulled, live.missing, live.written, live.commits)
}

async fn kept_as_it_is(world: &World) {
    let before = world.assert_archive_equals_truth().await.commits.len();
    let again = world.reconcile(30).await.unwrap();
    assert_eq!(
        (again.live.missing, again.live.commits),
        (0, 0),
        "a second comparison"
    );
    assert_eq!(world.ledger().await.commits.len(), before);
    world.advance(24 * 60);
    world.once().await.unwrap();
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    world.advance(15);
    world.once().await.unwrap();
    let again = world.reconcile(30).await.unwrap();
    assert_eq!(again.live.missing, 0, "after the state was lost");
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn an_event_later_than_any_lookback_is_found_once() {
    let world = archived().await;
    let time = world.now() - TimeDelta::days(9);
    world.simulator.push(&world.stream, NewEvent::at(time).id("late"));
    world.advance(24 * 60);
    let pass = world.once().await.unwrap();
    assert_eq!(pass.counts.written, 0, "no lookback reaches it");
    let found = world.reconcile(30).await.unwrap();
    assert_eq!(live(&found), (61, 1, 1, 1));
    let ledger = world.assert_archive_equals_truth().await;
    let last = ledger.commits.last().unwrap();
    assert_eq!(last["kind"], "backfill");
    assert_eq!(last["counts"]["written"], 1);
    let mut lines = Vec::new();
    let span = Window::new(time - TimeDelta::hours(1), time + TimeDelta::hours(1));
    cat(&world.archive(), &TARGET.parse().unwrap(), span, &mut lines)
        .await
        .unwrap();
    assert!(String::from_utf8(lines).unwrap().contains(r#""late""#));
    kept_as_it_is(&world).await;
}

#[tokio::test]
async fn many_missing_events_of_many_days_are_archived_in_slices() {
    let mut world = archived().await;
    world.settings.archive.max_events = 25;
    world.settings.archive.csv = true;
    // Most of them on one day, and some at one instant.
    world.happen(2, 150, 15);
    let day = at("2026-11-07T03:00:00Z");
    world
        .simulator
        .generate(&world.stream, 3, 120, day, day + TimeDelta::hours(2));
    for _ in 0..40 {
        world.simulator.push(&world.stream, NewEvent::at(day));
    }
    let found = world.reconcile(20).await.unwrap();
    assert_eq!((found.live.missing, found.live.written), (310, 310));
    let ledger = world.assert_archive_equals_truth().await;
    assert!(ledger.of_kind("backfill") > 15);
    for commit in &ledger.commits[1..] {
        let written = commit["counts"]["written"].as_u64().unwrap();
        assert!(written <= 25 || written == 40, "{commit}");
    }
    kept_as_it_is(&world).await;
}

#[tokio::test]
async fn where_nothing_is_missing_nothing_is_written() {
    let world = archived().await;
    let before = world.ledger().await.commits.len();
    let found = world.reconcile(30).await.unwrap();
    assert_eq!(live(&found), (60, 0, 0, 0));
    assert_eq!(found.without_store.as_deref(), Some("`long_term = false`"));
    assert_eq!(world.ledger().await.commits.len(), before);
}

#[tokio::test]
async fn another_version_of_an_archived_event_is_kept_beside_it() {
    let world = archived().await;
    let time = world.now() - TimeDelta::days(6);
    let index = world
        .simulator
        .push(&world.stream, NewEvent::at(time).id("edited"));
    world.reconcile(30).await.unwrap();
    let spelled = time.format("%Y-%m-%dT%H:%M:%SZ");
    let edited = format!(r#"{{"id":"edited","createdOn":"{spelled}","n":2}}"#);
    assert!(world.simulator.replace(&world.stream, index, edited));
    let found = world.reconcile(30).await.unwrap();
    assert_eq!((found.live.missing, found.live.conflict), (1, 1));
    assert_eq!(world.ledger().await.sum("conflict"), 1);
    kept_as_it_is(&world).await;
}

#[tokio::test]
async fn a_filtered_target_is_compared_with_what_its_filter_lets_through() {
    let mut world = World::new().await;
    world.settings.targets[0].filter = Some(Filter {
        sources: vec!["Orchestrator".to_owned()],
        ..Filter::default()
    });
    world.happen(1, 200, 20);
    let first = world.once().await.unwrap().counts.written;
    assert!(first > 0 && first < 200, "{first}");
    world.happen(2, 200, 20);
    let found = world.reconcile(30).await.unwrap();
    assert!(found.live.written > 0 && found.live.written < 200, "{found:?}");
    assert_eq!(found.live.pulled, first + found.live.missing);
    assert_eq!(
        found.without_store.as_deref(),
        Some("the long-term store knows no filter")
    );
    let ledger = world.ledger().await;
    assert!(
        ledger
            .lines
            .iter()
            .all(|line| String::from_utf8_lossy(line).contains("Orchestrator"))
    );
    assert_eq!(world.reconcile(30).await.unwrap().live.missing, 0);
    world.assert_verified().await;
}

#[tokio::test]
async fn events_without_a_time_are_found_and_known_again() {
    let world = archived().await;
    for day in [5, 9, 9, 12] {
        let filed = world.now() - TimeDelta::days(day);
        let raw = format!(r#"{{"id":"timeless {day}"}}"#);
        world.simulator.push_raw(&world.stream, filed, raw);
    }
    let found = world.reconcile(30).await.unwrap();
    assert_eq!((found.live.missing, found.live.written), (3, 3));
    let found = world.reconcile(30).await.unwrap();
    assert_eq!(found.live.missing, 0);
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    let found = world.reconcile(30).await.unwrap();
    assert_eq!(found.live.missing, 0);
    let ledger = world.ledger().await;
    let timeless = |line: &&Vec<u8>| String::from_utf8_lossy(line).contains("timeless");
    assert_eq!(ledger.lines.iter().filter(timeless).count(), 3);
    world.assert_verified().await;
}

#[tokio::test]
async fn what_is_not_archived_is_not_compared_and_that_is_said() {
    let mut world = World::new().await;
    world.settings.targets[0].long_term = false;
    world.settings.targets[0].pace.start = Start::Ago(std::time::Duration::from_secs(10 * 86_400));
    world.happen(1, 100, 20);
    let error = world.reconcile(5).await.unwrap_err();
    assert!(matches!(error, PassError::NothingYet), "{error:?}");
    assert_eq!(error.action(), Action::NextTick);
    world.once().await.unwrap();
    let (begins, ends) = (
        world.now() - TimeDelta::days(10),
        world.now() - TimeDelta::minutes(2),
    );
    let window = |from: DateTime<Utc>, to: DateTime<Utc>| Some(Window::new(from, to));
    for (from, to, compared) in [
        (20, -1, window(begins, ends)),
        (10, 0, window(begins, ends)),
        (12, 8, window(begins, world.now() - TimeDelta::days(8))),
        (20, 10, None),
        (20, 15, None),
        (-1, -2, None),
        (0, -1, None),
    ] {
        let days = |days| world.now() - TimeDelta::days(days);
        let span = Window::new(days(from), days(to));
        let found = world.start().await.reconcile(span).await.unwrap();
        assert_eq!(found.span, compared, "{from} to {to}");
        assert_eq!(found.live.span, compared, "{from} to {to}");
        assert_eq!(found.live.missing, 0);
        assert_eq!(found.live.pulled == 0, compared.is_none(), "{from} to {to}");
    }
}

#[tokio::test]
async fn files_are_not_compared() {
    let mut world = World::new().await;
    world.settings.targets[0].api = Api::ClassicCsv;
    let error = world.reconcile(5).await.unwrap_err();
    assert!(matches!(error, PassError::Files), "{error:?}");
    assert_eq!(error.action(), Action::Stop);
}

#[tokio::test]
async fn a_server_that_fails_in_the_middle_loses_nothing_of_what_was_found() {
    let mut world = archived().await;
    world.settings.connections.get_mut("cloud").unwrap().retry_for = std::time::Duration::ZERO;
    come_late(&world, 30);
    let fault = world.simulator.fault(When::events().nth(25), Fault::status(503));
    let mut process = world.start().await;
    let mut work = Reconciled::of(Window::new(world.now() - TimeDelta::days(30), world.now()));
    let stop = CancellationToken::new();
    let error = process.exporter.reconcile(&mut work, &stop).await.unwrap_err();
    assert!(matches!(error, PassError::Source(_)), "{error:?}");
    assert_eq!(error.action(), Action::NextTick);
    assert_eq!(world.simulator.struck(fault), 1);
    assert!(work.live.written > 0 && work.live.written < 30, "{work:?}");
    // It goes on where it was, and counts nothing twice.
    process.exporter.reconcile(&mut work, &stop).await.unwrap();
    assert_eq!(live(&work), (90, 30, 30, work.live.commits));
    drop(process);
    kept_as_it_is(&world).await;
}

#[tokio::test]
async fn a_comparison_that_was_stopped_goes_on_where_it_was() {
    let world = archived().await;
    come_late(&world, 30);
    let mut process = world.start().await;
    let mut work = Reconciled::of(Window::new(world.now() - TimeDelta::days(30), world.now()));
    let mut rounds = 0;
    while live(&work).2 < 30 {
        let progress = process.exporter.progress();
        let before = progress.look().commits;
        let stop = CancellationToken::new();
        let mut comparing = std::pin::pin!(process.exporter.reconcile(&mut work, &stop));
        let ended = futures::future::poll_fn(|context| {
            let polled = comparing.as_mut().poll(context);
            if rounds > 0 && progress.look().commits > 0 || rounds == 0 && progress.look().commits > before {
                stop.cancel();
            }
            polled
        });
        ended.await.unwrap();
        rounds += 1;
    }
    assert!(rounds > 5, "{rounds}");
    process
        .exporter
        .reconcile(&mut work, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(live(&work), (90, 30, 30, work.live.commits));
    drop(process);
    kept_as_it_is(&world).await;
}

/// A comparison dies at each of its awaits; then a pass, and a comparison.
async fn dies_at_every_await(after_death: impl Fn(&World)) {
    let mut k = 0;
    loop {
        let mut world = archived().await;
        world.slow_store();
        world.settings.archive.max_events = 20;
        come_late(&world, 8);
        let survived = lives_through(k, async {
            world.reconcile(10).await.unwrap();
        })
        .await;
        drop(crate::world::open_checkpoint(&world.state_dir()).await);
        after_death(&world);
        world.advance(15);
        world
            .simulator
            .push(&world.stream, NewEvent::at(world.now() - TimeDelta::minutes(5)));
        world.once().await.unwrap();
        world.reconcile(30).await.unwrap();
        let checked = std::panic::AssertUnwindSafe(world.assert_archive_equals_truth());
        if futures::FutureExt::catch_unwind(checked).await.is_err() {
            panic!("died at await {k}");
        }
        if survived {
            assert!(
                k > 40,
                "the comparison was expected to wait more often than {k} times"
            );
            return;
        }
        k += 1;
    }
}

#[tokio::test]
async fn killed_at_every_await() {
    dies_at_every_await(|_| {}).await;
}

#[tokio::test]
async fn killed_at_every_await_and_the_state_lost() {
    dies_at_every_await(|world| std::fs::remove_dir_all(world.state_dir()).unwrap()).await;
}
