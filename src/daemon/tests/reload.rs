//! Another configuration while the daemon runs: what changes, what goes on, and what is refused.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use uipath_audit_simulator::{Fault, When};

use super::{
    super::{Reload, following::Does},
    world::{CERTIFICATE, EVERY_SECOND, HOURLY, PATIENCE, Running, World, wait_until},
};
use crate::{
    archive::Archive, checkpoint::Checkpoint, fleet::Fleet, observe, settings::Settings, status::State,
};

/// A configuration that tests write, in a file that only has to change.
struct Written {
    settings: Arc<Mutex<Result<Settings, String>>>,
    file: std::path::PathBuf,
}

impl Written {
    fn new(world: &World, settings: &Settings) -> Self {
        let file = world.directory.path().join("exporter.toml");
        fs::write(&file, "0").unwrap();
        Self {
            settings: Arc::new(Mutex::new(Ok(settings.clone()))),
            file,
        }
    }

    fn start(&self, world: &World) -> Running {
        let first = self.settings.lock().unwrap().clone().unwrap();
        world.start_reloading(world.clock(), first, PATIENCE, self.reload())
    }

    fn reload(&self) -> Reload {
        let settings = Arc::clone(&self.settings);
        let read = move || settings.lock().unwrap().clone().map_err(Into::into);
        Reload::new(vec![self.file.clone()], read)
    }

    /// Writes another configuration; the file shows it.
    fn write(&self, settings: Result<Settings, String>) {
        *self.settings.lock().unwrap() = settings;
        let more = fs::read_to_string(&self.file).unwrap() + "+";
        fs::write(&self.file, more).unwrap();
    }
}

#[tokio::test]
async fn targets_come_and_go_and_those_that_stay_are_not_disturbed() {
    let (log, world) = (observe::capture(), World::new().await);
    for (seed, tenant) in ["one", "two", "three"].into_iter().enumerate() {
        world.generate(tenant, seed as u64, 20);
    }
    let before = world.settings("audit-1", EVERY_SECOND, &["one", "two"]);
    let written = Written::new(&world, &before);
    let daemon = written.start(&world);
    world.all_archived("one").await;
    world.all_archived("two").await;
    daemon
        .shows("two", "idle", |status| status.state == State::Idle)
        .await;

    let after = world.settings("audit-1", EVERY_SECOND, &["three", "one"]);
    written.write(Ok(after));
    world.all_archived("three").await;
    wait_until("`two` is gone", async || daemon.status("two").is_none()).await;
    world.push("one");
    world.push("two");
    world.all_archived("one").await;
    // Many passes of the others later nobody has read it.
    let commits = world.commits("one").await.len();
    assert_eq!(world.archived("two").await, 20);

    // It comes back, and goes on where it was.
    written.write(Ok(world.settings(
        "audit-1",
        EVERY_SECOND,
        &["two", "three", "one"],
    )));
    world.all_archived("two").await;
    let last = daemon.stop().await;
    let names: Vec<&str> = last.targets.iter().map(|status| status.target.as_str()).collect();
    assert_eq!(names, ["two", "three", "one"]);
    assert!(world.commits("one").await.len() >= commits);
    // All that time one process wrote, one worker for each target.
    let runs: std::collections::BTreeSet<String> = world
        .commits("one")
        .await
        .into_iter()
        .map(|commit| commit.run)
        .collect();
    assert_eq!(runs.len(), 1);
    let told = log.lines();
    let read: Vec<_> = told
        .iter()
        .filter(|line| line.contains("the configuration was read again"))
        .collect();
    assert_eq!(read.len(), 2, "{read:#?}");
    assert!(read[0].contains("added=three removed=two"), "{read:#?}");
    assert!(
        !read[0].contains("changed=") && !read[0].contains("sections="),
        "{read:#?}"
    );
    assert_eq!(log.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_configuration_with_mistakes_is_told_and_the_old_one_goes_on() {
    let (log, world) = (observe::capture(), World::new().await);
    let settings = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let written = Written::new(&world, &settings);
    let daemon = written.start(&world);
    daemon
        .shows("one", "covered", |status| status.coverage_end.is_some())
        .await;

    written.write(Err("read the configuration: 1 mistake".to_owned()));
    wait_until("the mistake is told", async || log.problems().len() == 1).await;
    let told = log.problems().concat();
    assert!(
        told.contains("the configuration cannot be used: the old one stays") && told.contains("1 mistake"),
        "{told}"
    );
    world.push("one");
    world.all_archived("one").await;

    // What reads well but cannot be opened is refused as well.
    let mut unusable = world.settings("audit-1", EVERY_SECOND, &["one", "two"]);
    unusable.connections.get_mut("cloud").unwrap().ca_file = Some("/nowhere.pem".into());
    written.write(Ok(unusable));
    wait_until("the file is told", async || log.problems().len() == 2).await;
    assert!(log.problems()[1].contains("/nowhere.pem"), "{:?}", log.problems());
    world.push("one");
    world.all_archived("one").await;
    assert!(daemon.status("two").is_none());
    let first = daemon.says().unwrap().configuration;
    wait_until("the status has the file", async || {
        let problem = daemon.says().unwrap().configuration.problem;
        problem.is_some_and(|problem| problem.message.contains("/nowhere.pem"))
    })
    .await;

    written.write(Ok(world.settings("audit-1", EVERY_SECOND, &["one", "two"])));
    daemon
        .shows("two", "covered", |status| status.coverage_end.is_some())
        .await;
    let last = daemon.stop().await.configuration;
    assert!(last.problem.is_none() && last.read_at > first.read_at, "{last:?}");
    assert_eq!(log.problems().len(), 2);
}

#[tokio::test]
async fn what_kept_targets_from_working_is_mended_by_a_new_configuration() {
    let (log, world) = (observe::capture(), World::new().await);
    world.generate("one", 1, 10);
    let mut broken = world.settings("audit-1", EVERY_SECOND, &["one"]);
    broken.connections.get_mut("cloud").unwrap().ca_file = Some("/nowhere.pem".into());
    broken.archive.url = "file:///proc/nowhere".parse().unwrap();
    let written = Written::new(&world, &broken);
    let daemon = written.start(&world);
    wait_until("it cannot begin", async || !log.problems().is_empty()).await;

    // One thing at a time.
    let mut half = world.settings("audit-1", EVERY_SECOND, &["one"]);
    half.connections.clone_from(&broken.connections);
    written.write(Ok(half));
    daemon
        .shows("one", "told of the certificates", |status| {
            status
                .last_error
                .as_ref()
                .is_some_and(|error| error.message.contains("/nowhere.pem"))
        })
        .await;
    written.write(Ok(world.settings("audit-1", EVERY_SECOND, &["one"])));
    world.all_archived("one").await;
    daemon
        .shows("one", "idle", |status| status.state == State::Idle)
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_changed_target_begins_anew_in_the_midst_of_a_pass() {
    let (log, world) = (observe::capture(), World::new().await);
    world.generate("one", 1, 30);
    let silence = world.simulator.fault(When::events(), Fault::Silence);
    let written = Written::new(&world, &world.settings("audit-1", HOURLY, &["one"]));
    let daemon = written.start(&world);
    wait_until("a request", async || world.simulator.struck(silence) > 0).await;

    // The request at hand gets no reply any more: the changed target does not wait for it.
    let mut other = world.settings("audit-1", HOURLY, &["one"]);
    other
        .connections
        .get_mut("cloud")
        .unwrap()
        .max_concurrent_requests = 2;
    other.targets[0].pace.lookback = Duration::from_secs(60);
    world.simulator.clear_fault(silence);
    written.write(Ok(other));
    world.all_archived("one").await;
    daemon.stop().await;
    let told = log.lines().concat();
    assert!(told.contains("changed=one sections=connections.cloud"), "{told}");
    let commits = world.commits("one").await;
    assert!(
        commits
            .iter()
            .all(|commit| commit.run == commits[0].run && commit.epoch == 1)
    );
}

#[tokio::test]
async fn a_hangup_reads_it_again_though_no_file_has_changed() {
    let world = World::new().await;
    let before = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let written = Written::new(&world, &before);
    let daemon = written.start(&world);
    daemon
        .shows("one", "covered", |status| status.coverage_end.is_some())
        .await;
    *written.settings.lock().unwrap() = Ok(world.settings("audit-1", EVERY_SECOND, &["one", "two"]));
    daemon.stop.hangup.notify_one();
    daemon
        .shows("two", "covered", |status| status.coverage_end.is_some())
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn an_archive_that_was_opened_with_new_certificates_is_followed_through_them() {
    let world = World::new().await;
    let roots = world.directory.path().join("roots.pem");
    fs::write(&roots, CERTIFICATE).unwrap();
    let mut settings = world.settings("audit-1", HOURLY, &["one"]);
    settings.archive.ca_file = Some(roots.clone());
    let checkpoint = Checkpoint::open(&settings.state_dir).unwrap();
    let archive = Archive::open(&settings.archive).unwrap();
    let fleet = Fleet::unconnected(&settings, world.clock(), checkpoint, archive);
    let before = Does::of(&fleet.shared, &settings);

    let same = fleet.renewed(&settings).unwrap();
    assert!(before.is_same(&Does::of(&same.shared, &settings)));
    fs::write(&roots, format!("{CERTIFICATE}\n{CERTIFICATE}\n")).unwrap();
    let replaced = fleet.renewed(&settings).unwrap();
    assert!(!before.is_same(&Does::of(&replaced.shared, &settings)));
}

#[tokio::test]
async fn what_is_written_while_it_is_being_read_is_read_again() {
    let world = World::new().await;
    let before = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let after = world.settings("audit-1", EVERY_SECOND, &["one", "two"]);
    let file = world.directory.path().join("exporter.toml");
    fs::write(&file, "0").unwrap();
    let (path, first, reads) = (
        file.clone(),
        before.clone(),
        std::sync::atomic::AtomicUsize::new(0),
    );
    let read = move || {
        if reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            return Ok(after.clone());
        }
        // An editor saves once more, just when the file has been read.
        fs::write(&path, "second")?;
        Ok(first.clone())
    };
    let reload = Reload::new(vec![file.clone()], read);
    let daemon = world.start_reloading(world.clock(), before, PATIENCE, reload);
    daemon
        .shows("one", "covered", |status| status.coverage_end.is_some())
        .await;
    fs::write(&file, "first").unwrap();
    daemon
        .shows("two", "covered", |status| status.coverage_end.is_some())
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn what_changes_while_the_daemon_starts_is_taken_over() {
    let world = World::new().await;
    let before = world.settings("audit-1", EVERY_SECOND, &["one"]);
    let after = world.settings("audit-1", EVERY_SECOND, &["one", "two"]);
    let written = Written::new(&world, &before);
    let reload = written.reload();
    written.write(Ok(after));
    let daemon = world.start_reloading(world.clock(), before, PATIENCE, reload);
    daemon
        .shows("two", "covered", |status| status.coverage_end.is_some())
        .await;
    daemon.stop().await;
}
