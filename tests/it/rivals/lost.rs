//! The state directory is lost: the archive tells everything again.

use uipath_audit_exporter::checkpoint::{Intents, Memory};

use crate::rival::{Rival, each, go_on, news, reigns, small_world};
use crate::{
    store::{Fault, Kind, Step, Which},
    world::{TARGET, World},
};

async fn before(later: bool) -> (World, Rival) {
    let world = small_world().await;
    let mut a = Rival::started(&world, "audit-1", "a").await;
    world.happen(1, if later { 25 } else { 60 }, 4);
    if later {
        a.pass().await.unwrap();
        news(&world, 2, 40);
    }
    (world, a)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_step_and_the_state_lost() {
    let mut cases = Vec::new();
    for later in [false, true] {
        let (_world, mut a) = before(later).await;
        let done = a.line.count();
        a.pass().await.unwrap();
        cases.extend((done + 1..=a.line.count()).map(|number| (later, Step::After(number))));
        cases.push((later, Step::Before(done + 1)));
    }
    each(cases, |(later, step)| async move {
        let (world, mut a) = before(later).await;
        a.die_at(step).await;
        a.lose_state().await;
        // Something of the slice that was being committed comes late.
        world.happen(3, 5, 1);
        // The pass after the kill leaves nothing behind.
        a.start(&world).await;
        a.pass().await.unwrap();
        world.advance(5);
        reigns(&world.assert_archive_equals_truth().await);
        go_on(&world, 4, &mut [&mut a]).await;
        reigns(&world.assert_archive_equals_truth().await);
    })
    .await;
}

/// What is remembered: memory without what may differ, intents, and the known events from the horizon on.
async fn remembered(rival: &mut Rival) -> (Memory, Intents, Vec<String>) {
    let checkpoint = &rival.process().fleet.shared.checkpoint;
    let mut notes = checkpoint.of(&TARGET.parse().unwrap());
    let (memory, intents) = notes.load().await.unwrap();
    let mut memory = memory.unwrap();
    let marks = notes.marks().await.unwrap();
    // Known events are forgotten some at a time: more may be known than has to be.
    let marks: Vec<String> = marks
        .iter()
        .filter(|mark| mark.time.is_none_or(|time| time >= memory.known_from))
        .map(|mark| format!("{mark:?}"))
        .collect();
    memory.known = Default::default();
    memory.long_lookback_done = None;
    (memory, intents, marks)
}

#[tokio::test]
async fn the_rebuilt_checkpoint_equals_the_lost_one() {
    let world = small_world().await;
    world.happen(1, 45, 4);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut watching = Rival::started(&world, "audit-2", "watching").await;
    for round in 0..8 {
        a.pass().await.unwrap();
        watching.pass().await.unwrap_err();
        let mut fresh = Rival::started(&world, "audit-1", &format!("fresh-{round}")).await;
        fresh.process().exporter.recover().await.unwrap();
        let lost = remembered(&mut a).await;
        assert_eq!(remembered(&mut fresh).await, lost, "round {round}");
        assert_eq!(remembered(&mut watching).await, lost, "watched, round {round}");
        assert!(!lost.2.is_empty());
        news(&world, 10 + round, 30);
        world.advance(if round % 3 == 0 { 15 } else { 17 * 60 });
    }
}

/// Of what lies further back than any lookback will reach nothing is remembered: what a lookback needs after all, the archive
/// tells.
#[tokio::test]
async fn a_long_history_that_was_cut_off_goes_on_where_it_was() {
    let world = small_world().await;
    world.happen(1, 120, 9);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let third = Step::On(Kind::Put, format!("commits/{TARGET}/{:020}", 2));
    assert!(a.die_at(third).await);
    a.start(&world).await;
    let (memory, _, marks) = remembered(&mut a).await;
    assert_eq!((memory.head.number, memory.known_from), (1, memory.coverage_end));
    assert!(marks.is_empty());
    // Late, and within the lookback of what was archived so far.
    let covered = memory.coverage_end;
    let late = covered - chrono::TimeDelta::minutes(50);
    world
        .simulator
        .generate(&world.stream, 2, 5, late, covered - chrono::TimeDelta::minutes(5));
    let summary = a.pass().await.unwrap();
    assert!(
        summary.counts.duplicate > 0 && summary.counts.late == 5,
        "{summary:?}"
    );
    world.assert_archive_equals_truth().await;
    let mut fresh = Rival::started(&world, "audit-1", "fresh").await;
    fresh.process().exporter.recover().await.unwrap();
    let lost = remembered(&mut a).await;
    assert!(!lost.2.is_empty());
    assert_eq!(remembered(&mut fresh).await, lost);
}

/// A store under a retention lock.
#[tokio::test]
async fn a_store_that_refuses_deletes_is_asked_once() {
    let (world, mut a) = before(true).await;
    // Killed before its commit: two data objects lie about.
    let number = world.ledger().await.commits.len();
    assert!(a.die_at(Step::On(Kind::Put, format!("commits/{TARGET}"))).await);
    news(&world, 7, 20);
    world.simulator.generate(
        &world.stream,
        8,
        9,
        world.now() - chrono::TimeDelta::minutes(38),
        world.now() - chrono::TimeDelta::minutes(25),
    );
    a.settings.archive.max_events = 11;
    a.start(&world).await;
    a.line.fail(Kind::Delete, Which::All, Fault::Forbidden);
    a.pass().await.unwrap();
    let stray = world.stray(&world.assert_events_equal_truth().await).await;
    assert!(!stray.is_empty());
    assert!(
        stray.iter().all(|key| key.contains(&format!("/{number:020}-"))),
        "{stray:?}"
    );
    // The probe found out.
    assert_eq!(a.line.count_of(Kind::Delete), 1);
    news(&world, 9, 20);
    a.pass().await.unwrap();
    world.assert_events_equal_truth().await;
    assert_eq!(a.line.count_of(Kind::Delete), 1);
}
