//! The calendar says of each day what really happened, whatever was lost meanwhile, and says what it does not know yet.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use uipath_audit_exporter::{
    calendar::{Beginning, Calendar, Covered, Part},
    follow::{Count, Follower, News},
    settings::HttpSettings,
    target::{Start, TargetName},
    window::Window,
};
use uipath_audit_simulator::{Kind, NewEvent};

use crate::{
    kill::lives_through,
    kinds::KINDS,
    ledger::Ledger,
    rival::Rival,
    world::{Process, TARGET, World, at, is_due, time_of},
};

mod daemon;
mod troubles;

const DAY_MS: i64 = 86_400_000;

fn follower(world: &World, process: &Process) -> Follower {
    let mut settings = world.settings.clone();
    let listen = "127.0.0.1:0".parse().unwrap();
    settings.http = Some(HttpSettings {
        listen,
        hosts: Vec::new(),
    });
    let hear = Arc::new(|_: &TargetName, _: News| {});
    Follower::new(&settings, &process.fleet.shared, hear).unwrap()
}

fn target() -> TargetName {
    TARGET.parse().unwrap()
}

async fn count(follower: &Follower) {
    while follower.count(&target()).await.unwrap() == Count::Newer {}
}

async fn count_all(follower: &Follower) {
    count(follower).await;
    while follower.count_back(&target()).await.unwrap() {}
}

async fn calendar(world: &World, process: &Process) -> Calendar {
    let today = world.now().date_naive();
    let from = today.checked_sub_days(Days::new(120)).unwrap();
    let notes = process.fleet.shared.checkpoint.of(&target());
    notes.calendar(from, today + Days::new(2)).await.unwrap()
}

/// The spans of commits of a kind, or of all that are links of the chain.
fn windows(ledger: &Ledger, kind: Option<&str>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let of = |commit: &serde_json::Value, end: &str| at(commit["window"][end].as_str().unwrap());
    let commits = ledger.commits.iter().filter(|commit| match kind {
        Some(kind) => commit["kind"] == kind,
        None => commit["kind"] != "backfill",
    });
    commits
        .map(|commit| (of(commit, "from"), of(commit, "to")))
        .collect()
}

fn bounds(date: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let begin = at(&format!("{date}T00:00:00Z"));
    (begin, begin + TimeDelta::days(1))
}

/// Each day as an auditor would tell it, who knows the simulator's truth and reads the archive by himself.
fn assert_is_the_truth(world: &World, ledger: &Ledger, calendar: &Calendar) {
    let covered = ledger.covered().unwrap();
    let mut events: BTreeMap<NaiveDate, u64> = BTreeMap::new();
    for event in world.truth(&world.stream) {
        if is_due(&event, covered) {
            *events.entry(time_of(&event).date_naive()).or_default() += 1;
        }
    }
    let begins = windows(ledger, None)[0].0;
    let gaps = windows(ledger, Some("gap"));
    let days = calendar.days();
    assert!(days.len() > 100);
    for day in days {
        assert!(day.known, "{day:?}");
        let truth = events.get(&day.date).copied().unwrap_or_default();
        if day.in_file {
            assert!(day.events <= truth, "{truth} {day:?}");
        } else {
            assert_eq!(day.events, truth, "{day:?}");
        }
        let (from, to) = bounds(day.date);
        let expected = match () {
            () if to <= begins => Covered::Before,
            () if covered <= from => Covered::NotYet,
            () if begins <= from && to <= covered => Covered::Whole,
            () => Covered::Partly,
        };
        assert_eq!(day.covered, expected, "{day:?}");
        let overlap = |gap: &(DateTime<Utc>, DateTime<Utc>)| {
            (gap.1.min(to) - gap.0.max(from)).num_milliseconds().max(0)
        };
        let expected = match gaps.iter().map(overlap).sum::<i64>() {
            0 => Part::None,
            DAY_MS => Part::Whole,
            _ => Part::Some,
        };
        assert_eq!(day.gap, expected, "{day:?}");
    }
    let told: i64 = calendar
        .gaps
        .iter()
        .map(|gap| (gap.window.to - gap.window.from).num_milliseconds())
        .sum();
    let admitted: i64 = gaps.iter().map(|gap| (gap.1 - gap.0).num_milliseconds()).sum();
    assert_eq!(told, admitted);
    assert_eq!(
        (calendar.begins(), calendar.covered_to()),
        (Some(begins), Some(covered))
    );
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let newest = ledger.commits.iter().rev().take(20);
    let newest = newest.map(|commit| (number(&commit["number"]), number(&commit["counts"]["written"])));
    let recent = calendar
        .recent
        .iter()
        .map(|recent| (recent.number, recent.written));
    assert!(recent.eq(newest), "{:?}", calendar.recent);
}

async fn happens(world: &World, process: &mut Process) {
    process.pass().await.unwrap();
    // Nothing for some days.
    for _ in 0..5 {
        world.advance(24 * 60);
        process.pass().await.unwrap();
    }
    let push = |minutes| {
        let event = NewEvent::at(world.now() - TimeDelta::minutes(minutes));
        world.simulator.push(&world.stream, event);
    };
    [1, 30].into_iter().for_each(push);
    world.settle();
    process.pass().await.unwrap();
    if world.kind == Kind::Unified {
        // A late one, found by the next day's long lookback.
        push(60 * 30);
        world.advance(24 * 60);
        process.pass().await.unwrap();
    }
}

#[tokio::test]
async fn each_day_of_each_kind_of_api_is_what_happened() {
    for row in &KINDS {
        let mut world = World::of(row.kind).await;
        world.settings.archive.csv = true;
        world.settings.archive.max_events = 25;
        world.happen(1, 150, 20);
        let mut process = world.start().await;
        happens(&world, &mut process).await;
        let follower = follower(&world, &process);
        count_all(&follower).await;
        let ledger = world.ledger().await;
        let calendar = calendar(&world, &process).await;
        assert_is_the_truth(&world, &ledger, &calendar);
        let empty = |day: &&uipath_audit_exporter::calendar::Day| {
            day.covered == Covered::Whole && day.events == 0 && !day.in_file && day.gap == Part::None
        };
        let days = calendar.days();
        assert!(days.iter().filter(empty).count() >= 3, "{:?}", row.kind);
        let counted: u64 = days.iter().map(|day| day.events).sum();
        let lines = ledger.lines.len() as u64;
        assert!(
            counted == lines || lines == 0,
            "{:?}: {counted} of {lines}",
            row.kind
        );
        assert_eq!(calendar.counted.unwrap().beginning, Beginning::First);
    }
}

#[tokio::test]
async fn gaps_and_what_a_comparison_finds_are_on_their_days() {
    let mut world = World::new().await;
    let pace = &mut world.settings.targets[0].pace;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    (pace.start, pace.retention) = (Start::Ago(days(30)), days(7));
    world.settings.targets[0].long_term = false;
    world.happen(1, 40, 3);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let follower = follower(&world, &process);
    count_all(&follower).await;
    for age in [5, 5, 6] {
        let event = NewEvent::at(world.now() - TimeDelta::days(age));
        world.simulator.push(&world.stream, event);
    }
    world.advance(15);
    let span = Window::new(world.now() - TimeDelta::days(7), world.now());
    process.reconcile(span).await.unwrap();
    process.pass().await.unwrap();
    count(&follower).await;
    let ledger = world.ledger().await;
    assert!(ledger.of_kind("gap") > 0 && ledger.of_kind("backfill") > 0);
    let calendar = calendar(&world, &process).await;
    assert_is_the_truth(&world, &ledger, &calendar);
    assert!(calendar.gaps[0].reason.is_some());
    let whole = calendar
        .days()
        .iter()
        .filter(|day| day.gap == Part::Whole)
        .count();
    assert!(whole >= 22, "{whole}");
}

#[tokio::test]
async fn killed_at_every_await_each_commit_counts_once() {
    let mut world = World::new().await;
    world.slow_store();
    world.settings.archive.max_events = 10;
    world.happen(1, 60, 10);
    let mut ended = false;
    let mut k = 0;
    while !ended {
        let mut process = world.start().await;
        let event = NewEvent::at(world.now() - TimeDelta::minutes(5));
        world.simulator.push(&world.stream, event);
        process.pass().await.unwrap();
        world.advance(61);
        process.pass().await.unwrap();
        if k % 4 == 3 {
            // Older commits are to be counted again, too.
            drop(process);
            std::fs::remove_dir_all(world.state_dir()).unwrap();
            process = world.start().await;
            process.pass().await.unwrap();
        }
        let follower = self::follower(&world, &process);
        ended = lives_through(k, count_all(&follower)).await && k > 8;
        drop((follower, process));
        let process = world.start().await;
        count_all(&self::follower(&world, &process)).await;
        let calendar = calendar(&world, &process).await;
        assert_is_the_truth(&world, &world.ledger().await, &calendar);
        k += 1;
    }
    assert!(k > 8, "died at {k} places");
}

#[tokio::test]
async fn after_a_lost_disk_the_newest_is_known_at_once_and_the_rest_by_and_by() {
    let mut world = World::new().await;
    world.settings.archive.max_events = 5;
    world.happen(1, 200, 40);
    let mut process = world.start().await;
    happens(&world, &mut process).await;
    count_all(&follower(&world, &process)).await;
    let before = calendar(&world, &process).await;
    drop(process);
    std::fs::remove_dir_all(world.state_dir()).unwrap();

    let mut process = world.start().await;
    let follower = follower(&world, &process);
    count(&follower).await;
    let unknown = calendar(&world, &process).await;
    assert!(unknown.counted.is_none() && unknown.days().iter().all(|day| !day.known));
    world.advance(60);
    process.pass().await.unwrap();
    count(&follower).await;
    let at_once = calendar(&world, &process).await;
    assert_eq!(at_once.covered_to(), world.ledger().await.covered());
    assert!(at_once.begins().is_none() && at_once.known_from() > before.begins());
    // Backwards it goes on where it ended, day by day, and a day that is known is what it was.
    let mut known = 0;
    while follower.count_back(&target()).await.unwrap() {
        let days = calendar(&world, &process).await.days();
        let now: Vec<_> = days.iter().filter(|day| day.known).collect();
        assert!(now.len() >= known);
        known = now.len();
        for day in now {
            let was = before
                .days()
                .into_iter()
                .find(|was| was.date == day.date)
                .unwrap();
            assert!(was.events == day.events && was.gap == day.gap, "{was:?} {day:?}");
        }
    }
    assert_is_the_truth(&world, &world.ledger().await, &calendar(&world, &process).await);
}

#[tokio::test]
async fn what_another_exporter_commits_counts_too() {
    let world = World::new().await;
    world.happen(1, 40, 10);
    let mut first = Rival::started(&world, "audit-1", "first").await;
    let mut second = Rival::started(&world, "audit-2", "second").await;
    first.pass().await.unwrap();
    let follower = self::follower(&world, second.process());
    for _ in 0..3 {
        let event = NewEvent::at(world.now() - TimeDelta::minutes(5));
        world.simulator.push(&world.stream, event);
        world.advance(61);
        first.pass().await.unwrap();
        assert!(second.pass().await.is_err(), "it stands by");
        count_all(&follower).await;
        let calendar = calendar(&world, second.process()).await;
        assert_is_the_truth(&world, &world.ledger().await, &calendar);
    }
}
