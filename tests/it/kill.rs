//! Killed at every await: the future of a pass is dropped at its k-th `Pending`, for every k, in many situations. After the
//! restart the archive equals the truth.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use chrono::TimeDelta;
use uipath_audit_simulator::NewEvent;

use crate::world::World;

/// Runs a future until its k-th `Pending`; there it is dropped. True: it ended before.
pub async fn lives_through(k: usize, future: impl Future<Output = ()>) -> bool {
    struct Killed<'a, F> {
        future: Pin<&'a mut F>,
        left: usize,
    }
    impl<F: Future<Output = ()>> Future for Killed<'_, F> {
        type Output = bool;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
            match self.future.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending if self.left == 0 => Poll::Ready(false),
                Poll::Pending => {
                    self.left -= 1;
                    Poll::Pending
                }
            }
        }
    }
    let future = pin!(future);
    Killed { future, left: k }.await
}

/// What the world is like when the pass that dies begins, and what happens before the next one.
struct Situation {
    name: &'static str,
    before: fn(&mut World),
    /// A whole pass runs after `before`, and then this.
    then: Option<fn(&mut World)>,
    after_death: fn(&mut World),
}

fn push(world: &World, minutes: impl Iterator<Item = i64>) {
    for minutes in minutes {
        world.simulator.push(
            &world.stream,
            NewEvent::at(world.now() + TimeDelta::minutes(minutes)),
        );
    }
}

fn lose_state(world: &mut World) {
    std::fs::remove_dir_all(world.state_dir()).unwrap();
}

/// Every situation the issue names.
const SITUATIONS: [Situation; 8] = [
    Situation {
        name: "a fresh target",
        before: |world| world.happen(1, 60, 3),
        then: None,
        after_death: |_| {},
    },
    Situation {
        name: "mid-backfill",
        before: |world| {
            world.settings.archive.max_events = 25;
            world.happen(2, 120, 80);
        },
        then: None,
        after_death: |_| {},
    },
    Situation {
        name: "late events arrive meanwhile",
        before: |world| world.happen(3, 60, 3),
        then: Some(|world| {
            push(world, 1..8);
            push(world, -20..-12);
            world.advance(10);
        }),
        after_death: |world| {
            push(world, -30..-25);
            push(world, 0..3);
            world.advance(10);
        },
    },
    Situation {
        name: "a smaller batch size afterwards",
        before: |world| world.happen(4, 120, 3),
        then: None,
        after_death: |world| world.settings.archive.max_events = 20,
    },
    Situation {
        name: "a larger batch size and another compression afterwards",
        before: |world| {
            world.settings.archive.max_events = 25;
            world.settings.archive.csv = true;
            world.happen(5, 100, 3);
        },
        then: None,
        after_death: |world| {
            world.settings.archive.max_events = 1000;
            world.settings.archive.compression = uipath_audit_exporter::settings::Compression::Gzip;
        },
    },
    Situation {
        name: "the state directory lost",
        before: |world| {
            world.settings.archive.max_events = 40;
            world.settings.archive.csv = true;
            world.happen(6, 100, 3);
        },
        then: None,
        after_death: lose_state,
    },
    Situation {
        name: "the state directory lost with late events about",
        before: |world| world.happen(7, 60, 3),
        then: Some(|world| {
            push(world, 1..8);
            push(world, -20..-12);
            world.advance(10);
        }),
        after_death: |world| {
            lose_state(world);
            push(world, -30..-25);
            world.advance(10);
        },
    },
    Situation {
        name: "the checkpoint's files damaged",
        before: |world| world.happen(8, 60, 3),
        then: Some(|world| {
            push(world, 1..8);
            world.advance(10);
        }),
        after_death: |world| {
            let database = world.state_dir().join("checkpoint").join("db");
            if let Ok(mut bytes) = std::fs::read(&database) {
                bytes
                    .iter_mut()
                    .skip(100)
                    .step_by(97)
                    .for_each(|byte| *byte ^= 0x55);
                std::fs::write(&database, bytes).unwrap();
            }
        },
    },
];

async fn dies_at_every_await(situation: &Situation) {
    let mut k = 0;
    loop {
        let mut world = World::new().await;
        world.slow_store();
        (situation.before)(&mut world);
        if let Some(then) = situation.then {
            world.once().await.unwrap();
            then(&mut world);
        }
        let survived = lives_through(k, async {
            let mut process = world.start().await;
            process.pass().await.unwrap();
        })
        .await;
        // The dead process lets go of its state directory.
        drop(crate::world::open_checkpoint(&world.state_dir()).await);
        (situation.after_death)(&mut world);
        let result = world.once().await;
        result.unwrap_or_else(|error| {
            panic!(
                "{}: restarted after the death at await {k}: {error:?}",
                situation.name
            )
        });
        let checked = std::panic::AssertUnwindSafe(world.assert_archive_equals_truth());
        if futures::FutureExt::catch_unwind(checked).await.is_err() {
            panic!("{}: died at await {k}", situation.name);
        }
        if survived {
            eprintln!("{}: died at each of {k} awaits", situation.name);
            assert!(k > 12, "the pass was expected to wait more often than {k} times");
            return;
        }
        k += 1;
    }
}

/// One test for each situation, so that they run side by side.
macro_rules! situations {
    ($($test:ident = $index:literal),* $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            dies_at_every_await(&SITUATIONS[$index]).await;
        })*

        #[test]
        fn every_situation_has_a_test() {
            assert_eq!([$($index),*].len(), SITUATIONS.len());
        }
    };
}

situations! {
    fresh = 0,
    mid_backfill = 1,
    late_events = 2,
    smaller_batches = 3,
    larger_batches = 4,
    lost_state = 5,
    lost_state_and_late_events = 6,
    damaged_checkpoint = 7,
}
