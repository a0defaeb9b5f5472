//! The binary counts by itself, and remembers what it has counted.

use std::path::Path;

use uipath_audit_exporter::calendar::{Beginning, Calendar};

use super::{assert_is_the_truth, target};
use crate::{
    ledger::Ledger,
    machine::{Machine, said, terminate, wait_for},
    world::{World, open_checkpoint},
};

/// What a daemon has remembered, once it is gone.
async fn remembered(world: &World, state: &Path) -> Calendar {
    let checkpoint = open_checkpoint(state).await;
    let today = world.now().date_naive();
    let (from, to) = (today - chrono::Days::new(120), today + chrono::Days::new(2));
    checkpoint.of(&target()).calendar(from, to).await.unwrap()
}

async fn run_until(machine: &Machine, what: &str, done: impl Fn(&Ledger) -> bool + Send + Sync) {
    let child = machine.command(&["run"]).spawn().unwrap();
    wait_for(what, async || done(&machine.world.ledger().await)).await;
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[tokio::test]
async fn days_are_counted_while_it_runs_and_after_a_lost_disk() {
    let machine = Machine::new().await;
    let text = machine.text("max_events = 10", "audit-1", "state");
    std::fs::write(
        &machine.config,
        format!("{text}[http]\nlisten = \"127.0.0.1:0\"\n"),
    )
    .unwrap();
    machine.world.happen(1, 100, 30);
    let world = &machine.world;
    run_until(&machine, "the events", |ledger| ledger.lines.len() == 100).await;
    std::fs::remove_dir_all(machine.checkpoint()).unwrap();

    // Until it has rebuilt its state, and a while longer; the calendar is looked at when it has gone.
    for _ in 0..50 {
        let before = world.ledger().await.commits.len();
        let at = world.now() - chrono::TimeDelta::milliseconds(10);
        world
            .simulator
            .push(&world.stream, uipath_audit_simulator::NewEvent::at(at));
        run_until(&machine, "another commit", |ledger| ledger.commits.len() > before).await;
        let calendar = remembered(world, &machine.checkpoint()).await;
        let ledger = world.ledger().await;
        let counted = calendar.counted.as_ref();
        let all = counted.is_some_and(|counted| {
            counted.beginning == Beginning::First && counted.newest + 1 == ledger.commits.len() as u64
        });
        if all {
            assert_is_the_truth(world, &ledger, &calendar);
            return;
        }
    }
    panic!("the calendar never was complete");
}
