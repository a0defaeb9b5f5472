//! What an archive does not know, it says: no span counts as empty that nobody could look into.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use object_store::ObjectStore;
use uipath_audit_exporter::target::Start;
use uipath_audit_simulator::{Kind, NewEvent};

use crate::{
    store::{self, Fault, Line, Which},
    world::{World, at},
};

#[tokio::test]
async fn a_span_too_old_for_a_file_is_a_gap_though_no_row_follows_it() {
    let mut world = World::of(Kind::UnifiedCsv).await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let pace = &mut world.settings.targets[0].pace;
    // Longer than the server really looks back.
    (pace.start, pace.retention) = (Start::Ago(days(150)), days(200));
    world.once().await.unwrap();
    let commits = world.ledger().await.commits;
    let kinds: Vec<&str> = commits
        .iter()
        .map(|commit| commit["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["gap", "empty"]);
    let gap = &commits[0];
    let reason = gap["reason"].as_str().unwrap();
    assert!(reason.contains("too old"), "{reason}");
    let shown_from = world.now() - TimeDelta::days(90);
    let end = at(gap["window"]["to"].as_str().unwrap());
    assert!(
        shown_from <= end && end <= shown_from + TimeDelta::minutes(5),
        "{end}"
    );
    world.assert_verified().await;
}

#[tokio::test]
async fn a_file_that_could_not_be_archived_is_archived_later_though_a_gap_covers_its_span() {
    let mut world = World::of(Kind::ClassicCsv).await;
    world
        .simulator
        .turn(|switches| switches.classic.download_cap = 20);
    let line = Line::to(&world.store);
    world.way = Arc::clone(&line) as Arc<dyn ObjectStore>;
    let mut process = world.start().await;
    process.pass().await.unwrap();
    // More of the last seconds than a file holds: nothing of the span is in it.
    world.advance(15);
    for second in 0..30 {
        let event = NewEvent::at(world.now() - TimeDelta::seconds(60 + second));
        world.simulator.push(&world.stream, event);
    }
    line.fail(store::Kind::Put, Which::Of("raw/".to_owned()), Fault::Failed);
    assert!(process.pass().await.is_err());
    let commits = world.ledger().await.commits;
    assert_eq!(commits.last().unwrap()["kind"], "gap");
    line.mend();
    world.advance(15);
    process.pass().await.unwrap();
    let commits = world.ledger().await.commits;
    let files = commits.last().unwrap()["objects"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["events"], 20);
}

#[tokio::test]
async fn newest_records_that_are_archived_already_are_no_second_file() {
    let world = World::of(Kind::ClassicCsv).await;
    world.happen(1, 30, 3);
    // Each pass is a process of its own, as a job that calls `once`; the state is lost in between.
    for lost in [false, true, false] {
        world.once().await.unwrap();
        world.advance(75);
        if lost {
            std::fs::remove_dir_all(world.state_dir()).unwrap();
        }
    }
    let ledger = world.assert_archive_equals_truth().await;
    assert_eq!(ledger.files.len(), 1);
    assert_eq!(ledger.sum("duplicate"), 60);
    world
        .simulator
        .push(&world.stream, NewEvent::at(world.now() - TimeDelta::minutes(5)));
    world.once().await.unwrap();
    assert_eq!(world.assert_archive_equals_truth().await.files.len(), 2);
}
