//! Whoever is told of commits is told of each, in order, by its owner, whatever dies, fails or gets lost meanwhile.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use object_store::ObjectStoreExt as _;
use uipath_audit_exporter::{
    follow::{Announce, Follower, News},
    secret::SecretRef,
    settings::WebhookSettings,
    status::WebhookStatus,
    target::TargetName,
};
use uipath_audit_simulator::NewEvent;

use crate::{
    kill::lives_through,
    receiver::{Answer, Receiver, SECRET},
    rival::Rival,
    world::{Process, TARGET, World},
};

mod beginning;
mod daemon;
mod document;
mod refusals;

/// A world whose commits are announced to a receiver.
async fn world() -> (World, Receiver) {
    let mut world = World::new().await;
    let receiver = Receiver::new().await;
    let secret = world.directory.path().join("webhook-secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    world.settings.webhook = Some(WebhookSettings {
        url: receiver.url().parse().unwrap(),
        secret: SecretRef::File(secret),
        ca_file: None,
        proxy: None,
        timeout: Duration::from_secs(20),
        since: Duration::from_secs(24 * 3600),
    });
    (world, receiver)
}

fn follower(world: &World, process: &Process) -> Follower {
    let hear = Arc::new(|_: &TargetName, _: News| {});
    Follower::new(&world.settings, &process.fleet.shared, hear).unwrap()
}

fn target() -> TargetName {
    TARGET.parse().unwrap()
}

/// Announces until there is nothing to announce.
async fn announce_all(follower: &Follower) {
    use Announce::{Begins, Delivered};
    while let Begins { .. } | Delivered { .. } = follower.announce(&target()).await.unwrap() {}
}

/// One more commit with an event, and one without.
async fn two_commits(world: &World, process: &mut Process) {
    world
        .simulator
        .push(&world.stream, NewEvent::at(world.now() - TimeDelta::minutes(5)));
    process.pass().await.unwrap();
    world.advance(61);
    process.pass().await.unwrap();
    world.advance(15);
}

async fn commits(world: &World) -> u64 {
    world.ledger().await.commits.len() as u64
}

#[tokio::test]
async fn every_commit_is_announced_in_order_and_signed() {
    let (mut world, receiver) = world().await;
    world.settings.archive.max_events = 20;
    world.happen(1, 100, 30);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let late = NewEvent::at(world.now() - TimeDelta::days(10));
    world.simulator.push(&world.stream, late);
    two_commits(&world, &mut process).await;
    let span = uipath_audit_exporter::window::Window::new(world.now() - TimeDelta::days(20), world.now());
    process.reconcile(span).await.unwrap();
    let ledger = world.ledger().await;
    assert!(ledger.of_kind("backfill") == 1 && ledger.of_kind("empty") > 0);

    let follower = follower(&world, &process);
    announce_all(&follower).await;
    receiver.assert_taken(TARGET, 0..ledger.commits.len() as u64);
    let told = receiver.told();
    assert_eq!(told.len(), ledger.commits.len(), "each once");
    for (told, commit) in told.iter().zip(&ledger.commits) {
        assert_eq!(told.body["data"]["commit"], *commit);
        assert_eq!(told.body["type"], "commit.created");
        assert_eq!(told.body["timestamp"], commit["committed_at"]);
        assert_eq!(told.body["data"]["archive"], "memory:///");
    }
    // With nothing new, nobody asks the archive or the receiver.
    announce_all(&follower).await;
    assert_eq!(receiver.told().len(), told.len());
}

#[tokio::test]
async fn killed_at_every_await_each_commit_is_announced_in_order() {
    let (mut world, receiver) = world().await;
    world.slow_store();
    world.happen(1, 20, 3);
    let mut ended = false;
    let mut k = 0;
    while !ended {
        let mut process = world.start().await;
        two_commits(&world, &mut process).await;
        let follower = self::follower(&world, &process);
        ended = lives_through(k, announce_all(&follower)).await;
        drop((follower, process));
        let process = world.start().await;
        announce_all(&self::follower(&world, &process)).await;
        receiver.assert_taken(TARGET, 0..commits(&world).await);
        k += 1;
    }
    assert!(k > 8, "died at {k} places");
}

#[tokio::test]
async fn a_lost_state_announces_the_last_day_again_and_misses_nothing() {
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    two_commits(&world, &mut process).await;
    announce_all(&follower(&world, &process)).await;
    let before = commits(&world).await;
    world.advance(40 * 60);
    // These are never announced by this process.
    two_commits(&world, &mut process).await;
    two_commits(&world, &mut process).await;
    drop(process);
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    let mut process = world.start().await;
    let follower = self::follower(&world, &process);
    // Before a pass has read the archive nobody knows what is in it.
    announce_all(&follower).await;
    assert_eq!(receiver.taken(TARGET).len() as u64, before);
    process.pass().await.unwrap();
    announce_all(&follower).await;
    receiver.assert_taken(TARGET, 0..commits(&world).await);
    assert_eq!(
        receiver.told().len() as u64,
        commits(&world).await,
        "none older than a day was announced again"
    );
}

#[tokio::test]
async fn commits_of_the_process_are_announced_whatever_since_says() {
    let (mut world, receiver) = world().await;
    world.settings.webhook.as_mut().unwrap().since = Duration::ZERO;
    world.happen(1, 20, 3);
    world.once().await.unwrap();
    let old = commits(&world).await;
    world.advance(60);
    let mut process = world.start().await;
    let follower = self::follower(&world, &process);
    two_commits(&world, &mut process).await;
    announce_all(&follower).await;
    receiver.assert_taken(TARGET, old..commits(&world).await);
}

#[tokio::test]
async fn only_the_owner_announces_and_a_new_owner_goes_on() {
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut first = Rival::started(&world, "audit-1", "first").await;
    let mut second = Rival::started(&world, "audit-2", "second").await;
    first.pass().await.unwrap();
    assert!(second.pass().await.is_err(), "it stands by");
    announce_all(&follower(&world, second.process())).await;
    assert!(receiver.told().is_empty(), "it announces nothing either");
    announce_all(&follower(&world, first.process())).await;
    receiver.assert_taken(TARGET, 0..commits(&world).await);
    let taken = receiver.told().len();

    // The first one commits once more, and dies before it has told.
    world
        .simulator
        .push(&world.stream, NewEvent::at(world.now() - TimeDelta::minutes(5)));
    first.pass().await.unwrap();
    world.advance(15);
    second.take_over().await.unwrap();
    world.advance(61);
    second.pass().await.unwrap();
    announce_all(&follower(&world, second.process())).await;
    receiver.assert_taken(TARGET, 0..commits(&world).await);
    assert!(receiver.told().len() > taken);
    // And the first one, back again, says nothing while the second owns the target.
    let told = receiver.told().len();
    let _ = first.pass().await;
    announce_all(&follower(&world, first.process())).await;
    assert_eq!(receiver.told().len(), told);
}

#[tokio::test]
async fn commits_that_have_expired_meanwhile_are_passed_over() {
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    two_commits(&world, &mut process).await;
    let follower = self::follower(&world, &process);
    announce_all(&follower).await;
    let begin = commits(&world).await;
    for _ in 0..3 {
        two_commits(&world, &mut process).await;
    }
    let end = commits(&world).await;
    let first_left = end - 2;
    for number in 0..first_left {
        let key = format!("commits/{TARGET}/{number:020}.json");
        world.store.delete(&key.as_str().into()).await.unwrap();
    }
    announce_all(&follower).await;
    let taken = receiver.taken(TARGET);
    let expected: Vec<u64> = (0..begin).chain(first_left..end).collect();
    assert_eq!(taken, expected);
}

/// What is heard of announcements while they run by themselves.
#[derive(Default)]
struct Heard(Mutex<Vec<News>>);

impl Heard {
    fn last(&self) -> Option<WebhookStatus> {
        self.0.lock().unwrap().last()?.status.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_by_itself_says_how_it_is_doing_and_stops_at_once() {
    use tokio_util::{sync::CancellationToken, task::TaskTracker};
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    two_commits(&world, &mut process).await;
    let heard: Arc<Heard> = Arc::default();
    let ear = Arc::clone(&heard);
    let hear = Arc::new(move |_: &TargetName, news: News| ear.0.lock().unwrap().push(news));
    let follower = Follower::new(&world.settings, &process.fleet.shared, hear).unwrap();
    receiver.answer(|_| Answer::Status(503));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(Arc::new(follower).run(vec![target()], stop.clone()));
    tasks.close();
    crate::machine::wait_for("two tries", async || receiver.told().len() >= 2).await;
    let status = heard.last().unwrap();
    assert_eq!(status.pending, Some(commits(&world).await));
    assert!(status.failures >= 1 && status.last_error.unwrap().message.contains("503"));
    receiver.answer(|_| Answer::Take);
    let all = commits(&world).await;
    crate::machine::wait_for("all announced", async || {
        heard.last().is_some_and(|status| status.pending == Some(0))
    })
    .await;
    receiver.assert_taken(TARGET, 0..all);
    let status = heard.last().unwrap();
    assert_eq!((status.failures, status.last_delivery), (0, Some(world.now())));
    // Even while a receiver hangs.
    receiver.answer(|_| Answer::Hang);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), tasks.wait())
        .await
        .unwrap();
}
