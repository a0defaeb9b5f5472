//! "Was that my write?": whatever the store says about a put, the archive is right after the next pass at most.

use chrono::TimeDelta;
use uipath_audit_simulator::NewEvent;

use crate::rival::{Rival, each, news, reigns, small_world};
use crate::{
    store::{Fault, Kind, Which},
    world::at,
};

#[derive(Clone, Debug)]
struct Case {
    put: usize,
    fault: Fault,
    /// Every look whether the put was done fails, and every put after it: the pass fails, and the next one plans
    /// something else.
    blind: bool,
}

async fn run(case: Case) {
    let world = small_world().await;
    world.happen(1, 45, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    let which = if case.blind { Which::From } else { Which::Nth };
    a.line.fail(Kind::Put, which(case.put), case.fault);
    if case.blind {
        a.line.fail(Kind::Get, Which::All, Fault::Failed);
    }
    let first = a.pass().await;
    // The second put is the probe's, which has to be refused: an error in its place proves nothing.
    let unproven = case.put == 2 && matches!(case.fault, Fault::Failed | Fault::Late);
    assert_eq!(first.is_err(), case.blind || unproven, "{first:?}");
    a.line.mend();
    a.line.land().await;
    if case.blind {
        // In the middle of what is not committed yet: the slices become others.
        let hours = |hours| world.now() - TimeDelta::hours(hours);
        let committed = world.ledger().await.commits.pop();
        let from = committed.map_or(hours(70), |commit| at(commit["window"]["to"].as_str().unwrap()));
        world
            .simulator
            .generate(&world.stream, 2, 12, from, hours(0).max(from));
    }
    news(&world, 3, 20);
    a.pass().await.unwrap();
    reigns(&world.assert_archive_equals_truth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_put_suffers_every_fault() {
    let world = small_world().await;
    world.happen(1, 45, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    a.pass().await.unwrap();
    let mut cases = Vec::new();
    for put in 1..=a.line.count_of(Kind::Put) {
        for fault in [Fault::LostReply, Fault::Failed, Fault::Exists, Fault::Late] {
            cases.push(Case {
                put,
                fault,
                blind: false,
            });
            // Without a probe in its way.
            if put > 2 {
                cases.push(Case {
                    put,
                    fault,
                    blind: true,
                });
            }
        }
    }
    each(cases, run).await;
}

/// The one thing no protocol can sweep in time: a put that is done after its number was closed and swept. It lies about,
/// named by nobody, until the checkpoint is rebuilt.
#[tokio::test]
async fn a_data_object_that_arrives_after_the_sweep_stays_until_the_next_rebuild() {
    let world = small_world().await;
    world.happen(1, 30, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    a.pass().await.unwrap();
    news(&world, 2, 50);
    a.line
        .fail(Kind::Put, Which::Of("jsonl/".to_owned()), Fault::Late);
    a.line
        .fail(Kind::Get, Which::Of("jsonl/".to_owned()), Fault::Failed);
    a.pass().await.unwrap_err();
    a.line.mend();
    let late = NewEvent::at(world.now() - TimeDelta::minutes(79));
    world.simulator.push(&world.stream, late);
    a.pass().await.unwrap();
    world.assert_archive_equals_truth().await;
    assert_eq!(a.line.land().await, 1);
    let ledger = world.assert_events_equal_truth().await;
    assert_eq!(world.stray(&ledger).await.len(), 1);
    a.process().exporter.recover().await.unwrap();
    world.assert_archive_equals_truth().await;
}

/// Every get and list in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_look_fails_once() {
    let mut cases = Vec::new();
    for (kind, count) in [(Kind::Get, 12), (Kind::List, 4), (Kind::Delete, 2)] {
        cases.extend((1..=count).map(|nth| (kind, nth)));
    }
    each(cases, |(kind, nth)| async move {
        let world = small_world().await;
        world.happen(1, 45, 3);
        let mut b = Rival::started(&world, "audit-1", "b").await;
        b.pass().await.unwrap();
        b.process = None;
        news(&world, 2, 20);
        let mut a = Rival::started(&world, "audit-1", "a").await;
        a.line.fail(kind, Which::Nth(nth), Fault::Failed);
        let mut failures = 0;
        for _ in 0..3 {
            failures += usize::from(a.pass().await.is_err());
        }
        assert!(failures <= 1);
        reigns(&world.assert_archive_equals_truth().await);
    })
    .await;
}
