//! Trouble on our own side: the state directory, the disk, the clock, the secret, the configuration, the archive. A clear
//! error each, nothing written that is wrong, nothing lost; and once it is mended the archive equals the truth.
//!
//! What makes these tests fail, tried by hand: a head that is not compared with the archive's, known events that are not
//! dropped, leftovers that are listed only when the state is lost, a clock that is looked at only where something is read.

mod archive;
mod damage;
mod full;

use std::{path::Path, sync::Arc, time::Duration};

use chrono::TimeDelta;
use uipath_audit_exporter::{
    archive::Archive,
    checkpoint::{Checkpoint, CheckpointError},
    error::{Action, Chain},
    export::PassError,
    target::{Filter, Target},
};
use uipath_audit_simulator::NewEvent;

use self::full::Full;
use crate::world::World;

fn told(error: &PassError) -> String {
    format!("{} (hint: {})", Chain(error), error.hint().unwrap_or_default())
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn put_in_place(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    copy(from, to);
}

/// Three passes with something new each, some of it late.
async fn three_passes(world: &World) {
    world.happen(1, 300, 20);
    world.once().await.unwrap();
    for _ in 0..2 {
        more(world);
        world.once().await.unwrap();
    }
}

/// A quarter of an hour goes by; some events happen, others show up late.
fn more(world: &World) {
    world.advance(15);
    for minute in [5, 9, 12, 25, 40] {
        let at = world.now() - TimeDelta::minutes(minute);
        world.simulator.push(&world.stream, NewEvent::at(at));
    }
}

/// What happens after the trouble is archived, and nothing was lost by it.
async fn goes_on(world: &World) {
    more(world);
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}

async fn keys(world: &World) -> Vec<String> {
    let listed = world.archive().list("", None).await.unwrap();
    listed.into_iter().map(|listed| listed.key).collect()
}

async fn fails(world: &World, words: &[&str]) -> PassError {
    let before = keys(world).await;
    let error = world.once().await.unwrap_err();
    let told = told(&error);
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert_eq!(keys(world).await, before, "something was written: {told}");
    error
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_written_is_named() {
    let world = World::new().await;
    // Root may write anywhere: only what is no directory stops everybody.
    let file = world.directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    for directory in [file.join("state"), file.clone()] {
        let error = Checkpoint::open(&directory)
            .err()
            .expect("it cannot be a directory");
        let told = format!("{} (hint: {})", Chain(&error), error.hint().unwrap());
        assert!(told.contains(file.to_str().unwrap()), "{told}");
        assert!(told.contains("`state_dir`"), "{told}");
        assert_eq!(error.action(), Action::Stop, "{told}");
    }
    let nowhere = Path::new("/proc/nowhere/state");
    let error = Checkpoint::open(nowhere)
        .err()
        .expect("nothing can be made there");
    assert!(Chain(&error).to_string().contains("/proc/nowhere"), "{error}");
}

#[tokio::test]
async fn a_state_directory_belongs_to_one_exporter_at_a_time() {
    let world = World::new().await;
    world.happen(1, 50, 5);
    let mut first = world.start().await;
    first.pass().await.unwrap();
    let error = Checkpoint::open(&world.state_dir()).err().expect("it is in use");
    assert!(matches!(error, CheckpointError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains(world.state_dir().to_str().unwrap()));
    assert!(error.hint().is_some_and(|hint| hint.contains("`state_dir`")));
    // The first goes on undisturbed, and whoever comes after it may.
    more(&world);
    first.pass().await.unwrap();
    drop(first);
    goes_on(&world).await;
}

#[tokio::test]
async fn a_missing_secret_is_named_and_read_again() {
    let world = World::new().await;
    world.happen(1, 50, 5);
    let file = world.directory.path().join("secret");
    let mut process = world.start().await;
    for (content, word) in [(None, "No such file"), (Some(" \n"), "it is empty")] {
        match content {
            None => std::fs::remove_file(&file).unwrap(),
            Some(content) => std::fs::write(&file, content).unwrap(),
        }
        let error = process.pass().await.unwrap_err();
        let told = told(&error);
        assert_eq!(error.action(), Action::Stop, "{told}");
        assert!(
            told.contains(file.to_str().unwrap()) && told.contains(word),
            "{told}"
        );
        assert_eq!(keys(&world).await, Vec::<String>::new(), "{told}");
    }
    std::fs::write(&file, world.simulator.client_secret()).unwrap();
    process.pass().await.unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_clock_behind_the_checkpoint_is_an_error_not_an_empty_window() {
    for lookback in [3600, 0] {
        let mut world = World::new().await;
        let pace = &mut world.settings.targets[0].pace;
        pace.lookback = Duration::from_secs(lookback);
        pace.lookback_daily = pace.lookback;
        world.happen(1, 100, 20);
        world.once().await.unwrap();
        let now = world.now();
        for back in [TimeDelta::minutes(3), TimeDelta::hours(5), TimeDelta::days(4000)] {
            world.simulator.clock().fix(now - back);
            let error = fails(&world, &["read up to now", "set the clock"]).await;
            assert!(matches!(error, PassError::Clock { .. }), "{error:?}");
            assert_eq!(error.action(), Action::NextTick);
        }
        world.simulator.clock().fix(now);
        more(&world);
        world.once().await.unwrap();
        if lookback > 0 {
            world.assert_archive_equals_truth().await;
        }
    }
}

#[tokio::test]
async fn a_target_that_became_another_stream_is_refused() {
    type Change = fn(&mut Target);
    let changes: [(&str, &str, Change); 4] = [
        ("organization or tenant", "`acme/staging/", |target| {
            target.tenant = Some("staging".to_owned());
        }),
        ("organization or tenant", "`acme/orgaudit_`", |target| {
            target.tenant = None;
        }),
        ("organization or tenant", "`other/production/", |target| {
            target.organization = "other".to_owned();
        }),
        ("filter", "ann", |target| {
            target.filter = Some(Filter {
                users: vec!["ann".to_owned()],
                ..Filter::default()
            });
        }),
    ];
    for (what, is, change) in changes {
        for state_is_lost in [false, true] {
            let mut world = World::new().await;
            world.happen(1, 100, 20);
            world.once().await.unwrap();
            let before = world.settings.targets[0].clone();
            change(&mut world.settings.targets[0]);
            if state_is_lost {
                std::fs::remove_dir_all(world.state_dir()).unwrap();
            }
            let error = fails(&world, &[what, is, "a new name"]).await;
            assert!(matches!(error, PassError::OtherStream { .. }), "{error:?}");
            assert_eq!(error.action(), Action::Stop);
            world.settings.targets[0] = before;
            goes_on(&world).await;
        }
    }
}

#[tokio::test]
async fn a_checkpoint_from_an_old_backup_catches_up() {
    let world = World::new().await;
    let backup = world.directory.path().join("backup");
    world.happen(1, 300, 20);
    world.once().await.unwrap();
    copy(&world.state_dir(), &backup);
    for _ in 0..3 {
        more(&world);
        world.once().await.unwrap();
    }
    put_in_place(&backup, &world.state_dir());
    let again = world.once().await.unwrap();
    assert_eq!((again.commits, again.counts.written), (0, 0));
    put_in_place(&backup, &world.state_dir());
    goes_on(&world).await;
}

#[tokio::test]
async fn a_full_archive_is_told_and_gone_on_with_once_there_is_room() {
    // So many objects still fit.
    for room in 0..9 {
        let mut world = World::new().await;
        world.settings.archive.max_events = 100;
        world.happen(1, 300, 20);
        let full = Arc::new(Full::new(Arc::clone(&world.store), room));
        let archive = Archive::from_store(full.clone(), "full");
        let mut process = world.start_as(&world.settings, archive).await;
        let error = process.pass().await.unwrap_err();
        let told = told(&error);
        assert!(told.contains("the disk is full: make room"), "{room}: {told}");
        assert!(told.contains("create `"), "{room}: {told}");
        assert_eq!(error.action(), Action::NextTick, "{told}");
        full.make_room();
        process.pass().await.unwrap();
        drop(process);
        world.assert_archive_equals_truth().await;
        goes_on(&world).await;
    }
}

/// The state came back from a backup, and what a kill left behind since then is in no checkpoint.
#[tokio::test]
async fn leftovers_that_an_old_checkpoint_does_not_know_are_swept() {
    let world = World::new().await;
    let backup = world.directory.path().join("backup");
    world.happen(1, 300, 20);
    world.once().await.unwrap();
    copy(&world.state_dir(), &backup);
    more(&world);
    world.once().await.unwrap();
    more(&world);
    // Room for the probe and the data objects, none for the commit: as if killed just before it.
    let mut room = 1;
    loop {
        let full = Arc::new(Full::new(Arc::clone(&world.store), room));
        let archive = Archive::from_store(full, "full");
        world
            .start_as(&world.settings, archive)
            .await
            .pass()
            .await
            .unwrap_err();
        if keys(&world).await.len() > world.ledger().await.keys(crate::world::TARGET).len() {
            break;
        }
        room += 1;
    }
    put_in_place(&backup, &world.state_dir());
    goes_on(&world).await;
}
