//! What `docs/operations.md` says of an archive that moves: copied while it is in use, named in the configuration, gone on
//! with. By the real binary.

use std::{fs, path::Path, sync::Arc, time::Duration};

use object_store::local::LocalFileSystem;
use tokio::{
    process::{Child, Command},
    time::timeout,
};
use uipath_audit_simulator::NewEvent;

use crate::machine::{Machine, said, terminate, wait_for};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// As the document says: commits first, then the rest, and nothing that is there already.
async fn copy(from: &Path, to: &Path) {
    let script = "cp -Rn \"$1/commits\" \"$2/\" && cp -Rn \"$1/.\" \"$2/\"";
    let status = Command::new("sh")
        .args(["-c", script, "copy"])
        .args([from, to])
        .status()
        .await;
    assert!(status.unwrap().success());
}

/// How many there are, without those that are just being written.
fn commits(place: &Path) -> usize {
    let entries = fs::read_dir(place.join("commits/acme-production"));
    let names = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    names
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .count()
}

/// Something happens just now, so often, and is archived at that place.
async fn archive_news(machine: &Machine, place: &Path, count: usize) {
    let head = || commits(place);
    for _ in 0..count {
        let before = head();
        let event = NewEvent::at(machine.world.now());
        machine.world.simulator.push(&machine.world.stream, event);
        let waiting = wait_until(async || head() > before);
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("no other commit: {}", machine.expect(0, &["status"]).await);
        }
    }
}

async fn wait_until(is: impl AsyncFn() -> bool) {
    while !is().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn end(child: Child) -> String {
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

#[tokio::test]
async fn an_archive_that_is_copied_elsewhere_goes_on_there() {
    let mut machine = Machine::new().await;
    machine.world.happen(1, 400, 5);
    let old = machine.world.directory.path().join("archive");
    let new = machine.world.directory.path().join("elsewhere");
    fs::create_dir(&new).unwrap();

    let daemon = machine.command(&["run"]).spawn().unwrap();
    archive_news(&machine, &old, 3).await;
    copy(&old, &new).await;
    archive_news(&machine, &old, 2).await;
    end(daemon).await;
    copy(&old, &new).await;

    machine.archive = format!("url = \"file://{}\"", new.display());
    machine.configure("");
    machine
        .world
        .move_to(Arc::new(LocalFileSystem::new_with_prefix(&new).unwrap()));
    machine.expect(0, &["verify", "--deep"]).await;
    let daemon = machine.command(&["run"]).spawn().unwrap();
    archive_news(&machine, &new, 3).await;
    let told = end(daemon).await;
    assert!(!told.contains("pass failed") && !told.contains("ERROR"), "{told}");
    machine.world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_daemon_that_is_sent_to_an_unfinished_copy_waits_for_the_rest_of_it() {
    let mut machine = Machine::new().await;
    machine.world.happen(1, 400, 5);
    let old = machine.world.directory.path().join("archive");
    let new = machine.world.directory.path().join("elsewhere");
    fs::create_dir(&new).unwrap();
    let daemon = machine.command(&["run"]).spawn().unwrap();
    archive_news(&machine, &old, 2).await;
    copy(&old, &new).await;
    archive_news(&machine, &old, 2).await;

    // The configuration changes while it runs; two commits are not there yet.
    machine.archive = format!("url = \"file://{}\"", new.display());
    machine.configure("");
    let commits = |place: &Path| {
        fs::read_dir(place.join("commits/acme-production"))
            .unwrap()
            .count()
    };
    let before = commits(&new);
    wait_for("a word about the copy", async || {
        let status = machine.expect(0, &["status"]).await;
        status.contains("is `archive.url` right")
    })
    .await;
    assert_eq!(commits(&new), before);
    copy(&old, &new).await;
    archive_news(&machine, &new, 2).await;
    end(daemon).await;
    machine
        .world
        .move_to(Arc::new(LocalFileSystem::new_with_prefix(&new).unwrap()));
    machine.expect(0, &["verify", "--deep"]).await;
    machine.world.assert_archive_equals_truth().await;
}
