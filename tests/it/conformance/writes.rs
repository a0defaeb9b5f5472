//! "Was that my write?": whatever is said about a put, the archive is right after the next pass at most.

use chrono::TimeDelta;
use uipath_audit_exporter::error::Action;

use super::{thinned, world_at};
use crate::{
    place::PlaceKind,
    rival::{each, news, reigns},
    store::{Fault, Kind, Which},
    world::at,
};

/// Whatever a put may suffer, and whether it is over by itself.
const FAULTS: [(Fault, bool); 10] = [
    (Fault::LostReply, true),
    (Fault::Conflict, true),
    (Fault::Reset, true),
    (Fault::Forbidden, false),
    (Fault::Failed, true),
    (Fault::Precondition, true),
    (Fault::Busy, true),
    (Fault::NoPlace, false),
    (Fault::TooMany, true),
    (Fault::Exists, true),
];

#[derive(Clone, Debug)]
struct Case {
    put: usize,
    fault: Fault,
    /// Over by itself: the pass comes through.
    passing: bool,
    /// The look whether the put was done fails, too: the pass fails, and the next one plans something else.
    blind: bool,
}

async fn run(kind: PlaceKind, case: Case) {
    let (world, place) = world_at(kind).await;
    world.happen(1, 45, 3);
    place.fail(Kind::Put, Which::Nth(case.put), case.fault);
    if case.blind {
        place.fail(Kind::Get, Which::All, Fault::Failed);
    }
    let mut process = world.start().await;
    let first = process.pass().await;
    // The second put is the probe's, which has to be refused: an error in its place proves nothing.
    if case.passing && !case.blind && case.put != 2 {
        first.unwrap();
    } else if let Err(error) = first {
        let expected = if case.passing {
            Action::NextTick
        } else {
            Action::Stop
        };
        // Only on the wire can it be told that a whole place is gone.
        if kind.is_far() || case.fault != Fault::NoPlace {
            assert_eq!(error.action(), expected, "{error:?}");
        }
    }
    place.mend();
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
    process.pass().await.unwrap();
    reigns(&world.assert_archive_equals_truth().await);
}

pub async fn every_put_suffers_every_fault(kind: PlaceKind) {
    let (world, place) = world_at(kind).await;
    world.happen(1, 45, 3);
    world.once().await.unwrap();
    let puts = place.count(Kind::Put);
    let mut cases = Vec::new();
    for put in 1..=puts {
        for (fault, passing) in FAULTS {
            // Without a probe in its way.
            let blind = put > 2 && passing;
            for blind in [false, true].into_iter().take(1 + usize::from(blind)) {
                cases.push(Case {
                    put,
                    fault,
                    passing,
                    blind,
                });
            }
        }
    }
    each(thinned(kind, cases, 7), move |case| run(kind, case)).await;
}
