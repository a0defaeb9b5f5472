//! The daemon against the simulator, over HTTP, into a directory.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use uipath_audit_simulator::{Fault, When};
use url::Url;

use super::{Around, Options, Stop, run};
use crate::{
    clock::Clock,
    fleet::OpenError,
    observe::capture,
    status::{Needs, PassResult, State, Status},
};

mod alive;
mod comparing;
mod reload;
#[expect(clippy::future_not_send, reason = "a test stays on its thread")]
mod world;

use world::{CERTIFICATE, EVERY_SECOND, HOURLY, PATIENCE, World, day, lines, stream, wait_until};

#[tokio::test]
async fn events_are_archived_as_they_come_target_by_target() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 300);
    world.generate("two", 2, 200);
    let running = world.start(world.settings("audit-1", EVERY_SECOND, &["one", "two"]), PATIENCE);
    world.all_archived("one").await;
    world.all_archived("two").await;
    for _ in 0..3 {
        world.push("one");
        world.all_archived("one").await;
    }

    let seen = running
        .shows("one", "done", |status| {
            status.state == State::Idle && status.last_success.is_some() && status.next_run.is_some()
        })
        .await;
    assert!(seen.lag_seconds.unwrap() < 60, "{seen:?}");
    let status = running.stop().await;
    assert_eq!(status.targets.len(), 2);
    assert!(status.run.is_some());
    let [one, two] = &status.targets[..] else {
        panic!("two targets")
    };
    assert_eq!((one.state, two.state), (State::Idle, State::Idle));
    let commits = world.commits("one").await;
    let last = one.last_commit.as_ref().unwrap();
    assert_eq!(last.number, commits.last().unwrap().number);
    assert_eq!(one.coverage_end, Some(commits.last().unwrap().window.to));
    assert_eq!(log.problems(), Vec::<String>::new());
    let done = lines(&log, "one", "pass done");
    assert!(
        done[0].starts_with("INFO") && done[0].contains("written=300"),
        "{}",
        done[0]
    );
    assert!(
        !log.lines().iter().any(|line| line.contains("Ada")),
        "a person in the log"
    );
}

#[tokio::test]
async fn the_trouble_of_some_targets_delays_no_other() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 100);
    world
        .simulator
        .fault(When::events().of(&stream("two")), Fault::status(403));
    let mut settings = world.settings("audit-1", EVERY_SECOND, &["one", "two", "three", "four"]);
    let mut dead = world.connection("dead");
    dead.url = "http://127.0.0.1:1/".parse().unwrap();
    let mut closed = world.connection("closed");
    closed.ca_file = Some(world.directory.path().join("ca.pem"));
    settings.connections.insert("dead".to_owned(), dead);
    settings.connections.insert("closed".to_owned(), closed);
    settings.targets[2].connection = "dead".to_owned();
    settings.targets[3].connection = "closed".to_owned();
    let running = world.start(settings, Duration::from_millis(100));

    world.all_archived("one").await;
    let two = running
        .shows("two", "refused twice", |status| status.failures >= 2)
        .await;
    assert_eq!(two.last_error.unwrap().action, Needs::Person);
    let four = running
        .shows("four", "kept from its certificates", |status| {
            status.last_error.is_some()
        })
        .await;
    assert!(four.last_error.unwrap().message.contains("ca.pem"));
    for _ in 0..3 {
        world.push("one");
        world.all_archived("one").await;
    }
    running
        .shows("three", "without a server", |status| {
            status.state == State::Failing
        })
        .await;

    // What was wrong is put right, and nobody restarts anything.
    world.simulator.clear_faults();
    world.push("two");
    world.all_archived("two").await;
    fs::write(world.directory.path().join("ca.pem"), CERTIFICATE).unwrap();
    world.push("four");
    world.all_archived("four").await;

    let status = running.stop().await;
    assert_eq!(status.targets[1].failures, 0);
    let refused = lines(&log, "two", "pass failed");
    assert!(refused.len() >= 2, "{refused:?}");
    assert!(
        refused[0].starts_with("ERROR") && refused[0].contains("hint="),
        "{}",
        refused[0]
    );
    for line in &refused[1..] {
        assert!(line.starts_with("WARN") && !line.contains("hint="), "{line}");
    }
    let mut closed = log.problems();
    closed.retain(|line| line.contains("ca.pem"));
    assert_eq!(closed.len(), 1, "{closed:?}");
}

#[tokio::test]
async fn missed_runs_are_made_up_once_after_a_restart() {
    let (world, log) = (World::new().await, capture());
    let clock = world.simulator.clock();
    clock.fix(day(12, 30));
    world.generate("one", 1, 50);
    let settings = world.settings("audit-1", HOURLY, &["one"]);
    let running = world.start(settings.clone(), PATIENCE);
    world.all_archived("one").await;
    running
        .shows("one", "waiting", |status| status.next_run.is_some())
        .await;
    running.stop().await;

    clock.fix(day(17, 30));
    world.generate("one", 2, 50);
    let running = world.start(settings, PATIENCE);
    world.all_archived("one").await;
    let made_up = running
        .shows("one", "waiting", |status| {
            status.next_run.is_some_and(|next| next >= day(18, 0))
        })
        .await;
    let last = made_up.last_pass.unwrap();
    assert_eq!((last.missed, last.result), (5, PassResult::Done));
    let done = lines(&log, "one", "pass done");
    assert_eq!(done.len(), 2, "{done:?}");
    assert!(done[1].contains("missed=5"), "{}", done[1]);

    // The clock leaps, as after a suspend: no timer was set for that.
    clock.fix(day(18, 1));
    world.generate("one", 3, 50);
    world.all_archived("one").await;
    running
        .shows("one", "waiting", |status| {
            status.next_run.is_some_and(|next| next >= day(19, 0))
        })
        .await;
    // It is set back: what is due next is next by the new time.
    clock.fix(day(14, 30));
    running
        .shows("one", "waiting for less", |status| {
            status.next_run.is_some_and(|next| next < day(15, 1))
        })
        .await;
    running.stop().await;
    assert_eq!(log.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn passes_never_overlap_however_slow_the_server() {
    let (world, log) = (World::new().await, capture());
    world.simulator.latency(Duration::from_millis(600));
    let running = world.start(world.settings("audit-1", EVERY_SECOND, &["one"]), PATIENCE);
    world.push("one");
    world.all_archived("one").await;
    world.simulator.clear_requests();
    wait_until("three more passes", async || {
        lines(&log, "one", "pass done").len() >= 4
    })
    .await;
    assert_eq!(world.simulator.max_concurrent_seen(), 1);
    running.stop().await;
    assert_eq!(log.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn stopping_lets_a_pass_end_and_leaves_nothing_half_done() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 5000);
    let mut settings = world.settings("audit-1", EVERY_SECOND, &["one"]);
    settings.archive.max_events = 100;
    let running = world.start(settings.clone(), PATIENCE);
    wait_until("some commits", async || world.commits("one").await.len() > 3).await;
    let status = running.stop().await;
    let archived = world.archived("one").await;
    assert!(archived < 5000, "stopped too late to tell");
    let last = status.targets[0].last_pass.clone().unwrap();
    assert_eq!(last.result, PassResult::Interrupted);
    assert_eq!(usize::try_from(last.counts.written).unwrap(), archived);
    assert_eq!(status.targets[0].state, State::Idle);

    let running = world.start(settings, PATIENCE);
    world.all_archived("one").await;
    running.stop().await;
    assert_eq!(log.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_silent_server_holds_up_neither_a_stop_nor_a_second_signal() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 100);
    let silence = world.simulator.fault(When::events(), Fault::Silence);
    let settings = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let running = world.start(settings.clone(), Duration::from_millis(300));
    wait_until("a request", async || world.simulator.struck(silence) > 0).await;
    let status = running.stop().await;
    assert_eq!(status.targets[0].state, State::Idle);
    assert_eq!(log.problems(), Vec::<String>::new());

    let running = world.start(settings.clone(), PATIENCE * 10);
    wait_until("another request", async || world.simulator.struck(silence) > 1).await;
    running.stop.stop.cancel();
    running.stop.leave.cancel();
    running.ended().await;

    world.simulator.clear_faults();
    let running = world.start(settings, PATIENCE);
    world.all_archived("one").await;
    running.stop().await;
}

#[tokio::test]
async fn a_second_daemon_stands_by_and_takes_over_when_the_first_is_gone() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 100);
    let mut settings = world.settings("audit-1", EVERY_SECOND, &["one"]);
    settings.targets[0].pace.takeover_after = Some(Duration::from_secs(600));
    let mut twin = world.settings("audit-2", EVERY_SECOND, &["one"]);
    twin.targets = settings.targets.clone();
    let first = world.start(settings, PATIENCE);
    world.all_archived("one").await;
    let second = world.start(twin, PATIENCE);
    second
        .shows("one", "standing by", |status| status.state == State::Standby)
        .await;
    world.push("one");
    world.all_archived("one").await;
    let seen = second
        .shows("one", "watching", |status| {
            status.last_commit.as_ref().is_some_and(|last| last.number > 0)
        })
        .await;
    assert_eq!(seen.last_commit.unwrap().instance, "audit-1");
    let owner = seen.standing_by.unwrap();
    assert!(owner.instance == "audit-1" && owner.until > world.simulator.clock().now());
    assert!(seen.last_error.is_none() && seen.failures == 0);
    first.stop().await;

    world.simulator.clock().advance(TimeDelta::minutes(11));
    world.push("one");
    world.all_archived("one").await;
    second
        .shows("one", "at work", |status| {
            status
                .last_commit
                .as_ref()
                .is_some_and(|last| last.instance == "audit-2")
        })
        .await;
    assert!(second.stop().await.targets[0].standing_by.is_none());
    let commits = world.commits("one").await;
    assert!(commits.last().unwrap().epoch > commits[0].epoch);
    let told = lines(&log, "one", "standing by: another");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(lines(&log, "one", "taking the target over").len(), 1);
    assert_eq!(log.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_state_directory_in_use_is_refused_and_an_archive_out_of_reach_is_waited_for() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 10);
    let mut settings = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let place = world.directory.path().join("elsewhere");
    fs::write(&place, "a file where a directory should be").unwrap();
    settings.archive.url = Url::from_directory_path(&place).unwrap();
    let running = world.start(settings.clone(), PATIENCE);
    let one = running
        .shows("one", "kept from its archive", |status| {
            status.last_error.is_some()
        })
        .await;
    assert!(one.last_error.unwrap().message.contains("elsewhere"));
    let stop = Stop::default();
    let again = run(
        settings,
        Around::default(),
        world.clock(),
        Options::default(),
        stop,
    )
    .await;
    assert!(matches!(again, Err(OpenError::Checkpoint(_))));

    fs::remove_file(&place).unwrap();
    running
        .shows("one", "archived", |status| status.last_commit.is_some())
        .await;
    running.stop().await;
    assert_eq!(log.problems().len(), 1, "{:?}", log.problems());
}

#[tokio::test]
async fn a_panic_ends_a_pass_and_no_more() {
    let (world, log) = (World::new().await, capture());
    world.generate("one", 1, 100);
    let (simulator, panicked) = (Arc::clone(&world.simulator), AtomicBool::new(false));
    // The first look at the clock after a request is one in the middle of the pass.
    let clock = Clock::from_fn(move || {
        let working = tracing::Span::current().metadata().map(tracing::Metadata::name) == Some("worker");
        if working && simulator.request_count() > 0 && !panicked.swap(true, Ordering::SeqCst) {
            panic!("as ordered by the test");
        }
        simulator.clock().now()
    });
    let settings = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let running = world.start_by(clock, settings, PATIENCE);
    world.all_archived("one").await;
    running
        .shows("one", "well again", |status| status.last_success.is_some())
        .await;
    let status = running.stop().await;
    assert!(
        status.targets[0]
            .last_error
            .as_ref()
            .unwrap()
            .message
            .contains("panicked")
    );
    let problems = log.problems();
    assert!(
        problems.len() == 1 && problems[0].contains("pass failed"),
        "{problems:?}"
    );
    assert_eq!(lines(&log, "one", "after_failures=1").len(), 1);
}

#[tokio::test]
async fn a_daemon_without_targets_waits_for_its_end() {
    let world = World::new().await;
    let (stop, tasks) = (Stop::default(), TaskTracker::new());
    let names = ["one", "two", "three", "four"];
    let settings = world.settings("audit-1", EVERY_SECOND, &names[..1]);
    let shard = (0..2).map(|index| format!("{index}/2").parse::<super::Shard>().unwrap());
    let other = shard
        .into_iter()
        .find(|shard| !shard.holds(&"one".parse().unwrap()));
    let options = Options {
        shard: other,
        ..Options::default()
    };
    let state_dir = settings.state_dir.clone();
    let task = tasks.spawn(run(
        settings,
        Around::default(),
        world.clock(),
        options,
        stop.clone(),
    ));
    wait_until("a status", async || Status::read(&state_dir).unwrap().is_some()).await;
    assert!(Status::is_live(&state_dir));
    assert!(!task.is_finished());
    stop.stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    assert_eq!(Status::read(&state_dir).unwrap().unwrap().targets, []);
}
