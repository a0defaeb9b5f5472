//! What Prometheus is told, compared with the truth: the archive, the server's log, and what was done to both.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use object_store::{ObjectStoreExt as _, local::LocalFileSystem};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use uipath_audit_exporter::{
    daemon::{self, Around, Options, Stop},
    fleet::OpenError,
    metrics::Metrics,
    schedule::Schedule,
    settings::Settings,
    status::Status,
    target::{Reconcile, Start},
};
use uipath_audit_simulator::{Fault, NewEvent, RetryAfter, When};

use crate::{
    machine::wait_for,
    world::{TARGET, World},
};

mod documents;
mod many;
mod promtool;
mod samples;

use samples::{Samples, passes};

const EVERY_SECOND: &str = "* * * * * *";

/// A world whose archive is a directory and whose time goes by.
async fn world() -> World {
    let mut world = World::new().await;
    let root = world.directory.path().join("archive");
    std::fs::create_dir(&root).unwrap();
    world.move_to(Arc::new(LocalFileSystem::new_with_prefix(&root).unwrap()));
    world.settings.archive.url = url::Url::from_directory_path(&root).unwrap();
    let target = &mut world.settings.targets[0];
    target.schedule = Schedule::new(EVERY_SECOND, "UTC").unwrap();
    target.pace.settle = Duration::ZERO;
    target.long_term = false;
    world.simulator.clock().run();
    world
}

/// A daemon that is watched.
struct Watched {
    metrics: Metrics,
    settings: Settings,
    stop: Stop,
    task: JoinHandle<Result<(), OpenError>>,
}

impl Watched {
    fn start(world: &World, settings: &Settings) -> Self {
        let (metrics, stop, tasks) = (Metrics::default(), Stop::default(), TaskTracker::new());
        let around = Around {
            metrics: metrics.clone(),
            ..Around::default()
        };
        let daemon = daemon::run(
            settings.clone(),
            around,
            world.clock(),
            Options::default(),
            stop.clone(),
        );
        Self {
            metrics,
            settings: settings.clone(),
            stop,
            task: tasks.spawn(daemon),
        }
    }

    fn text(&self, world: &World) -> String {
        let status = Status::read(&self.settings.state_dir).unwrap();
        status.map_or(String::new(), |status| self.metrics.text(&status, world.now()))
    }

    fn read(&self, world: &World) -> Samples {
        Samples::read(&self.text(world))
    }

    /// Waits until a sample has at least that value.
    async fn reaches(&self, world: &World, sample: &str, least: f64) {
        self.shows(world, sample, |value| value >= least).await;
    }

    async fn shows(&self, world: &World, sample: &str, is: impl Fn(f64) -> bool + Send + Sync) {
        wait_for(sample, async || self.read(world).get(sample).is_some_and(&is)).await;
    }

    /// Ends it; what it counted.
    async fn end(self, world: &World) -> Samples {
        self.stop.stop.cancel();
        self.task.await.unwrap().unwrap();
        let status = Status::read(&self.settings.state_dir).unwrap().unwrap();
        Samples::read(&self.metrics.text(&status, world.now()))
    }
}

fn target(name: &str) -> String {
    format!("{name}{{target=\"{TARGET}\"}}")
}

/// Counted commits and events are those in the archive.
async fn assert_equals_archive(world: &World, samples: &Samples) {
    let ledger = world.ledger().await;
    let mut bytes = 0;
    for kind in ["events", "empty", "backfill", "gap"] {
        let made = ledger.commits.iter().filter(|commit| commit["kind"] == kind);
        assert_eq!(samples.kind(kind), made.count() as f64, "{kind}");
    }
    for name in ["written", "late", "conflict"] {
        let counted = ledger
            .commits
            .iter()
            .map(|commit| commit["counts"][name].as_u64());
        let counted: u64 = counted.map(Option::unwrap).sum();
        assert_eq!(
            samples.of(&format!("events_{name}_total")),
            counted as f64,
            "{name}"
        );
    }
    for commit in &ledger.commits {
        let objects = commit["objects"].as_array().unwrap();
        bytes += objects
            .iter()
            .map(|object| object["bytes"].as_u64().unwrap())
            .sum::<u64>();
        let number = commit["number"].as_u64().unwrap();
        let key = object_store::path::Path::parse(format!("commits/{TARGET}/{number:020}.json")).unwrap();
        bytes += world.store.head(&key).await.unwrap().size;
    }
    assert_eq!(samples.of("archive_bytes_written_total"), bytes as f64);
}

#[tokio::test]
async fn what_is_counted_is_in_the_archive_and_in_the_servers_log() {
    let mut world = world().await;
    world.settings.archive.max_events = 200;
    world.happen(1, 700, 30);
    let daemon = Watched::start(&world, &world.settings);
    daemon
        .reaches(&world, &target("events_written_total"), 700.0)
        .await;
    // One comes late, within the lookback.
    daemon.reaches(&world, &passes("done"), 1.0).await;
    let late = world.now() - TimeDelta::minutes(20);
    world.simulator.push(&world.stream, NewEvent::at(late));
    daemon.reaches(&world, &target("events_late_total"), 1.0).await;
    daemon.reaches(&world, &passes("done"), 4.0).await;
    let log = || world.simulator.requests().len() as f64;
    wait_for("as many requests as the server saw", async || {
        let before = log();
        let seen = daemon.read(&world);
        // What was given up before it was answered, the server may have seen or not.
        let (answered, given_up) = (seen.requests("200"), seen.requests("none"));
        let all = answered + given_up;
        let timed = seen.cloud("request_seconds_count");
        let agree = |count: f64| (answered..=all).contains(&count);
        seen.sum("requests_total") == all && agree(timed) && agree(before) && log() == before
    })
    .await;
    let before = daemon.read(&world);
    assert_eq!(before.of("standby"), 0.0);
    assert!(before.of("lag_seconds") < 60.0);
    let samples = daemon.end(&world).await;

    assert_equals_archive(&world, &samples).await;
    let ledger = world.assert_archive_equals_truth().await;
    assert_eq!(ledger.lines.len(), 701);
    let covered = ledger.commits.last().unwrap()["window"]["to"]
        .as_str()
        .unwrap()
        .to_owned();
    let covered = crate::world::at(&covered).timestamp_millis() as f64 / 1000.0;
    assert_eq!(samples.of("coverage_end_timestamp_seconds"), covered);
    assert!(samples.of("last_success_timestamp_seconds") >= covered);
    assert_eq!(
        samples.of("last_event_timestamp_seconds"),
        late.timestamp_millis() as f64 / 1000.0
    );
    assert!(samples.of("events_duplicate_total") > 0.0, "the lookback");
    let bucket = |bound| {
        samples.get(&format!(
            "event_lateness_seconds_bucket{{target=\"{TARGET}\",le=\"{bound}\"}}"
        ))
    };
    assert_eq!(
        (bucket("600"), bucket("3600"), bucket("+Inf")),
        (Some(0.0), Some(1.0), Some(1.0))
    );

    assert_eq!(samples.cloud("requests_in_flight"), 0.0);
    // Four at first, more once they are used.
    assert!((4.0..=8.0).contains(&samples.cloud("requests_in_flight_limit")));
    assert!(samples.cloud("clock_skew_seconds").abs() < 5.0);
    assert_eq!((samples.passes("failed"), samples.passes("standby")), (0.0, 0.0));
    assert_eq!(samples.get("buffered_bytes"), Some(0.0));
    assert_eq!(samples.get("buffered_limit_bytes"), Some((64 << 20) as f64));
}

#[tokio::test]
async fn throttling_repeats_and_failures_are_counted_and_commits_of_passes_that_fail_later() {
    let mut world = world().await;
    world.settings.archive.max_events = 100;
    world.happen(1, 600, 30);
    let slow = world
        .simulator
        .fault(When::events().nth(2), Fault::too_many(RetryAfter::Seconds(0)));
    let broken = world.simulator.fault(When::events().nth(3), Fault::Reset);
    let daemon = Watched::start(&world, &world.settings);
    daemon
        .reaches(&world, &target("events_written_total"), 600.0)
        .await;
    daemon.reaches(&world, &passes("done"), 1.0).await;
    let seen = daemon.read(&world);
    assert_eq!(
        (world.simulator.struck(slow), world.simulator.struck(broken)),
        (1, 1)
    );
    assert_eq!((seen.cloud("throttled_total"), seen.requests("429")), (1.0, 1.0));
    assert_eq!(seen.requests("none"), 1.0);
    assert_eq!(seen.cloud("retries_total"), 2.0);

    // From now on each pass fails.
    world.simulator.fault(When::events(), Fault::status(403));
    daemon.reaches(&world, &target("pass_failures"), 2.0).await;
    let seen = daemon.read(&world);
    let state = |state: &str| format!("target_state{{target=\"{TARGET}\",state=\"{state}\"}}");
    assert_eq!(seen.get(&state("needs_person")), Some(1.0));
    assert_eq!(
        (seen.sum("target_state{"), seen.get(&state("idle"))),
        (1.0, Some(0.0))
    );
    assert!(seen.passes("failed") >= 2.0);
    assert!(seen.requests("403") >= 2.0);
    world.simulator.clear_faults();
    let done = seen.passes("done");
    daemon.reaches(&world, &passes("done"), done + 1.0).await;
    daemon
        .shows(&world, &target("pass_failures"), |failures| failures == 0.0)
        .await;
    let samples = daemon.end(&world).await;
    assert_equals_archive(&world, &samples).await;
}

#[tokio::test]
async fn what_a_pass_committed_before_it_failed_is_counted() {
    let mut world = world().await;
    world.settings.archive.max_events = 50;
    world.settings.archive.max_bytes = 200 << 10;
    world.happen(1, 3000, 30);
    world.settings.targets[0].schedule = Schedule::new("0 0 * * * *", "UTC").unwrap();
    // Parts hold far fewer than half of the events: what begins after this fails, and what is older is archived.
    let middle = world.now() - TimeDelta::days(15);
    world
        .simulator
        .fault(When::events().from(middle), Fault::status(403));
    let daemon = Watched::start(&world, &world.settings);
    daemon.reaches(&world, &passes("failed"), 1.0).await;
    let samples = daemon.end(&world).await;
    let written = samples.of("events_written_total");
    assert!((1.0..3000.0).contains(&written), "{written}");
    assert_eq!(samples.passes("done"), 0.0);
    assert_equals_archive(&world, &samples).await;
}

#[tokio::test]
async fn a_replica_that_stands_by_says_so_and_counts_no_commit_of_the_owner() {
    let world = world().await;
    world.happen(1, 50, 3);
    let owner = Watched::start(&world, &world.settings);
    owner.reaches(&world, &target("events_written_total"), 50.0).await;
    let mut settings = world.settings.clone();
    settings.instance = "audit-2".to_owned();
    settings.state_dir = world.directory.path().join("other");
    let replica = Watched::start(&world, &settings);
    replica.reaches(&world, &passes("standby"), 2.0).await;
    replica.reaches(&world, &target("standby"), 1.0).await;
    world
        .simulator
        .push(&world.stream, NewEvent::at(world.now() - TimeDelta::seconds(1)));
    owner.reaches(&world, &target("events_written_total"), 51.0).await;
    let seen = replica.read(&world);
    assert_eq!((seen.of("standby"), owner.read(&world).of("standby")), (1.0, 0.0));
    assert_eq!(
        (seen.of("events_written_total"), seen.sum("commits_total")),
        (0.0, 0.0)
    );
    assert!(seen.of("last_commit_timestamp_seconds") > 0.0);
    // It read a foreign archive: that is a rebuild.
    assert_eq!(seen.of("checkpoint_rebuilds_total"), 1.0);
    replica.end(&world).await;
    let samples = owner.end(&world).await;
    assert_equals_archive(&world, &samples).await;
}

#[tokio::test]
async fn gaps_rebuilds_and_missed_runs_are_counted() {
    let mut world = world().await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let pace = &mut world.settings.targets[0].pace;
    (pace.start, pace.retention) = (Start::Ago(days(60)), days(30));
    world.settings.targets[0].schedule = Schedule::new("0 0 * * * *", "UTC").unwrap();
    world.happen(1, 50, 3);
    let began = world.now().timestamp() as f64;
    let daemon = Watched::start(&world, &world.settings);
    daemon.reaches(&world, &passes("done"), 1.0).await;
    let seen = daemon.read(&world);
    assert_eq!(seen.kind("gap"), 1.0);
    assert!(seen.of("last_gap_timestamp_seconds") >= began);
    assert_eq!(seen.of_target("last_rebuild_timestamp_seconds", TARGET), None);
    assert_eq!(seen.of("missed_runs_total"), 0.0);
    assert_eq!(seen.of("schedule_period_seconds"), 3600.0);
    assert_eq!(seen.of("retention_seconds"), 30.0 * 86_400.0);
    // A night's sleep.
    world.advance(5 * 60);
    daemon.reaches(&world, &passes("done"), 2.0).await;
    let missed = daemon.read(&world).of("missed_runs_total");
    assert!((4.0..=5.0).contains(&missed), "{missed}");
    let samples = daemon.end(&world).await;
    assert_equals_archive(&world, &samples).await;

    std::fs::remove_dir_all(world.state_dir().join("checkpoint")).unwrap();
    let daemon = Watched::start(&world, &world.settings);
    daemon.reaches(&world, &passes("done"), 1.0).await;
    let samples = daemon.end(&world).await;
    assert_eq!(samples.of("checkpoint_rebuilds_total"), 1.0);
    assert!(samples.of("last_rebuild_timestamp_seconds") > began);
    assert_eq!(samples.kind("gap"), 0.0, "that was another process");
}

#[tokio::test]
async fn what_a_comparison_finds_is_counted_as_backfill() {
    let mut world = world().await;
    world.settings.targets[0].reconcile = Some(Reconcile {
        schedule: Schedule::new(EVERY_SECOND, "UTC").unwrap(),
        back: Duration::from_secs(30 * 86_400),
    });
    world.happen(1, 60, 20);
    let daemon = Watched::start(&world, &world.settings);
    daemon
        .reaches(&world, &target("events_written_total"), 60.0)
        .await;
    let compared = format!("comparisons_total{{target=\"{TARGET}\",result=\"done\"}}");
    daemon.reaches(&world, &compared, 1.0).await;
    let time = world.now() - TimeDelta::days(9);
    world.simulator.push(&world.stream, NewEvent::at(time));
    let backfill = format!("commits_total{{target=\"{TARGET}\",kind=\"backfill\"}}");
    daemon.reaches(&world, &backfill, 1.0).await;
    let samples = daemon.end(&world).await;
    assert_equals_archive(&world, &samples).await;
    assert_eq!(samples.of("events_written_total"), 61.0);
    assert!(samples.of("last_comparison_timestamp_seconds") > 0.0);
    let lateness = samples.of("event_lateness_seconds_sum");
    assert!((8.9 * 86_400.0..9.1 * 86_400.0).contains(&lateness), "{lateness}");
}
