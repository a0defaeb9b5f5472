//! Under every switch a patient client finds every event.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::client::{get, walk};
use super::{EVENTS, acme, noon, production};
use crate::json::{member, text};
use crate::{Arrival, NewEvent, Repeats, Simulator, Switches};

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

/// The bodies of all pages of a walk.
async fn bodies(simulator: &Simulator) -> Vec<String> {
    let (mut path, mut bodies) = (format!("{EVENTS}?maxCount=57"), Vec::new());
    loop {
        let got = get(simulator, &path).await.unwrap();
        assert_eq!((got.status, got.whole), (200, true));
        let body = String::from_utf8(got.body).unwrap();
        let previous = member(body.as_bytes(), "previous").and_then(text);
        bodies.push(body);
        match previous {
            Some(link) => path = link,
            None => return bodies,
        }
    }
}

#[tokio::test]
async fn pages_of_700_events_are_the_same_bytes_whether_they_are_kept_spelled_or_not() {
    for most in [0, 300_000, 1 << 30] {
        let plain = acme(Switches::default(), 700).await;
        let kept = acme(Switches::default(), 700).await;
        kept.keep_spelled(most);
        for round in 0_i64..5 {
            let bodies = [bodies(&plain).await, bodies(&kept).await];
            assert_eq!(bodies[0], bodies[1], "round {round}, {most} bytes");
            assert!(bodies[0].len() >= 13);
            for simulator in [&plain, &kept] {
                let at = noon() - TimeDelta::days(round);
                simulator.push(&production(), NewEvent::at(at - TimeDelta::hours(1)));
                simulator.replace(&production(), 3, r#"{"id":"other"}"#);
                simulator.generate(&production(), 7, 2, at - TimeDelta::days(2), at);
                simulator.expire(&production(), 1);
            }
        }
        check("kept", &kept, &walk(&kept, EVENTS).await);
    }
}

#[tokio::test]
async fn events_are_as_long_as_they_are_wished_to_be() {
    let mut switches = Switches::default();
    switches.records.least_bytes = 3000;
    let simulator = acme(switches, 100).await;
    let told = walk(&simulator, EVENTS).await;
    assert!(told.iter().all(|event| (3000..3200).contains(&event.len())));
    check("long", &simulator, &told);
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
