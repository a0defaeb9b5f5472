//! One is held up, or dies, at every step of its pass while the other runs to its end.

use std::time::Duration;

use crate::rival::{Rival, assert_no_fighting, each, go_on, news, reigns, small_world};
use crate::{
    store::{Kind, Step},
    world::World,
};
use uipath_audit_exporter::export::PassError;

/// When the disturbed pass takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// It is the first of all.
    First,
    /// There are commits, by the same process.
    Later,
    /// There are commits, and the other has stood by since.
    Watched,
}

/// What becomes of the one that was held up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    LetGo,
    /// Let go, and killed a few operations later.
    LetGoAndKilled,
    Killed,
    KilledAndDiskLost,
}

#[derive(Clone, Debug)]
struct Case {
    when: When,
    /// The name of the other's instance.
    other: &'static str,
    fate: Fate,
    step: Step,
    /// So many operations after it was let go, if it dies then.
    die_after: usize,
}

/// A world just before the pass that will be disturbed.
async fn before(when: When, other: &str) -> (World, Rival, Rival) {
    let world = small_world().await;
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut b = Rival::new(&world, other, "b");
    // Its slices are others, and so are their objects.
    b.settings.archive.max_events = 13;
    if when == When::First {
        world.happen(1, 70, 4);
    } else {
        world.happen(1, 25, 4);
        a.pass().await.unwrap();
        if when == When::Watched {
            b.start(&world).await;
            let watched = b.pass().await;
            // A twin takes its namesake for a predecessor: there is nothing to commit, so that nobody notices.
            assert!(watched.is_ok() == (other == "audit-1"), "{watched:?}");
        }
        news(&world, 2, 40);
    }
    (world, a, b)
}

/// How many operations the pass that will be disturbed takes: the numbers of its first and last one.
async fn steps(when: When, other: &str) -> std::ops::RangeInclusive<usize> {
    let (_world, mut a, _b) = before(when, other).await;
    let before = a.line.count();
    let summary = a.pass().await.unwrap();
    assert!(summary.commits >= 3, "{} commits", summary.commits);
    before + 1..=a.line.count()
}

async fn run(case: Case) {
    let (world, mut a, mut b) = before(case.when, case.other).await;
    match case.fate {
        Fate::LetGo => {
            let result = a.pass_around(case.step, overthrow(&world, &mut b), None).await;
            assert!(
                matches!(result, Some(Ok(_) | Err(PassError::StandBy { .. }))),
                "{result:?}"
            );
        }
        Fate::LetGoAndKilled => {
            let die_after = Some(case.die_after);
            a.pass_around(case.step, overthrow(&world, &mut b), die_after)
                .await;
            a.start(&world).await;
        }
        Fate::Killed | Fate::KilledAndDiskLost => {
            a.die_at(case.step).await;
            overthrow(&world, &mut b).await;
            if case.fate == Fate::KilledAndDiskLost {
                a.lose_state().await;
            }
            a.start(&world).await;
        }
    }
    go_on(&world, 4, &mut [&mut a, &mut b]).await;
    reigns(&world.assert_archive_equals_truth().await);
}

/// The other takes the target and runs to its end.
async fn overthrow(world: &World, other: &mut Rival) {
    if other.process.is_none() {
        other.start(world).await;
    }
    other.take_over().await.unwrap();
    other.take_over().await.unwrap();
}

async fn at_every_step(when: When, fate: Fate) {
    let mut cases = Vec::new();
    for other in ["audit-2", "audit-1"] {
        for number in steps(when, other).await {
            let step = match (fate, other) {
                // What was put, but not yet remembered.
                (Fate::Killed | Fate::KilledAndDiskLost, "audit-2") => Step::After(number),
                _ => Step::Before(number),
            };
            cases.push(Case {
                when,
                other,
                fate,
                step,
                die_after: 1 + number % 4,
            });
        }
    }
    each(cases, run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_in_its_first_pass() {
    at_every_step(When::First, Fate::LetGo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_in_a_later_pass() {
    at_every_step(When::Later, Fate::LetGo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_while_the_other_stands_by() {
    at_every_step(When::Watched, Fate::LetGo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_its_first_pass_and_started_again() {
    at_every_step(When::First, Fate::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_later_pass_and_started_again() {
    at_every_step(When::Later, Fate::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_its_disk_lost_in_its_first_pass() {
    at_every_step(When::First, Fate::KilledAndDiskLost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_its_disk_lost_while_the_other_stands_by() {
    at_every_step(When::Watched, Fate::KilledAndDiskLost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_in_its_first_pass_and_killed_soon_after() {
    at_every_step(When::First, Fate::LetGoAndKilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_in_a_later_pass_and_killed_soon_after() {
    at_every_step(When::Later, Fate::LetGoAndKilled).await;
}

/// A longer lookback makes an exporter read its history again. Before it does, another takes the target over.
#[tokio::test]
async fn whoever_reads_its_history_again_sees_that_another_has_taken_over() {
    let world = small_world().await;
    world.happen(1, 40, 5);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut b = Rival::started(&world, "audit-2", "b").await;
    a.pass().await.unwrap();
    news(&world, 2, 10);
    a.settings.targets[0].pace.lookback = Duration::from_secs(96 * 3600);
    a.start(&world).await;
    let meanwhile = async {
        b.take_over().await.unwrap();
    };
    let step = Step::On(Kind::List, "commits/".to_owned());
    let result = a.pass_around(step, meanwhile, None).await.unwrap();
    assert!(matches!(result, Err(PassError::StandBy { .. })), "{result:?}");
    assert_no_fighting(&world.assert_archive_equals_truth().await, 1);
}
