//! Exporters that take the target from one another on one store: one chain, always.

use super::world_at;
use crate::{
    place::PlaceKind,
    rival::{each, race},
};

pub async fn two_race(kind: PlaceKind) {
    races(kind, &["audit-1", "audit-2"], 0).await;
}

pub async fn three_race(kind: PlaceKind) {
    races(kind, &["audit-1", "audit-2", "audit-1"], 100).await;
}

async fn races(kind: PlaceKind, instances: &'static [&'static str], base: u64) {
    let seeds = if kind.is_far() { 3 } else { 6 };
    each((base + 1..=base + seeds).collect(), move |seed| async move {
        let (world, _place) = world_at(kind).await;
        race(world, seed, instances).await;
    })
    .await;
}
