//! One suite for every kind of store: what the commit protocol asks of a store, and what the exporter makes of it. The
//! stories know no kind; each is told on memory, on a directory, on S3 and on Azure. What goes wrong there goes wrong on
//! the wire, between the store's own client and a server that nobody here wrote.

mod binary;
mod creating;
mod killed;
mod layout;
mod looks;
mod racing;
mod writes;

use std::fmt;

use crate::{
    emulators::skip,
    place::{Place, PlaceKind},
    rival::small,
    world::World,
};

/// A small world whose archive is at that kind of place.
async fn world_at(kind: PlaceKind) -> (World, Place) {
    let place = Place::of(kind).await.expect("it was there before");
    let world = small(World::on(place.direct(), place.store()).await);
    (world, place)
}

/// Every case where the store is at hand, every few of them where each operation is a journey. Neighbours differ in all
/// that a case is made of, so that what is left has everything in it.
fn thinned<C: fmt::Debug>(kind: PlaceKind, cases: Vec<C>, keep_every: usize) -> Vec<C> {
    let step = if kind.is_far() { keep_every } else { 1 };
    cases.into_iter().step_by(step).collect()
}

macro_rules! told_on {
    ($($store:ident = $kind:ident),* $(,)?) => {
        $(mod $store {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn creates_once() {
                run(creating::creates_once).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_laid_out_as_described() {
                run(layout::is_laid_out_as_described).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_put_suffers_every_fault() {
                run(writes::every_put_suffers_every_fault).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_look_suffers_every_fault() {
                run(looks::every_look_suffers_every_fault).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn killed_at_every_step() {
                run(killed::killed_at_every_step).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn two_race() {
                run(racing::two_race).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn three_race() {
                run(racing::three_race).await;
            }

            async fn run(story: impl AsyncFn(PlaceKind)) {
                match Place::of(PlaceKind::$kind).await {
                    Ok(_) => story(PlaceKind::$kind).await,
                    Err(missing) => skip(concat!("conformance on ", stringify!($store)), &missing),
                }
            }
        })*
    };
}

told_on! {
    memory = Memory,
    directory = File,
    s3 = S3,
    azure = Azure,
}
