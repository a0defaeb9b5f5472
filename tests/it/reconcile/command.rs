//! `reconcile` as a person types it.

use chrono::TimeDelta;
use uipath_audit_simulator::{Fault, NewEvent, When};

use crate::machine::Machine;

#[tokio::test]
async fn a_line_tells_what_was_compared_and_the_code_what_became_of_it() {
    let machine = Machine::new().await;
    let world = &machine.world;
    world.happen(1, 50, 20);
    let nothing = machine.expect(1, &["reconcile", "--from", "30d"]).await;
    assert!(nothing.contains("run `once` first"), "{nothing}");
    machine.expect(0, &["once"]).await;
    let late = world.now() - TimeDelta::days(9);
    world.simulator.push(&world.stream, NewEvent::at(late));
    let output = machine
        .run(&["reconcile", "--target", "acme-production", "--from", "120d"])
        .await;
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("acme-production: compared 20"), "{told}");
    assert!(
        told.contains("its own API: 51 events shown, 1 missing, 1 archived in 1 commit"),
        "{told}"
    );
    assert!(
        told.contains("long-term store: ") && told.contains("none missing"),
        "{told}"
    );
    let beside = String::from_utf8(output.stderr).unwrap();
    assert!(beside.contains("not archived, or not yet"), "{beside}");
    let again = machine.expect(0, &["reconcile", "--from", "30d"]).await;
    assert!(again.contains("51 events shown, none missing"), "{again}");
    let outside = machine
        .expect(0, &["reconcile", "--from", "200d", "--to", "150d"])
        .await;
    assert!(outside.contains("nothing of this span is archived"), "{outside}");
    machine
        .expect(2, &["reconcile", "--from", "1d", "--to", "2d"])
        .await;
    machine
        .expect(2, &["reconcile", "--target", "other", "--from", "1d"])
        .await;
    world.simulator.fault(When::events(), Fault::status(403));
    let refused = machine.expect(4, &["reconcile", "--from", "1d"]).await;
    assert!(refused.contains("hint:"), "{refused}");
    world.simulator.clear_faults();
    machine.expect(0, &["verify", "--deep"]).await;
    world.assert_archive_equals_truth().await;
}
