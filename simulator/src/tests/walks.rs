//! Under every switch a patient client finds every event.

use std::collections::BTreeSet;

use super::client::walk;
use super::{EVENTS, acme, production};
use crate::{Arrival, Repeats, Simulator, Switches};

/// Checks that a walk tells every visible event, in a spelling the truth knows, and nothing else.
fn check(name: &str, simulator: &Simulator, told: &[Vec<u8>]) {
    let truth = simulator.truth(&production());
    let mut missing = Vec::new();
    let mut known: BTreeSet<&[u8]> = BTreeSet::new();
    if simulator.switches().pages.repeats == Repeats::Never {
        let now = simulator.clock().now();
        let due = truth
            .iter()
            .filter(|event| event.visible && event.instant <= now)
            .count();
        assert_eq!(told.len(), due, "{name}: each is told once");
    }
    let told: BTreeSet<&[u8]> = told.iter().map(Vec::as_slice).collect();
    for event in &truth {
        known.extend(event.versions.iter().map(Vec::as_slice));
        let in_reach = event.instant <= simulator.clock().now();
        if event.visible
            && in_reach
            && !event
                .versions
                .iter()
                .any(|version| told.contains(version.as_slice()))
        {
            missing.push(event.index);
        }
    }
    assert!(
        missing.is_empty(),
        "{name}: {} of {} are missing",
        missing.len(),
        truth.len()
    );
    for event in told {
        assert!(
            known.contains(event),
            "{name}: unknown {}",
            String::from_utf8_lossy(event)
        );
    }
}

async fn walk_under(name: &str, mut switches: Switches, events: u32, count: u16) {
    if matches!(switches.pages.arrival, Arrival::LateByRequests { .. }) {
        // Late events would miss the walk that is under way.
        switches.pages.arrival = Arrival::LateByRequests {
            every: 7,
            requests: 0,
        };
    }
    let simulator = acme(switches, events).await;
    let told = walk(&simulator, &format!("{EVENTS}?from=2025-03-01&maxCount={count}")).await;
    check(name, &simulator, &told);
    simulator.stop().await;
}

#[tokio::test]
async fn history_of_1000_events_is_told_once_and_byte_for_byte() {
    let simulator = acme(Switches::default(), 1000).await;
    let told = walk(&simulator, EVENTS).await;
    let mut truth: Vec<_> = simulator
        .truth(&production())
        .into_iter()
        .map(|event| event.raw)
        .collect();
    truth.reverse();
    assert_eq!(told, truth);
    assert_eq!(simulator.request_count(), 5);
}

#[tokio::test]
async fn each_switch_alone_tells_all() {
    for (name, switches) in Switches::each() {
        walk_under(name, switches, 120, 25).await;
    }
}

#[tokio::test]
async fn mixed_switches_tell_all() {
    for seed in 0..60 {
        let switches = Switches::seeded(seed);
        let name = format!("seed {seed}: {:?}", switches.names());
        walk_under(&name, switches, 130, 30).await;
    }
}
