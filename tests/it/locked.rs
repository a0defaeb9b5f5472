//! Archives that nothing can be deleted from: S3's Object Lock, Azure's immutability policies, a user without the right.
//! Nothing needs deleting, nothing is overwritten, and what stays for it is said once.

use futures::StreamExt as _;
use uipath_audit_exporter::observe::capture;

use crate::{
    place::{Place, PlaceKind, Terms},
    rival::{Rival, news, reigns, small},
    store::{Kind, Step},
    world::World,
};

const LOCKED: Terms<'static> = Terms {
    locked: true,
    lacks: &[],
    session: false,
};
const MAY_NOT_DELETE: Terms<'static> = Terms {
    locked: false,
    lacks: &[Kind::Delete],
    session: false,
};

/// Killed twice in the middle of commits, with other batch sizes afterwards: objects lie about that no commit names, of
/// two numbers.
async fn crashes_leave_objects(kind: PlaceKind, terms: Terms<'_>, hides: bool) {
    let Some(place) = Place::or_skip(kind, terms).await else {
        return;
    };
    let log = capture();
    let world = small(World::on(place.direct(), place.store()).await);
    world.happen(1, 30, 3);
    let mut a = Rival::started(&world, "audit-1", "a").await;
    a.pass().await.unwrap();
    for round in 0..2 {
        news(&world, 2 + round, 60);
        let first_object = Step::On(Kind::Put, "commits/".to_owned());
        assert!(a.die_at(first_object).await, "it committed nothing");
        a.settings.archive.max_events = if round == 0 { 13 } else { 20 };
        a.start(&world).await;
        a.pass().await.unwrap();
        news(&world, 10 + round, 5);
        a.pass().await.unwrap();
    }
    let ledger = world.assert_events_equal_truth().await;
    reigns(&ledger);
    world.assert_verified().await;
    // One of the first probe and one for all others, however many processes there are.
    let probes = world.store.list(Some(&"probe".into())).count().await;
    assert_eq!(probes, if hides { 0 } else { 2 });
    let stray = world.stray(&ledger).await;
    assert_eq!(stray.is_empty(), hides, "{stray:?}");
    let told = log.lines();
    let told: Vec<_> = told.iter().filter(|line| line.contains("delete")).collect();
    // Once by each of the processes, whatever it could not delete, and however often.
    assert_eq!(told.len(), if hides { 0 } else { 3 }, "{told:#?}");
    assert!(
        !log.problems().iter().any(|line| line.contains("sweep")),
        "{:#?}",
        log.problems()
    );
}

#[tokio::test]
async fn a_bucket_with_object_lock() {
    // A delete hides: the version stays.
    crashes_leave_objects(PlaceKind::S3, LOCKED, true).await;
}

#[tokio::test]
async fn a_container_with_an_immutability_policy() {
    crashes_leave_objects(PlaceKind::Azure, LOCKED, false).await;
}

#[tokio::test]
async fn a_bucket_without_the_right_to_delete() {
    crashes_leave_objects(PlaceKind::S3, MAY_NOT_DELETE, false).await;
}

#[tokio::test]
async fn a_container_without_the_right_to_delete() {
    crashes_leave_objects(PlaceKind::Azure, MAY_NOT_DELETE, false).await;
}

#[tokio::test]
async fn a_directory_without_the_right_to_delete() {
    crashes_leave_objects(PlaceKind::File, MAY_NOT_DELETE, false).await;
}
