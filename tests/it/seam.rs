//! A target of the unified API that begins before what the live API shows: the older part comes from the long-term store,
//! and where the two meet nothing is missing and nothing is there twice.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uipath_audit_exporter::{
    error::{Action, Chain},
    export::PassError,
    target::{Api, Start},
};
use uipath_audit_simulator::{Fault, NewEvent, TooOld, When};

use crate::{
    ledger::Ledger,
    world::{World, at},
};

/// A history of so many days, of which the live API shows 90.
async fn history(days: i64, count: u32) -> World {
    let mut world = World::new().await;
    let hours = u64::try_from(days * 24).unwrap();
    world.settings.targets[0].pace.start = Start::Ago(std::time::Duration::from_secs(hours * 3600));
    world.settings.archive.max_events = 150;
    world
        .simulator
        .turn(|switches| switches.pages.look_back = Some(90));
    world.happen(1, count, days - 1);
    world
}

/// Each event that happened before `until` is in the archive once: in the words of the one API or of the other. Returns
/// how many came from the long-term store.
async fn assert_each_event_once(world: &World, until: DateTime<Utc>) -> (Ledger, usize) {
    let ledger = world.ledger().await;
    let mut lines: BTreeMap<&[u8], usize> = BTreeMap::new();
    for line in &ledger.lines {
        *lines.entry(line).or_default() += 1;
    }
    let kept = world.simulator.long_term_truth(&world.stream);
    let kept: BTreeMap<_, _> = kept.iter().map(|event| (event.index, &event.raw)).collect();
    let mut from_store = 0;
    for event in world.simulator.truth(&world.stream) {
        let live = lines.remove(&event.raw[..]).unwrap_or_default();
        let stored = kept.get(&event.index).and_then(|raw| lines.remove(&raw[..]));
        let stored = stored.unwrap_or_default();
        let due = usize::from(event.instant < until);
        assert!(
            live + stored == due || (due == 0 && live + stored == 1),
            "{} times live, {} times stored: {}",
            live,
            stored,
            event.instant
        );
        from_store += stored;
    }
    assert!(lines.is_empty(), "the server never showed some lines");
    world.assert_nothing_lies_about(&ledger).await;
    world.assert_verified().await;
    (ledger, from_store)
}

fn apis(ledger: &Ledger) -> Vec<String> {
    let apis = ledger
        .commits
        .iter()
        .map(|commit| commit["source"]["api"].as_str());
    let mut apis: Vec<String> = apis.map(|api| api.unwrap().to_owned()).collect();
    apis.dedup();
    apis
}

fn kinds(ledger: &Ledger) -> Vec<&str> {
    let kinds = ledger.commits.iter().map(|commit| commit["kind"].as_str());
    kinds.map(Option::unwrap).collect()
}

/// The instant at which the live API takes over.
fn seam(ledger: &Ledger) -> DateTime<Utc> {
    let commits = ledger.commits.iter();
    let mut live = commits.filter(|commit| commit["source"]["api"] == "unified");
    at(live.next().unwrap()["window"]["from"].as_str().unwrap())
}

#[tokio::test]
async fn two_hundred_days_are_complete_without_overlap_or_hole() {
    let world = history(200, 900).await;
    // Events at and around every midnight near which the two may meet.
    for day in 80..100 {
        let midnight = at("2026-11-20T00:00:00Z") - TimeDelta::days(day);
        for millis in [-1000, -1, 0, 1, 999] {
            let event = NewEvent::at(midnight + TimeDelta::milliseconds(millis));
            world.simulator.push(&world.stream, event);
        }
    }
    let summary = world.once().await.unwrap();
    assert_eq!(summary.counts.written, 1000);
    assert_eq!(summary.counts.conflict, 0);
    let (ledger, stored) = assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
    assert_eq!(apis(&ledger), ["long_term", "unified"]);
    assert!(!kinds(&ledger).contains(&"gap"));
    assert!(stored > 400, "{stored}");
    // A midnight that the live API shows for a day still.
    assert_eq!(seam(&ledger), at("2026-08-24T00:00:00Z"));
    let folders = ["jsonl/api=long_term/", "jsonl/api=unified/"];
    let keys = ledger.keys(crate::world::TARGET);
    assert!(
        folders
            .iter()
            .all(|folder| keys.iter().any(|key| key.starts_with(folder)))
    );
    // And on: nothing is read over the seam again.
    world.simulator.push(&world.stream, NewEvent::at(world.now()));
    world.advance(15);
    let summary = world.once().await.unwrap();
    assert_eq!((summary.counts.written, summary.counts.conflict), (1, 0));
    assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
}

#[tokio::test]
async fn a_lookback_that_reaches_over_the_seam_reads_nothing_of_it_again() {
    for lost in [false, true] {
        let mut world = history(200, 300).await;
        world.once().await.unwrap();
        if lost {
            std::fs::remove_dir_all(world.state_dir()).unwrap();
        }
        let days = std::time::Duration::from_secs(95 * 86_400);
        world.settings.targets[0].pace.lookback = days;
        world.settings.targets[0].pace.lookback_daily = days;
        world.advance(24 * 60);
        let summary = world.once().await.unwrap();
        assert_eq!(
            (summary.counts.written, summary.counts.conflict),
            (0, 0),
            "{lost}"
        );
        assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
    }
}

#[tokio::test]
async fn a_live_api_that_refuses_older_spans_makes_no_difference() {
    let world = history(200, 300).await;
    world
        .simulator
        .turn(|switches| switches.pages.too_old = TooOld::Refused);
    let summary = world.once().await.unwrap();
    let (ledger, _) = assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
    assert!(!kinds(&ledger).contains(&"gap"));
}

#[tokio::test]
async fn an_archive_begins_where_a_server_begins_that_refuses_older_spans() {
    let world = history(90, 300).await;
    world
        .simulator
        .turn(|switches| switches.pages.too_old = TooOld::Refused);
    let summary = world.once().await.unwrap();
    assert_eq!(summary.counts.written, 300);
    let ledger = world.assert_archive_equals_truth().await;
    assert_eq!(apis(&ledger), ["unified"]);
    assert!(!kinds(&ledger).contains(&"gap"));
}

#[tokio::test]
async fn after_a_hundred_days_of_standstill_nothing_is_missing() {
    let mut world = history(30, 200).await;
    world.settings.targets[0].pace.start = Start::At(at("2026-10-01T00:00:00Z"));
    world.once().await.unwrap();
    world.advance(130 * 24 * 60);
    world.happen(2, 600, 129);
    let summary = world.once().await.unwrap();
    let (ledger, stored) = assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
    assert_eq!(apis(&ledger), ["unified", "long_term", "unified"]);
    assert!(!kinds(&ledger).contains(&"gap"));
    assert!(stored > 100, "{stored}");
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    world.advance(15);
    let summary = world.once().await.unwrap();
    assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
}

#[tokio::test]
async fn a_platform_without_a_long_term_store_admits_a_gap_that_says_so() {
    let world = history(200, 300).await;
    world.simulator.fault(When::long_term(), Fault::status(404));
    world.once().await.unwrap();
    let ledger = world.ledger().await;
    assert_eq!(kinds(&ledger)[..2], ["gap", "events"]);
    let reason = ledger.commits[0]["reason"].as_str().unwrap();
    assert!(reason.contains("90 days") && reason.contains("404"), "{reason}");
    world.assert_verified().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_read_now_is_waited_for() {
    for (status, action) in [(503, Action::NextTick), (403, Action::Stop)] {
        let mut world = history(200, 300).await;
        for connection in world.settings.connections.values_mut() {
            connection.retry_for = std::time::Duration::from_millis(300);
        }
        let always = world.simulator.fault(When::long_term(), Fault::status(status));
        let error = world.once().await.unwrap_err();
        assert_eq!(error.action(), action, "{}", Chain(&error));
        // Going without admits a gap: nothing to advise while the store may come back.
        let without = error
            .hint()
            .is_some_and(|hint| hint.contains("`long_term = false`"));
        assert_eq!(without, action == Action::Stop, "{:?}", error.hint());
        assert!(world.ledger().await.commits.is_empty());
        world.simulator.clear_fault(always);
        // In the middle: what was read before is kept.
        let day = (world.now() - TimeDelta::days(150)).date_naive();
        world.simulator.set_heavy_day(&world.stream, day);
        assert!(world.once().await.is_err());
        assert!(!world.ledger().await.commits.is_empty());
        world.simulator.clear_heavy_days();
        let summary = world.once().await.unwrap();
        assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
    }
}

#[tokio::test]
async fn a_store_that_answers_for_other_days_is_not_given_up_for_one_that_it_refuses() {
    for status in [400, 404] {
        let world = history(200, 300).await;
        for nth in 30..36 {
            let later_day = When::long_term().nth(nth);
            let _ = world.simulator.fault(later_day, Fault::status(status));
        }
        let error = world.once().await.unwrap_err();
        assert!(matches!(error, PassError::Store(_)), "{}", Chain(&error));
        // Another process, to which it has never answered: the archive tells.
        let refused = world.simulator.fault(When::long_term(), Fault::status(status));
        assert!(world.once().await.is_err());
        assert!(!kinds(&world.ledger().await).contains(&"gap"));
        world.simulator.clear_fault(refused);
        world.simulator.clear_faults();
        let summary = world.once().await.unwrap();
        let (ledger, _) = assert_each_event_once(&world, summary.coverage_end.unwrap()).await;
        assert!(!kinds(&ledger).contains(&"gap"));
    }
}

#[tokio::test]
async fn a_target_that_has_read_the_store_alone_so_far_still_is_what_it_was() {
    // The live API is out of order: the newest commits are of the store.
    let mut world = history(200, 300).await;
    world.simulator.fault(When::events(), Fault::status(403));
    assert!(world.once().await.is_err());
    assert_eq!(apis(&world.ledger().await), ["long_term"]);
    let mut other = crate::world::World::of(uipath_audit_simulator::Kind::LongTerm).await;
    other.happen(1, 30, 20);
    other.once().await.unwrap();
    for (world, to, back) in [
        (&mut world, Api::LongTerm, Api::Unified),
        (&mut other, Api::Unified, Api::LongTerm),
    ] {
        world.settings.targets[0].api = to;
        for lost in [false, true] {
            if lost {
                std::fs::remove_dir_all(world.state_dir()).unwrap();
            }
            let error = world.once().await.unwrap_err();
            assert!(
                matches!(error, PassError::OtherStream { what: "API", .. }),
                "{to:?}: {}",
                Chain(&error)
            );
        }
        world.settings.targets[0].api = back;
        world.simulator.clear_faults();
        world.once().await.unwrap();
        world.assert_verified().await;
    }
}

#[tokio::test]
async fn killed_at_every_await_nothing_is_missing_or_twice() {
    let mut killed = 0;
    loop {
        let mut world = history(95, 0).await;
        world.slow_store();
        for hours in (1..95 * 24).step_by(40) {
            let event = NewEvent::at(world.now() - TimeDelta::hours(hours));
            world.simulator.push(&world.stream, event);
        }
        let survived = crate::kill::lives_through(killed, async {
            world.start().await.pass().await.unwrap();
        })
        .await;
        drop(crate::world::open_checkpoint(&world.state_dir()).await);
        if killed % 3 == 2 {
            std::fs::remove_dir_all(world.state_dir()).unwrap();
        }
        let summary = world.once().await.unwrap();
        let until = summary.coverage_end.unwrap();
        let (_, stored) = assert_each_event_once(&world, until).await;
        assert!(stored > 1, "{stored}");
        if survived {
            assert!(killed > 40, "{killed} awaits");
            return;
        }
        killed += 1;
    }
}
