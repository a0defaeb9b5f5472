//! Killed after every operation on the store, with and without its disk: the restarted exporter makes it whole.

use super::{thinned, world_at};
use crate::{
    place::PlaceKind,
    rival::{Rival, each, news, reigns},
    store::Step,
    world::World,
};

async fn before(world: &World) -> Rival {
    world.happen(1, 30, 3);
    let mut a = Rival::started(world, "audit-1", "a").await;
    a.pass().await.unwrap();
    news(world, 2, 40);
    a
}

async fn run(kind: PlaceKind, (number, disk_lost): (usize, bool)) {
    let (world, _place) = world_at(kind).await;
    let mut a = before(&world).await;
    a.die_at(Step::After(number)).await;
    if disk_lost {
        a.lose_state().await;
    }
    a.start(&world).await;
    a.pass().await.unwrap();
    news(&world, 3, 10);
    a.pass().await.unwrap();
    reigns(&world.assert_archive_equals_truth().await);
}

pub async fn killed_at_every_step(kind: PlaceKind) {
    let (world, _place) = world_at(kind).await;
    let mut a = before(&world).await;
    let done = a.line.count();
    assert!(a.pass().await.unwrap().commits >= 3);
    let steps = done + 1..=a.line.count();
    let cases: Vec<_> = steps
        .flat_map(|number| [(number, number % 2 == 0), (number, number % 2 == 1)])
        .collect();
    each(thinned(kind, cases, 2), move |case| run(kind, case)).await;
}
