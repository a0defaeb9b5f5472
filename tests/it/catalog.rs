//! What stands beside the events: the catalogue and the exclusion rules, kept whenever they changed and referred to by
//! commits; and filters, whose names are looked up in the catalogue.

use serde_json::Value;
use uipath_audit_exporter::{
    error::{Action, Chain},
    target::{Api, Filter, Status},
};
use uipath_audit_simulator::{ExclusionRule, Fault, Kind, NewEvent, When};

use crate::world::World;

fn name_of(event: &[u8], member: &str) -> String {
    let event: Value = serde_json::from_slice(event).unwrap();
    event[member].as_str().unwrap_or_default().to_owned()
}

/// The events of a filtered target are exactly those of the truth for which `keep` holds.
async fn assert_keeps(world: &World, keep: impl Fn(&Value) -> bool) {
    let mut expected: Vec<Vec<u8>> = world
        .simulator
        .truth(&world.stream)
        .into_iter()
        .map(|event| event.raw)
        .collect();
    let all = expected.len();
    expected.retain(|raw| keep(&serde_json::from_slice(raw).unwrap()));
    assert!(
        !expected.is_empty() && expected.len() < all,
        "{} of {all}",
        expected.len()
    );
    let mut lines = world.ledger().await.lines;
    lines.sort_unstable();
    expected.sort_unstable();
    assert!(
        lines == expected,
        "{} archived, {} expected",
        lines.len(),
        expected.len()
    );
}

async fn filtered(filter: Filter) -> World {
    let mut world = World::new().await;
    world.settings.targets[0].filter = Some(filter);
    world.happen(3, 400, 20);
    world.once().await.unwrap();
    world
}

#[tokio::test]
async fn a_filter_takes_names_and_guids_and_keeps_nothing_else() {
    let texts = |text: &str| vec![text.to_owned()];
    let world = World::new().await;
    world.happen(3, 400, 20);
    let first = world.simulator.truth(&world.stream).swap_remove(0).raw;
    let (source, target) = (name_of(&first, "eventSource"), name_of(&first, "eventTarget"));
    let (kind, user) = (name_of(&first, "eventType"), name_of(&first, "actorId"));
    let is = |member: &'static str, wanted: String| move |event: &Value| event[member] == *wanted;

    let world = filtered(Filter {
        sources: texts(&source.to_uppercase()),
        ..Filter::default()
    })
    .await;
    assert_keeps(&world, is("eventSource", source.clone())).await;
    let world = filtered(Filter {
        targets: texts(&target),
        ..Filter::default()
    })
    .await;
    assert_keeps(&world, is("eventTarget", target)).await;
    let world = filtered(Filter {
        types: texts(&kind),
        ..Filter::default()
    })
    .await;
    assert_keeps(&world, is("eventType", kind)).await;
    let world = filtered(Filter {
        users: texts(&user),
        ..Filter::default()
    })
    .await;
    assert_keeps(&world, is("actorId", user)).await;
    let world = filtered(Filter {
        status: Some(Status::Failed),
        ..Filter::default()
    })
    .await;
    assert_keeps(&world, |event| event["status"] == 1).await;

    // The GUID that the catalogue gives the source means the same.
    let catalog = catalog_of(&world).await;
    let sources = catalog.as_array().unwrap();
    let guid = sources.iter().find(|one| one["name"] == *source).unwrap()["id"]
        .as_str()
        .unwrap();
    let world = filtered(Filter {
        sources: texts(guid),
        ..Filter::default()
    })
    .await;
    assert_keeps(&world, is("eventSource", source)).await;
}

#[tokio::test]
async fn a_search_looks_into_details() {
    let mut world = World::new().await;
    world.settings.targets[0].filter = Some(Filter {
        search: Some("needle-7".to_owned()),
        ..Filter::default()
    });
    world.happen(3, 100, 20);
    let at = world.now() - chrono::TimeDelta::hours(30);
    world
        .simulator
        .push(&world.stream, NewEvent::at(at).details(r#"{"key":"needle-7"}"#));
    world.once().await.unwrap();
    let ledger = world.ledger().await;
    assert_eq!(ledger.lines.len(), 1);
    assert_eq!(ledger.commits[0]["source"]["filter"]["search"], "needle-7");
}

#[tokio::test]
async fn a_name_that_the_catalogue_lacks_is_told_with_the_nearest() {
    for kind in [Kind::Unified, Kind::UnifiedCsv] {
        let mut world = World::of(kind).await;
        world.settings.targets[0].filter = Some(Filter {
            sources: vec!["Orchestrater".to_owned()],
            ..Filter::default()
        });
        world.happen(3, 10, 20);
        let error = world.once().await.unwrap_err();
        assert_eq!(error.action(), Action::Stop);
        let told = format!("{} {}", Chain(&error), error.hint().unwrap());
        assert!(
            told.contains("`Orchestrater`") && told.contains("`Orchestrator`"),
            "{told}"
        );
        assert!(world.ledger().await.commits.is_empty());
    }
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_again_keeps_no_filter_from_working() {
    let mut world = World::new().await;
    world.settings.targets[0].filter = Some(Filter {
        sources: vec!["Orchestrator".to_owned()],
        ..Filter::default()
    });
    world.happen(3, 100, 20);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    world.simulator.clear_requests();
    let asked = |world: &World| {
        let requests = world.simulator.requests();
        requests
            .iter()
            .filter(|seen| seen.path.ends_with("/sources"))
            .count()
    };
    world.advance(15);
    process.pass().await.unwrap();
    assert_eq!(asked(&world), 0, "the names are known");
    world.simulator.fault(When::sources(), Fault::status(404));
    world.advance(25 * 60);
    world.simulator.push(
        &world.stream,
        NewEvent::at(world.now() - chrono::TimeDelta::hours(1)).what(
            "Orchestrator",
            "Folders",
            "Delete folder",
        ),
    );
    let written = process.pass().await.unwrap().counts.written;
    assert!(asked(&world) > 0, "once a day they are looked up again");
    assert_eq!(written, 1);
}

async fn object(world: &World, key: &str) -> Value {
    let bytes = world.archive().read(key).await.unwrap().unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

async fn catalog_of(world: &World) -> Value {
    let ledger = world.ledger().await;
    object(world, ledger.commits[0]["catalog"].as_str().unwrap()).await
}

#[tokio::test]
async fn rules_that_keep_events_from_being_recorded_are_kept_whenever_they_change() {
    let world = World::new().await;
    world.happen(3, 50, 20);
    world.once().await.unwrap();
    world
        .simulator
        .set_rules("acme", vec![ExclusionRule::source("Orchestrator", world.now())]);
    for _ in 0..3 {
        world.advance(24 * 60);
        world.simulator.push(
            &world.stream,
            NewEvent::at(world.now() - chrono::TimeDelta::hours(2)).what("Apps", "App", "Published app"),
        );
        world.once().await.unwrap();
    }
    let ledger = world.assert_archive_equals_truth().await;
    let rules: Vec<&str> = ledger
        .commits
        .iter()
        .map(|commit| commit["rules"].as_str().unwrap())
        .collect();
    let (first, last) = (rules[0], rules[rules.len() - 1]);
    assert_ne!(first, last);
    assert_eq!(
        rules
            .iter()
            .filter(|rule| **rule != first && **rule != last)
            .count(),
        0
    );
    assert!(object(&world, last).await.to_string().contains("Orchestrator"));
    assert!(!object(&world, first).await.to_string().contains("Orchestrator"));
}

#[tokio::test]
async fn where_rules_are_not_rolled_out_or_fail_nothing_else_does() {
    for fault in [
        None,
        Some(Fault::status(503)),
        Some(Fault::status(403)),
        Some(Fault::SignInPage),
    ] {
        let mut world = World::new().await;
        for connection in world.settings.connections.values_mut() {
            connection.retry_for = std::time::Duration::from_millis(200);
        }
        match fault {
            Some(fault) => {
                world.simulator.fault(When::rules(), fault);
            }
            None => world.simulator.turn(|switches| switches.rules.rolled_out = false),
        }
        world.happen(3, 50, 20);
        world.once().await.unwrap();
        let ledger = world.assert_archive_equals_truth().await;
        assert!(ledger.commits[0]["rules"].is_null());
        assert!(ledger.commits[0]["catalog"].is_string());
        assert_eq!(world.settings.targets[0].api, Api::Unified);
    }
}
