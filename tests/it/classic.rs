//! The classic API through the whole exporter: no ids, no time filter, positions that move while somebody pages.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use uipath_audit_exporter::{
    error::Chain,
    target::{Api, Target},
};
use uipath_audit_simulator::{
    Appears, Cloud, Fault, Kind, NewEvent, Simulator, StreamId, Switches, Twins, When,
};

use crate::{
    kinds::said,
    ledger::Ledger,
    world::{World, at, is_due},
};

const DAY: u64 = 86_400;

/// A world whose one target is the classic log of an organization.
async fn classic() -> World {
    let mut world = World::new().await;
    let simulator = Simulator::local(Cloud::new().classic("acme")).await.unwrap();
    simulator.clock().fix(at("2026-11-20T12:00:00Z"));
    std::fs::write(world.directory.path().join("secret"), simulator.client_secret()).unwrap();
    let connection = world.settings.connections.get_mut("cloud").unwrap();
    connection.url = simulator.url().parse().unwrap();
    world.simulator = simulator.into();
    world.stream = StreamId::classic("acme");
    let target: &mut Target = &mut world.settings.targets[0];
    (target.api, target.tenant) = (Api::Classic, None);
    world
}

fn set(world: &World, change: impl FnOnce(&mut Switches)) {
    let mut switches = world.simulator.switches();
    change(&mut switches);
    world.simulator.set_switches(switches);
}

async fn pass(world: &World, name: &str) {
    let result = world.once().await;
    result.unwrap_or_else(|error| panic!("{name}: {}", Chain(&error)));
}

/// The archive holds each record as often as the server does, in bytes that the server sent, and nothing else. Rows that
/// are gone may have been archived before.
async fn assert_archive_equals_truth(world: &World, name: &str) -> Ledger {
    let ledger = world.ledger().await;
    let last = ledger.commits.last().unwrap();
    let covered = at(last["window"]["to"].as_str().unwrap());
    // Those that must be there first: a twin that is gone shall not be taken for them.
    let mut truth = world.simulator.truth(&world.stream);
    truth.sort_by_key(|event| !is_due(event, covered));
    let mut matching = Matching::default();
    for line in &ledger.lines {
        matching.lines.entry(said(line)).or_default().copies += 1;
    }
    let mut spelled: BTreeSet<&[u8]> = BTreeSet::new();
    let mut missing = 0;
    for (index, event) in truth.iter().enumerate() {
        let spellings = event.versions.iter().map(Vec::as_slice).chain([&event.raw[..]]);
        spelled.extend(spellings.clone());
        matching.spellings.push(spellings.map(said).collect());
        if !matching.place(index, &mut BTreeSet::new()) && is_due(event, covered) {
            missing += 1;
            eprintln!("{name}: missing: {:?}", event.instant);
        }
    }
    assert_eq!(missing, 0, "{name}: records of the server are not in the archive");
    let unexplained = matching
        .lines
        .values()
        .filter(|line| line.events.len() < line.copies);
    assert_eq!(
        unexplained.count(),
        0,
        "{name}: records are archived more often than the server has them"
    );
    world.assert_nothing_lies_about(&ledger).await;
    world.assert_verified().await;
    ledger
}

/// Which archived line is which record. One may have to make room for another.
#[derive(Default)]
struct Matching {
    /// How the server spelled each record.
    spellings: Vec<Vec<Vec<u8>>>,
    lines: BTreeMap<Vec<u8>, Line>,
}

/// An archived line: how often it is there, and the records that it was found to be.
#[derive(Default)]
struct Line {
    copies: usize,
    events: Vec<usize>,
}

impl Matching {
    fn place(&mut self, event: usize, tried: &mut BTreeSet<Vec<u8>>) -> bool {
        for spelling in self.spellings[event].clone() {
            let Some(line) = self.lines.get_mut(&spelling) else {
                continue;
            };
            if !tried.insert(spelling.clone()) {
                continue;
            }
            if line.events.len() < line.copies {
                line.events.push(event);
                return true;
            }
            for (place, other) in line.events.clone().into_iter().enumerate() {
                if self.place(other, tried) {
                    self.lines.get_mut(&spelling).unwrap().events[place] = event;
                    return true;
                }
            }
        }
        false
    }
}

#[tokio::test]
async fn twenty_thousand_records_under_every_cap_of_pages() {
    for cap in [50, 200, 1000] {
        let mut world = classic().await;
        world.settings.archive.max_events = 3000;
        set(&world, |switches| switches.classic.page_cap = Some(cap));
        world.happen(u64::from(cap), 20_000, 60);
        pass(&world, "first").await;
        let ledger = assert_archive_equals_truth(&world, &format!("pages of {cap}")).await;
        assert!(ledger.commits.len() > 6);
        world.advance(15);
        pass(&world, "second").await;
        assert_archive_equals_truth(&world, &format!("pages of {cap}, again")).await;
    }
}

#[tokio::test]
async fn each_switch_of_the_server() {
    for (name, switches) in Switches::each_for(Kind::Classic) {
        two_passes(name, switches, 3).await;
    }
}

#[tokio::test]
async fn mixed_switches_of_the_server() {
    for seed in 0..24 {
        let name = format!("seed {seed}");
        two_passes(&name, Switches::seeded_for(Kind::Classic, seed), seed).await;
    }
}

/// Two passes with late rows between them, the state lost between the second and a third.
async fn two_passes(name: &str, switches: Switches, seed: u64) {
    let mut world = classic().await;
    world.settings.archive.max_events = 150;
    world.settings.targets[0].pace.lookback = std::time::Duration::from_secs(30 * DAY);
    world.settings.targets[0].classic.api_version = Some("1.0".to_owned())
        .filter(|_| switches.classic.api_version != uipath_audit_simulator::ApiVersion::Refused);
    world.simulator.set_switches(switches);
    world.happen(seed, 400, 20);
    pass(&world, name).await;
    let now = world.now();
    for minutes in [-300, -40, -9, 1, 2, 2, 3] {
        let event = NewEvent::at(now + TimeDelta::minutes(minutes));
        world.simulator.push(&world.stream, event);
    }
    world.advance(15);
    pass(&world, name).await;
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    world.advance(15);
    pass(&world, name).await;
    assert_archive_equals_truth(&world, name).await;
}

#[tokio::test]
async fn rows_vanish_at_the_front_and_slip_in_while_somebody_pages() {
    for seed in 0..12 {
        // More often than that the end cannot be told from what moves: the pass may fail then, and nothing is lost.
        let every = 4 + seed % 5;
        let name = format!("seed {seed}: at every {every}. request");
        let mut world = classic().await;
        world.settings.archive.max_events = 500;
        world.settings.targets[0].pace.lookback = std::time::Duration::from_secs(2 * DAY);
        let cap = [50, 200, 1000][usize::try_from(seed % 3).unwrap()];
        set(&world, |switches| {
            switches.classic.page_cap = Some(cap);
            switches.classic.twins = Twins::Often;
        });
        world.happen(seed, 3000, 30);
        let now = world.now();
        for n in 0..200 {
            let time = now - TimeDelta::minutes(3 + (n * 7919 + i64::try_from(seed).unwrap()) % 2500);
            let event = NewEvent::at(time);
            world
                .simulator
                .push_when(&world.stream, event, Appears::WhenReleased);
        }
        let strike = When::classic().every(every);
        let vanish = world.simulator.fault(strike.clone(), Fault::Expire(2));
        let slip = world.simulator.fault(strike, Fault::Release(3));
        for _ in 0..3 {
            pass(&world, &name).await;
            world.advance(15);
        }
        assert!(
            world.simulator.struck(vanish) > 5 && world.simulator.struck(slip) > 5,
            "{name}"
        );
        world.simulator.clear_faults();
        world.simulator.release(&world.stream);
        world.advance(15);
        pass(&world, &name).await;
        assert_archive_equals_truth(&world, &name).await;
    }
}

#[tokio::test]
async fn records_that_are_alike_stay_as_many_as_they_are_over_passes_and_a_lost_state() {
    let world = classic().await;
    set(&world, |switches| switches.classic.page_cap = Some(50));
    let now = world.now();
    let alike = |copies: usize, minutes: i64| {
        let time = now - TimeDelta::minutes(minutes);
        let spelled = time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, false);
        let raw = format!(r#"{{"createdOn":"{spelled}","category":"User","action":"Login","message":null}}"#);
        for _ in 0..copies {
            world.simulator.push_raw(&world.stream, time, raw.clone());
        }
    };
    world.happen(1, 300, 10);
    alike(130, 45);
    alike(3, 30);
    pass(&world, "first").await;
    assert_archive_equals_truth(&world, "first").await;
    // Two more of each, late.
    alike(2, 45);
    alike(2, 30);
    world.advance(10);
    pass(&world, "second").await;
    let ledger = assert_archive_equals_truth(&world, "second").await;
    assert_eq!(ledger.sum("late"), 4);
    std::fs::remove_dir_all(world.state_dir()).unwrap();
    alike(1, 30);
    world.advance(1);
    pass(&world, "third").await;
    let ledger = assert_archive_equals_truth(&world, "third").await;
    assert_eq!((ledger.sum("late"), ledger.sum("conflict")), (5, 0));
}

#[tokio::test]
async fn a_quiet_pass_asks_for_little() {
    let world = classic().await;
    world.happen(1, 20_000, 60);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    for _ in 0..3 {
        world.advance(15);
        world.simulator.clear_requests();
        process.pass().await.unwrap();
        let asked = world.simulator.requests().len();
        assert!(asked <= 30, "{asked} requests");
    }
}
