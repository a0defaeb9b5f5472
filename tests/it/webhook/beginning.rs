//! Where announcing begins when nothing is remembered: with the commits of the last day, found in a few looks.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use object_store::{ObjectStore, memory::InMemory};

use super::{announce_all, commits, follower, two_commits, world};
use crate::{
    rival::Rival,
    store::{Kind, Line},
    world::{TARGET, at},
};

#[tokio::test]
async fn the_commits_of_the_last_day_are_announced_and_few_older_ones_looked_at() {
    for hours in [0, 1, 7, 24, 40, 500] {
        let (mut world, receiver) = world().await;
        world.settings.webhook.as_mut().unwrap().since = Duration::from_secs(hours * 3600);
        let line = Line::to(&world.store);
        world.way = Arc::clone(&line) as Arc<dyn ObjectStore>;
        world.happen(1, 5, 3);
        let mut process = world.start().await;
        for _ in 0..60 {
            process.pass().await.unwrap();
            world.advance(61);
        }
        let ledger = world.ledger().await;
        let all = commits(&world).await;
        let cut = world.now() - TimeDelta::hours(i64::try_from(hours).unwrap());
        let made = |commit: &serde_json::Value| at(commit["committed_at"].as_str().unwrap());
        let first = ledger.commits.iter().position(|commit| made(commit) >= cut);
        let first = first.map_or(all, |first| first as u64);
        let looks = line.count_of(Kind::Get);
        let follower = follower(&world, &process);
        follower.announce(&super::target()).await.unwrap();
        let looks = line.count_of(Kind::Get) - looks;
        assert!(looks <= 12, "{looks} looks for {hours} hours of {all} commits");
        announce_all(&follower).await;
        let taken = receiver.taken(TARGET);
        assert_eq!(taken, (first..all).collect::<Vec<_>>(), "{hours} hours");
    }
}

#[tokio::test]
async fn an_archive_with_another_history_is_announced_anew() {
    for more in [0, 4] {
        let (mut world, receiver) = world().await;
        world.happen(1, 5, 3);
        let mut process = world.start().await;
        two_commits(&world, &mut process).await;
        announce_all(&follower(&world, &process)).await;
        let before = receiver.told().len();
        drop(process);
        // Another archive, with fewer commits or more, and the checkpoint rebuilt from it.
        world.move_to(Arc::new(InMemory::new()));
        let mut settings = world.settings.clone();
        settings.state_dir = world.directory.path().join("other");
        let mut process = world.start_as(&settings, world.archive()).await;
        process.pass().await.unwrap();
        for _ in 0..more {
            two_commits(&world, &mut process).await;
        }
        drop(process);
        let mut process = world.start().await;
        process.exporter.recover().await.unwrap();
        announce_all(&follower(&world, &process)).await;
        let told = receiver.told();
        let told: Vec<_> = told[before..]
            .iter()
            .map(|told| &told.body["data"]["commit"])
            .collect();
        let ledger = world.ledger().await;
        assert_eq!(told, ledger.commits.iter().collect::<Vec<_>>(), "{more}");
    }
}

#[tokio::test]
async fn who_has_stood_by_for_long_does_not_announce_all_of_that_time() {
    let (mut world, receiver) = world().await;
    world.settings.webhook.as_mut().unwrap().since = Duration::ZERO;
    world.happen(1, 20, 3);
    let mut first = Rival::started(&world, "audit-1", "first").await;
    let mut second = Rival::started(&world, "audit-2", "second").await;
    first.pass().await.unwrap();
    let follower = follower(&world, second.process());
    let notes = second.process().fleet.shared.checkpoint.of(&super::target());
    let mut foreign = 0;
    for _ in 0..3 {
        world.advance(61);
        first.pass().await.unwrap();
        assert!(second.pass().await.is_err(), "it stands by");
        foreign = commits(&world).await;
        world.advance(1);
        follower.poke(&super::target(), &notes.peek().await.unwrap().unwrap());
        world.advance(15);
    }
    assert!(foreign > 3);
    // The first one commits once more before it dies; the second takes over, and has not looked between.
    world.advance(61);
    first.pass().await.unwrap();
    second.take_over().await.unwrap();
    world.advance(61);
    second.pass().await.unwrap();
    follower.poke(&super::target(), &notes.peek().await.unwrap().unwrap());
    announce_all(&follower).await;
    let all = commits(&world).await;
    assert_eq!(receiver.taken(TARGET), (foreign..all).collect::<Vec<_>>());
}
