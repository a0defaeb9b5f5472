//! Promises that need a history of their own: gaps, archives that went back, events that come very late, limits.

use chrono::TimeDelta;
use object_store::{ObjectStoreExt as _, path::Path};
use uipath_audit_exporter::{error::Action, export::PassError, target::Start};
use uipath_audit_simulator::NewEvent;

use crate::world::{TARGET, World, at};

fn days(days: u64) -> std::time::Duration {
    std::time::Duration::from_secs(days * 86_400)
}

fn key(number: u64) -> Path {
    Path::parse(format!("commits/{TARGET}/{number:020}.json")).unwrap()
}

/// Two passes with events in both.
async fn two_commits() -> World {
    let world = World::new().await;
    world.happen(1, 100, 3);
    world.once().await.unwrap();
    world.simulator.push(&world.stream, NewEvent::at(world.now()));
    world.advance(15);
    world.once().await.unwrap();
    world
}

#[tokio::test]
async fn a_span_older_than_the_server_keeps_is_an_admitted_gap() {
    let mut world = World::new().await;
    world.settings.targets[0].pace.start = Start::Ago(days(200));
    world.settings.targets[0].long_term = false;
    world.happen(1, 50, 30);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let kinds: Vec<_> = ledger.commits.iter().map(|commit| &commit["kind"]).collect();
    assert_eq!(kinds, ["gap", "events"]);
    let gap = &ledger.commits[0];
    assert_eq!(gap["window"]["from"], "2026-05-04T12:00:00.000Z");
    assert_eq!(
        gap["window"]["to"], "2026-08-22T12:00:00.000Z",
        "the retention ends there"
    );
    assert!(gap["reason"].as_str().unwrap().contains("90 days"), "{gap}");
}

#[tokio::test]
async fn an_event_that_says_it_is_ancient_hides_no_gap() {
    let mut world = World::new().await;
    world.settings.targets[0].pace.start = Start::Ago(days(200));
    world.settings.targets[0].long_term = false;
    world.happen(1, 50, 30);
    let filed = world.now() - TimeDelta::days(10);
    let ancient = r#"{"id":"a","createdOn":"0001-01-01T00:00:00"}"#;
    world.simulator.push_raw(&world.stream, filed, ancient);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let kinds: Vec<_> = ledger.commits.iter().map(|commit| &commit["kind"]).collect();
    assert_eq!(kinds, ["gap", "events"]);
}

/// The first pass begins a little after its start was chosen: what expired in between is no gap, the archive begins there.
#[tokio::test]
async fn an_archive_begins_where_the_server_begins_if_that_is_a_little_after_its_start() {
    for (seconds, shown, first, from) in [
        (30, false, "events", "2026-08-22T12:00:00.000Z"),
        (30, true, "events", "2026-08-22T11:59:50.000Z"),
        (7200, false, "gap", "2026-08-22T10:00:00.000Z"),
    ] {
        let mut world = World::new().await;
        let edge = world.now() - TimeDelta::days(90);
        world.settings.targets[0].pace.start = Start::At(edge - TimeDelta::seconds(seconds));
        world.settings.targets[0].long_term = false;
        world.happen(1, 50, 30);
        if shown {
            let event = NewEvent::at(edge - TimeDelta::seconds(10));
            world.simulator.push(&world.stream, event);
        }
        world.once().await.unwrap();
        let ledger = world.assert_archive_equals_truth().await;
        assert_eq!(ledger.lines.len(), 50 + usize::from(shown));
        let commit = &ledger.commits[0];
        assert_eq!(
            (&commit["kind"], &commit["window"]["from"]),
            (&first.into(), &from.into())
        );
        assert_eq!(commit["lookback_from"], commit["window"]["from"]);
    }
}

#[tokio::test]
async fn an_archive_that_was_rolled_back_stops_its_target_until_a_person_says_so() {
    let world = two_commits().await;
    world.store.delete(&key(1)).await.unwrap();
    let error = world.once().await.unwrap_err();
    assert!(matches!(error, PassError::RolledBack { .. }), "{error:?}");
    assert_eq!(error.action(), Action::Stop);
    world.start().await.exporter.recover().await.unwrap();
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn an_event_later_than_the_lookback_is_found_by_the_daily_one() {
    let world = two_commits().await;
    let late = world.now() - TimeDelta::hours(20);
    world.simulator.push(&world.stream, NewEvent::at(late));
    world.advance(15);
    assert_eq!(
        world.once().await.unwrap().counts.late,
        0,
        "it is too late for the lookback"
    );
    world.simulator.clock().fix(at("2026-11-21T00:15:00Z"));
    assert_eq!(world.once().await.unwrap().counts.late, 1);
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_commit_holds_no_more_bytes_than_the_limit() {
    let mut world = World::new().await;
    world.settings.archive.max_bytes = 64 << 10;
    world.happen(1, 2_000, 10);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let mut lines = ledger.lines.iter();
    for commit in &ledger.commits {
        let events = usize::try_from(commit["counts"]["written"].as_u64().unwrap()).unwrap();
        let bytes: usize = lines.by_ref().take(events).map(Vec::len).sum();
        assert!(bytes <= 64 << 10, "{bytes} bytes in commit {}", commit["number"]);
    }
}
