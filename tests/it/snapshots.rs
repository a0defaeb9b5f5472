//! What the server says of itself beside the events: its catalogue, and the rules by which events are not recorded.

use object_store::{ObjectStoreExt as _, path::Path};
use serde_json::Value;
use uipath_audit_simulator::{Endpoint, ExclusionRule, Fault, When};

use crate::world::World;

fn last(commits: &[Value]) -> &Value {
    commits.last().unwrap()
}

#[tokio::test]
async fn rules_that_changed_are_archived_that_day_though_nothing_happened() {
    let mut world = World::new().await;
    world.settings.targets[0].pace.empty_commit_every = std::time::Duration::from_secs(30 * 86_400);
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let before = world.ledger().await.commits;
    let rule = ExclusionRule::source("Robots of the cellar", world.now());
    world.simulator.set_rules("acme", vec![rule]);
    world.advance(24 * 60);
    process.pass().await.unwrap();
    let after = world.ledger().await.commits;
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(last(&after)["kind"], "empty");
    assert_ne!(last(&after)["rules"], last(&before)["rules"]);
    assert_eq!(last(&after)["catalog"], last(&before)["catalog"]);
    let key = Path::from(last(&after)["rules"].as_str().unwrap());
    let bytes = world.store.get(&key).await.unwrap().bytes().await.unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("Robots of the cellar"));
    // Known now: no reason for another commit.
    world.advance(24 * 60);
    process.pass().await.unwrap();
    assert_eq!(world.ledger().await.commits.len(), after.len());
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_server_without_a_catalogue_is_asked_for_it_once_a_day() {
    let world = World::new().await;
    world.simulator.fault(When::sources(), Fault::status(403));
    world.simulator.fault(When::rules(), Fault::status(403));
    let mut process = world.start().await;
    let asked = || {
        let seen = world.simulator.requests();
        let of = |endpoint| seen.iter().filter(|seen| seen.endpoint == endpoint).count();
        (of(Endpoint::Sources), of(Endpoint::Rules))
    };
    for _ in 0..3 {
        process.pass().await.unwrap();
        assert_eq!(asked(), (1, 1));
        world.advance(60);
    }
    world.advance(24 * 60);
    process.pass().await.unwrap();
    assert_eq!(asked(), (2, 2));
}
