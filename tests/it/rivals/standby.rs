//! One owns the target, the other waits until the owner has been silent for long.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;
use uipath_audit_exporter::{error::Action, export::PassError};
use uipath_audit_simulator::{Fault as Outage, NewEvent, When};

use crate::rival::{Rival, assert_no_fighting, go_on, news, reigns, small_world};
use crate::{
    store::{Fault, Kind, Step, Which},
    world::World,
};

async fn head(world: &World) -> Value {
    world.ledger().await.commits.pop().unwrap()
}

#[tokio::test]
async fn the_other_takes_over_once_the_owner_has_been_silent_for_long_enough() {
    let world = small_world().await;
    world.happen(1, 40, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut b = Rival::started(&world, "audit-2", "b").await;
    a.pass().await.unwrap();
    let committed = world.now();
    // Three periods of 15 minutes are shorter than an hour (`empty_commit_every`) and a period.
    let wait = TimeDelta::minutes(75);
    while world.now() + TimeDelta::minutes(15) < committed + wait {
        world.advance(15);
        let error = b.pass().await.unwrap_err();
        assert!(
            matches!(&error, PassError::StandBy { until, .. } if *until == committed + wait),
            "{error:?}"
        );
        assert_eq!(error.action(), Action::NextTick);
        assert!(error.hint().unwrap().contains("--take-over"));
    }
    a.process = None;
    world.advance(15);
    b.pass().await.unwrap();
    assert_eq!(
        (&head(&world).await["epoch"], &head(&world).await["instance"]),
        (&2.into(), &"audit-2".into())
    );
    // The old owner comes back, and waits.
    a.start(&world).await;
    let error = a.pass().await.unwrap_err();
    assert!(matches!(error, PassError::StandBy { epoch: 2, .. }), "{error:?}");
    go_on(&world, 2, &mut [&mut a, &mut b]).await;
    assert_no_fighting(&world.assert_archive_equals_truth().await, 1);
}

#[tokio::test]
async fn an_owner_that_proves_silence_in_time_keeps_the_target() {
    let world = small_world().await;
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut b = Rival::started(&world, "audit-2", "b").await;
    for _ in 0..20 {
        a.pass().await.unwrap();
        b.pass().await.unwrap_err();
        world.advance(15);
    }
    assert_no_fighting(&world.assert_archive_equals_truth().await, 0);
}

#[tokio::test]
async fn the_same_instance_goes_on_at_once_after_a_restart() {
    let world = small_world().await;
    world.happen(1, 40, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    a.pass().await.unwrap();
    a.start(&world).await;
    // Nothing to write yet: its claim outlasts that.
    a.pass().await.unwrap();
    a.pass().await.unwrap();
    news(&world, 2, 10);
    a.pass().await.unwrap();
    assert_eq!(head(&world).await["epoch"], 2);
    a.process = None;
    a.lose_state().await;
    a.start(&world).await;
    news(&world, 3, 10);
    a.pass().await.unwrap();
    assert_eq!(head(&world).await["epoch"], 3);
    reigns(&world.assert_archive_equals_truth().await);
}

#[tokio::test]
async fn a_server_that_answers_nobody_for_hours_changes_the_owner_at_most_once() {
    let world = small_world().await;
    world.happen(1, 40, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut b = Rival::started(&world, "audit-2", "b").await;
    a.pass().await.unwrap();
    world.simulator.fault(When::events(), Outage::status(404));
    for _ in 0..8 {
        world.advance(15);
        a.pass().await.unwrap_err();
        b.pass().await.unwrap_err();
    }
    world.simulator.clear_faults();
    for round in 0..6 {
        news(&world, 10 + round, 10);
        for rival in [&mut a, &mut b] {
            match rival.pass().await {
                Ok(_) | Err(PassError::StandBy { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    go_on(&world, 30, &mut [&mut a, &mut b]).await;
    assert_no_fighting(&world.assert_archive_equals_truth().await, 1);
}

/// A process dies while one of its puts is under way. Its successor plans that number; then the put arrives.
#[tokio::test]
async fn a_late_write_of_a_dead_process_is_adopted_and_the_rest_planned_anew() {
    for (instance, prefix) in [
        ("audit-1", "commits/"),
        ("audit-1", "jsonl/"),
        ("audit-2", "commits/"),
        ("audit-2", "jsonl/"),
    ] {
        eprintln!("{instance} is next, a put below {prefix} is late");
        let world = small_world().await;
        world.happen(1, 30, 3);
        let mut a = Rival::started(&world, "audit-1", "a").await;
        a.pass().await.unwrap();
        news(&world, 2, 50);
        let number = world.ledger().await.commits.len();
        a.line.fail(Kind::Put, Which::Of(prefix.to_owned()), Fault::Late);
        assert!(a.die_at(Step::Suffered(Fault::Late)).await);
        let dead = Arc::clone(&a.line);

        // A late event falls into what was being committed: the successor's objects are others.
        let late = NewEvent::at(world.now() - TimeDelta::minutes(79));
        world.simulator.push(&world.stream, late);
        world.advance(90);
        let mut b = Rival::new(&world, instance, "b");
        b.settings.archive.max_events = 13;
        b.start(&world).await;
        let planned = b.line.hold(Step::On(Kind::Put, format!("{number:020}.json")));
        let landing = async {
            planned.reached().await;
            assert_eq!(dead.land().await, 1);
            planned.open();
        };
        futures::join!(async { b.pass().await.unwrap() }, landing);
        let writer = world.ledger().await.commits[number].clone();
        assert_eq!(writer["epoch"] == 1, prefix == "commits/");
        a.start(&world).await;
        go_on(&world, 4, &mut [&mut a, &mut b]).await;
        reigns(&world.assert_archive_equals_truth().await);
    }
}

/// The owner dies with its disk while it commits, and never comes back: whoever takes over clears up.
#[tokio::test]
async fn whoever_takes_over_sweeps_what_the_dead_owner_left() {
    let world = small_world().await;
    world.happen(1, 30, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let mut b = Rival::new(&world, "audit-2", "b");
    b.settings.archive.max_events = 13;
    b.start(&world).await;
    a.pass().await.unwrap();
    b.pass().await.unwrap_err();
    news(&world, 2, 50);
    assert!(a.die_at(Step::On(Kind::Put, "commits/".to_owned())).await);
    let late = NewEvent::at(world.now() - TimeDelta::minutes(79));
    world.simulator.push(&world.stream, late);
    assert!(!world.stray(&world.ledger().await).await.is_empty());
    world.advance(90);
    b.pass().await.unwrap();
    assert_no_fighting(&world.assert_archive_equals_truth().await, 1);
}

#[tokio::test]
async fn a_store_that_overwrites_is_refused() {
    let world = small_world().await;
    world.happen(1, 40, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    a.line.overwrite();
    // A store in trouble proves nothing.
    a.line.fail(Kind::Put, Which::Nth(2), Fault::Failed);
    let error = a.pass().await.unwrap_err();
    assert_eq!(error.action(), Action::NextTick, "{error:?}");
    let error = a.pass().await.unwrap_err();
    assert!(
        error.to_string().contains("does not refuse to create"),
        "{error}: {error:?}"
    );
    assert_eq!(error.action(), Action::Stop);
    assert!(error.hint().is_some());
    assert!(world.ledger().await.commits.is_empty());
}
