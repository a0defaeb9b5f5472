//! Comparing with the long-term store: what only that store has is archived as it spells it.

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use uipath_audit_exporter::{
    cat::cat,
    error::Action,
    export::{PassError, Reconciled},
    target::Start,
    window::Window,
};
use uipath_audit_simulator::{Fault, Identifier, NewEvent, Strays, TruthEvent, When};

use crate::{
    kill::lives_through,
    world::{TARGET, World, at},
};

/// What the store has for longer than two days, and the live API never showed.
fn only_there(world: &World) -> Vec<TruthEvent> {
    let live: Vec<String> = seen(world.simulator.truth(&world.stream));
    let settled = at("2026-11-18T00:00:00Z");
    let mut there = world.simulator.long_term_truth(&world.stream);
    there.retain(|event| event.visible && event.instant < settled);
    there.retain(|event| !live.contains(event.id.as_ref().unwrap()));
    there
}

fn seen(truth: Vec<TruthEvent>) -> Vec<String> {
    let visible = truth.into_iter().filter(|event| event.visible);
    visible.filter_map(|event| event.id).collect()
}

/// 70 events of 20 days, of which the live API never shows some; archived by a pass.
async fn with_strays() -> World {
    let world = World::new().await;
    world
        .simulator
        .turn(|switches| switches.long_term.strays = Strays::OnlyLongTerm(7));
    world.happen(1, 70, 20);
    world.once().await.unwrap();
    world
}

/// Everything that the live API shows, and what only the store has, is archived once.
async fn assert_all_of_both(world: &World) {
    let ledger = world.ledger().await;
    let mut expected: Vec<Vec<u8>> = only_there(world).into_iter().map(|event| event.raw).collect();
    let live = world.simulator.truth(&world.stream);
    let live = live.into_iter().filter(|event| event.visible);
    expected.extend(live.map(|event| event.raw));
    expected.sort();
    let mut lines = ledger.lines.clone();
    lines.sort();
    assert_eq!(lines.len(), expected.len());
    assert!(lines == expected, "other events than expected");
    world.assert_nothing_lies_about(&ledger).await;
    world.assert_verified().await;
}

#[tokio::test]
async fn a_day_that_has_grown_since_it_was_compared_is_compared_anew() {
    let world = World::new().await;
    world
        .simulator
        .turn(|switches| switches.long_term.strays = Strays::OnlyLongTerm(7));
    world.happen(1, 1400, 20);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let day = Window::new(at("2026-11-17T00:00:00Z"), at("2026-11-18T00:00:00Z"));
    process.reconcile(day).await.unwrap();
    let before = only_there(&world).len();
    for minute in 0..28 {
        let event = NewEvent::at(day.from + TimeDelta::minutes(60 + minute));
        world.simulator.push(&world.stream, event);
    }
    let grown = (only_there(&world).len() - before) as u64;
    let found = process.reconcile(day).await.unwrap();
    assert!(grown > 0);
    assert_eq!((found.live.written, found.store.written), (28 - grown, grown));
    world.assert_verified().await;
}

#[tokio::test]
async fn what_only_the_store_has_is_archived_once_as_the_store_spells_it() {
    let world = with_strays().await;
    let strays = only_there(&world);
    assert!(strays.len() >= 3, "{}", strays.len());
    let found = world.reconcile(30).await.unwrap();
    assert_eq!((found.live.missing, found.without_store), (0, None));
    let missing = strays.len() as u64;
    assert_eq!((found.store.missing, found.store.written), (missing, missing));
    assert!(found.store.pulled > missing);
    assert_eq!(found.store.span.unwrap().to, at("2026-11-18T00:00:00Z"));
    assert_all_of_both(&world).await;
    let ledger = world.ledger().await;
    for commit in ledger
        .commits
        .iter()
        .filter(|commit| commit["kind"] == "backfill")
    {
        assert_eq!(commit["source"]["api"], "long_term");
        let key = commit["objects"][0]["key"].as_str().unwrap();
        assert!(key.starts_with("jsonl/api=long_term/"), "{key}");
    }

    let before = ledger.commits.len();
    for lost in [false, true] {
        if lost {
            std::fs::remove_dir_all(world.state_dir()).unwrap();
        }
        let again = world.reconcile(30).await.unwrap();
        assert_eq!(
            (again.live.missing, again.store.missing),
            (0, 0),
            "state lost: {lost}"
        );
    }
    assert_eq!(world.ledger().await.commits.len(), before);
    world.once().await.unwrap();
    assert_all_of_both(&world).await;
    let mut lines = Vec::new();
    let span = Window::new(world.now() - TimeDelta::days(30), world.now());
    cat(&world.archive(), &TARGET.parse().unwrap(), span, &mut lines)
        .await
        .unwrap();
    let lines = String::from_utf8(lines).unwrap();
    assert!(
        strays
            .iter()
            .all(|stray| lines.contains(std::str::from_utf8(&stray.raw).unwrap()))
    );
}

#[tokio::test]
async fn an_event_that_both_show_late_is_archived_once() {
    let world = World::new().await;
    world.happen(1, 40, 20);
    world.once().await.unwrap();
    for hours in 0..30 {
        let time = at("2026-11-12T11:00:00Z") + TimeDelta::hours(hours);
        world.simulator.push(&world.stream, NewEvent::at(time));
    }
    // On either side of midnight.
    for millis in [-1, 0, 1] {
        let time = at("2026-11-14T00:00:00Z") + TimeDelta::milliseconds(millis);
        world.simulator.push(&world.stream, NewEvent::at(time));
    }
    let found = world.reconcile(30).await.unwrap();
    assert_eq!((found.live.written, found.store.missing), (33, 0));
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn what_only_the_live_api_has_is_not_missed_in_the_archive() {
    let world = World::new().await;
    world
        .simulator
        .turn(|switches| switches.long_term.strays = Strays::OnlyLive(3));
    world.happen(1, 70, 20);
    world.once().await.unwrap();
    let found = world.reconcile(30).await.unwrap();
    assert_eq!((found.live.missing, found.store.missing), (0, 0));
    assert!(found.store.pulled > 0 && found.store.pulled < found.live.pulled);
    assert_eq!(found.without_store, None);
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn where_ids_do_not_match_records_are_counted_only() {
    let world = World::new().await;
    world
        .simulator
        .turn(|switches| switches.long_term.identifier = Identifier::Other);
    world.happen(1, 70, 20);
    world.once().await.unwrap();
    let found = world.reconcile(30).await.unwrap();
    assert!(found.store.missing > 40, "{found:?}");
    assert_eq!(found.store.missing, found.store.pulled);
    assert_eq!((found.store.written, found.store.commits), (0, 0));
    assert!(found.without_store.unwrap().contains("other ids"));
    world.assert_archive_equals_truth().await;
}

/// A target that went without the store, and admitted a gap, then with it. The live API shows 90 days.
async fn with_a_gap(identifier: Identifier) -> World {
    let mut world = World::new().await;
    world.simulator.turn(|switches| {
        switches.long_term.identifier = identifier;
        switches.pages.look_back = Some(90);
    });
    let target = &mut world.settings.targets[0];
    target.pace.start = Start::Ago(std::time::Duration::from_secs(200 * 86_400));
    target.long_term = false;
    world.happen(1, 300, 190);
    world.once().await.unwrap();
    assert_eq!(world.ledger().await.of_kind("gap"), 1);
    world.settings.targets[0].long_term = true;
    world
}

#[tokio::test]
async fn a_gap_is_filled_from_the_store() {
    for identifier in [Identifier::Live, Identifier::Other] {
        let world = with_a_gap(identifier).await;
        let before = world.ledger().await;
        let gap = at(before.commits[0]["window"]["to"].as_str().unwrap());
        let there = world.simulator.long_term_truth(&world.stream);
        let lost = there
            .iter()
            .filter(|event| event.visible && event.instant < gap)
            .count();
        assert!(lost > 100, "{lost}");
        let found = world.reconcile(250).await.unwrap();
        assert_eq!(found.store.written, lost as u64, "{identifier:?}: {found:?}");
        let after = world.ledger().await;
        assert_eq!(after.lines.len(), before.lines.len() + lost);
        assert_eq!(world.reconcile(250).await.unwrap().store.written, 0);
        world.assert_verified().await;
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_told_and_the_live_api_compared() {
    let world = World::new().await;
    world.happen(1, 40, 20);
    world.once().await.unwrap();
    world.happen(2, 5, 20);
    world.simulator.fault(When::long_term(), Fault::status(404));
    let found = world.reconcile(30).await.unwrap();
    assert_eq!(found.store.span, None);
    assert!(found.without_store.unwrap().contains("is not there"));
    assert_eq!(world.reconcile(30).await.unwrap().live.missing, 0);
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_store_that_fails_on_a_day_keeps_nothing_from_being_compared_with_the_live_api() {
    let mut world = with_strays().await;
    world.settings.connections.get_mut("cloud").unwrap().retry_for = std::time::Duration::ZERO;
    world.happen(2, 20, 20);
    let heavy = at("2026-11-10T00:00:00Z").date_naive();
    world.simulator.set_heavy_day(&world.stream, heavy);
    let mut process = world.start().await;
    let mut work = Reconciled::of(Window::new(world.now() - TimeDelta::days(30), world.now()));
    let stop = CancellationToken::new();
    let error = process.exporter.reconcile(&mut work, &stop).await.unwrap_err();
    assert!(matches!(error, PassError::Compare(_)), "{error:?}");
    assert_eq!(error.action(), Action::NextTick);
    assert_eq!(work.live.span, work.span, "all of it");
    assert!(work.live.written > 0);
    assert_eq!(work.store.span.unwrap().to, at("2026-11-10T00:00:00Z"));
    world.simulator.clear_heavy_days();
    process.exporter.reconcile(&mut work, &stop).await.unwrap();
    assert_eq!(work.store.written, only_there(&world).len() as u64);
    drop(process);
    assert_all_of_both(&world).await;
}

#[tokio::test]
async fn killed_at_every_await() {
    for lost in [false, true] {
        let mut k = 0;
        loop {
            let mut world = with_strays().await;
            world.slow_store();
            world.settings.archive.max_events = 20;
            let survived = lives_through(k, async {
                world.reconcile(12).await.unwrap();
            })
            .await;
            drop(crate::world::open_checkpoint(&world.state_dir()).await);
            if lost {
                std::fs::remove_dir_all(world.state_dir()).unwrap();
            }
            world.once().await.unwrap();
            world.reconcile(30).await.unwrap();
            let checked = std::panic::AssertUnwindSafe(assert_all_of_both(&world));
            if futures::FutureExt::catch_unwind(checked).await.is_err() {
                panic!("died at await {k}");
            }
            if survived {
                assert!(
                    k > 40,
                    "the comparison was expected to wait more often than {k} times"
                );
                break;
            }
            // Each third: others die at each of them.
            k += 3;
        }
    }
}
