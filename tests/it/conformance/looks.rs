//! Every get, list and delete in turn goes wrong: no wrong conclusion is drawn, and the next pass makes up for it.

use uipath_audit_exporter::error::Action;

use super::{thinned, world_at};
use crate::{
    place::PlaceKind,
    rival::{Rival, each, news, reigns},
    store::{Fault, Kind, Which},
};

const FAULTS: [Fault; 11] = [
    Fault::Failed,
    Fault::Truncated,
    Fault::Busy,
    Fault::Wrong,
    Fault::Forbidden,
    Fault::Reset,
    Fault::Stale,
    Fault::TooMany,
    Fault::Slow,
    Fault::NoPlace,
    Fault::LostReply,
];

/// Whether a kind of operation can suffer this.
fn can(kind: Kind, fault: Fault) -> bool {
    match fault {
        Fault::Truncated | Fault::Wrong => kind == Kind::Get,
        Fault::Stale => kind == Kind::List,
        Fault::LostReply => kind == Kind::Delete,
        _ => true,
    }
}

#[derive(Clone, Debug)]
struct Case {
    operation: Kind,
    nth: usize,
    fault: Fault,
}

/// An archive whose owner has lost its disk, with news to archive: the pass looks at all there is.
async fn run(kind: PlaceKind, case: Case) {
    let (world, place) = world_at(kind).await;
    world.happen(1, 45, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    a.pass().await.unwrap();
    a.process = None;
    a.lose_state().await;
    news(&world, 2, 20);
    a.start(&world).await;
    let nth = place.count(case.operation) + case.nth;
    place.fail(case.operation, Which::Nth(nth), case.fault);
    let mut failures = 0;
    for _ in 0..3 {
        let Err(error) = a.pass().await else { continue };
        failures += 1;
        // What was damaged on its way raises no alarm.
        let damaged = matches!(case.fault, Fault::Wrong | Fault::Truncated);
        assert!(!damaged || error.action() == Action::NextTick, "{error:?}");
    }
    place.mend();
    assert!(failures <= 1, "{failures} passes failed");
    if case.fault == Fault::Stale {
        // What a listing did not show is not swept.
        reigns(&world.assert_events_equal_truth().await);
    } else {
        reigns(&world.assert_archive_equals_truth().await);
    }
}

pub async fn every_look_suffers_every_fault(kind: PlaceKind) {
    let mut cases = Vec::new();
    for nth in 1..=14 {
        for fault in FAULTS {
            for (operation, most) in [(Kind::Get, 14), (Kind::List, 6), (Kind::Delete, 2)] {
                if nth <= most && can(operation, fault) {
                    cases.push(Case {
                        operation,
                        nth,
                        fault,
                    });
                }
            }
        }
    }
    each(thinned(kind, cases, 5), move |case| run(kind, case)).await;
}
