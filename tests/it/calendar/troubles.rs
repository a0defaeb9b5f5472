//! Commits that are gone, altered, damaged on their way or others than before: the calendar counts what is there.

use std::sync::Arc;

use chrono::TimeDelta;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, memory::InMemory, path::Path};
use uipath_audit_exporter::calendar::Beginning;
use uipath_audit_simulator::NewEvent;

use super::{assert_is_the_truth, calendar, count, count_all, follower, happens, target};
use crate::{
    store::{self, Fault, Line, Which},
    world::{TARGET, World, at},
};

#[tokio::test]
async fn where_the_oldest_commits_are_gone_or_altered_it_ends_and_says_so() {
    for altered in [false, true] {
        let mut world = World::new().await;
        world.settings.archive.max_events = 5;
        world.happen(1, 100, 20);
        let mut process = world.start().await;
        process.pass().await.unwrap();
        let whole = world.ledger().await;
        let last = 6u64;
        for number in 0..=last {
            let path = format!("commits/{TARGET}/{number:020}.json");
            let path = Path::from(path);
            if altered {
                world
                    .store
                    .put(&path, PutPayload::from_static(b"{}"))
                    .await
                    .unwrap();
            } else {
                world.store.delete(&path).await.unwrap();
            }
        }
        let follower = follower(&world, &process);
        count_all(&follower).await;
        let calendar = calendar(&world, &process).await;
        let counted = calendar.counted.clone().unwrap();
        let expected = if altered {
            Beginning::Broken
        } else {
            Beginning::Gone
        };
        assert_eq!((counted.beginning, counted.oldest), (expected, last + 1));
        let begins = at(whole.commits[7]["window"]["from"].as_str().unwrap());
        assert_eq!(calendar.begins(), Some(begins));
        assert!(!follower.count_back(&target()).await.unwrap(), "it is remembered");
    }
}

#[tokio::test]
async fn bytes_damaged_on_their_way_or_an_archive_that_fails_change_nothing() {
    let mut world = World::new().await;
    let line = Line::to(&world.store);
    world.way = Arc::clone(&line) as Arc<dyn ObjectStore>;
    world.settings.archive.max_events = 5;
    world.happen(1, 60, 20);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let follower = follower(&world, &process);
    line.fail(store::Kind::Get, Which::Of("commits/".to_owned()), Fault::Failed);
    assert!(follower.count(&target()).await.is_err());
    line.mend();
    count_all(&follower).await;
    happens(&world, &mut process).await;
    line.fail(store::Kind::Get, Which::Of("commits/".to_owned()), Fault::Failed);
    assert!(follower.count(&target()).await.is_err());
    line.mend();
    line.fail(store::Kind::Get, Which::Next(1), Fault::Wrong);
    count(&follower).await;
    let calendar = calendar(&world, &process).await;
    assert_is_the_truth(&world, &world.ledger().await, &calendar);
}

#[tokio::test]
async fn an_archive_with_another_history_is_counted_anew() {
    let mut world = World::new().await;
    world.happen(1, 40, 10);
    let mut process = world.start().await;
    happens(&world, &mut process).await;
    count_all(&follower(&world, &process)).await;
    drop(process);
    // Another archive, and the checkpoint rebuilt from it; what was counted is that of the old one.
    world.move_to(Arc::new(InMemory::new()));
    let mut other = world.settings.clone();
    other.state_dir = world.directory.path().join("other");
    world
        .simulator
        .push(&world.stream, NewEvent::at(world.now() - TimeDelta::days(2)));
    world.settle();
    let mut elsewhere = world.start_as(&other, world.archive()).await;
    happens(&world, &mut elsewhere).await;
    drop(elsewhere);
    let mut process = world.start().await;
    process.exporter.recover().await.unwrap();
    let follower = super::follower(&world, &process);
    count_all(&follower).await;
    let calendar = calendar(&world, &process).await;
    assert_is_the_truth(&world, &world.ledger().await, &calendar);
}
