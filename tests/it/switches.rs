//! Every undocumented choice of the server, alone and in random mixes: the archive equals the truth, byte for byte.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use uipath_audit_simulator::{
    Arrival, Beyond, CreatedOn, Edits, Framing, Ids, Kind, NewEvent, Over, Switches, Ties, Times,
};

use crate::world::{World, is_due};

/// A history has so many, where memory is not scarce.
const EVENTS: u32 = 400;

/// Two passes over a history, with new and late events between them; then a third that finds nothing.
async fn archive_equals_truth(kind: Kind, name: &str, switches: Switches, seed: u64) {
    let mut world = World::of(kind).await;
    world.settings.archive.max_events = 150;
    world.settings.archive.csv = seed % 2 == 1;
    if switches.pages.arrival != Arrival::AtOnce || switches.records.created_on == CreatedOn::Ahead {
        // What comes later than the lookback, or is filed further from the time it tells than that, is not promised: let
        // the lookback reach as far as the history.
        world.settings.targets[0].pace.lookback = std::time::Duration::from_secs(30 * 86_400);
    }
    world.simulator.set_switches(switches.clone());
    let count = scarce_memory(&mut world, &switches, seed);
    world.happen(seed, count, 20);
    pass(&world, name).await;
    let now = world.now();
    for minutes in [-40, -9, 1, 2, 2, 3] {
        world
            .simulator
            .push(&world.stream, NewEvent::at(now + TimeDelta::minutes(minutes)));
    }
    world.simulator.generate(
        &world.stream,
        seed + 1,
        40,
        now - TimeDelta::minutes(30),
        now + TimeDelta::minutes(9),
    );
    world.settle();
    pass(&world, name).await;
    world.settle();
    pass(&world, name).await;
    if switches.bodies.edits == Edits::Never {
        world.assert_archive_equals_truth().await;
    } else {
        assert_every_version_once(&world).await;
    }
}

/// Every other mix is read in many small parts that overflow, with room for one slice alone or for a few small ones.
/// Returns how many events the history is to have.
fn scarce_memory(world: &mut World, switches: &Switches, seed: u64) -> u32 {
    // What is filed far from the time it tells is found by wide parts alone, and an instant is never cut.
    let is_spread =
        switches.records.created_on != CreatedOn::Ahead && switches.records.times != Times::OneInstant;
    if world.kind != Kind::Unified || !is_spread {
        return EVENTS;
    }
    let (bytes, count) = match seed % 4 {
        0 => (1 << 20, 1_500),
        2 => (64 << 10, EVENTS),
        _ => return EVENTS,
    };
    world.settings.archive.max_bytes = bytes;
    world.settings.archive.max_buffered = 1 << 20;
    count
}

async fn pass(world: &World, name: &str) {
    let result = world.once().await;
    result.unwrap_or_else(|error| panic!("{name}: {}", uipath_audit_exporter::error::Chain(&error)));
}

/// Where content changes after it was recorded: each event is there, in versions that were served, each version once.
async fn assert_every_version_once(world: &World) {
    let ledger = world.ledger().await;
    let mut archived: BTreeMap<&[u8], usize> = BTreeMap::new();
    for line in &ledger.lines {
        *archived.entry(line).or_default() += 1;
    }
    assert!(
        archived.values().all(|times| *times == 1),
        "a version is archived twice"
    );
    for event in world.simulator.truth(&world.stream) {
        let found = event
            .versions
            .iter()
            .filter(|version| archived.remove(&version[..]).is_some())
            .count();
        assert!(
            found > 0 || !is_due(&event, world.now()),
            "an event is missing: {:?}",
            event.id
        );
    }
    assert!(archived.is_empty(), "the server never showed some lines");
    world.assert_nothing_lies_about(&ledger).await;
}

/// Switches under which nobody can read what the archive is to hold.
fn is_readable(kind: Kind, switches: &Switches) -> bool {
    let files = matches!(kind, Kind::UnifiedCsv | Kind::ClassicCsv);
    // A file that is cut off silently, at a limit that nobody knows of, looks whole.
    if switches.downloads.most_rows < 100_000 && switches.downloads.over != Over::Refused {
        return false;
    }
    // A list that repeats its last page for ever, when all of it is one instant: nobody can say where it ends.
    let endless = switches.classic.beyond == Beyond::LastPage && switches.records.times == Times::OneInstant;
    // A file without any sign of its end is believed when it comes the same twice.
    let fickle = switches.csv.framing == Framing::UntilClose
        && (switches.classic.ties == Ties::Shuffled || !switches.csv.last_line_end);
    if kind == Kind::Classic && endless || files && fickle {
        return false;
    }
    // A file cannot be read again for what came late: nothing is promised then.
    !(files && (switches.pages.arrival != Arrival::AtOnce || switches.bodies.edits != Edits::Never))
}

async fn each_alone(kind: Kind) {
    let all = Switches::each_for(kind);
    for (name, switches) in all
        .into_iter()
        .filter(|(_, switches)| is_readable(kind, switches))
    {
        let name = format!("{kind:?}, {name}");
        eprintln!("{name}");
        archive_equals_truth(kind, &name, switches, 7).await;
    }
}

#[tokio::test]
async fn each_switch_alone() {
    assert!(Switches::each_for(Kind::Unified).len() > 50);
    each_alone(Kind::Unified).await;
}

#[tokio::test]
async fn each_switch_of_the_classic_api_alone() {
    assert!(Switches::each_for(Kind::Classic).len() > 30);
    each_alone(Kind::Classic).await;
}

#[tokio::test]
async fn each_switch_of_the_long_term_store_alone() {
    assert!(Switches::each_for(Kind::LongTerm).len() > 20);
    each_alone(Kind::LongTerm).await;
}

#[tokio::test]
async fn each_switch_of_the_csv_downloads_alone() {
    assert!(Switches::each_for(Kind::UnifiedCsv).len() > 20);
    each_alone(Kind::UnifiedCsv).await;
    each_alone(Kind::ClassicCsv).await;
}

/// Random mixes, split over several tests so that they run side by side.
async fn mixes(seeds: std::ops::Range<u64>) {
    mixes_of(Kind::Unified, seeds).await;
}

async fn mixes_of(kind: Kind, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let switches = Switches::seeded_for(kind, seed);
        if !is_readable(kind, &switches) {
            continue;
        }
        let name = format!("{kind:?}, seed {seed}: {}", switches.names().join(", "));
        eprintln!("{name}");
        archive_equals_truth(kind, &name, switches, seed).await;
    }
}

#[tokio::test]
async fn mixes_of_the_classic_api() {
    mixes_of(Kind::Classic, 0..60).await;
}

#[tokio::test]
async fn mixes_of_the_long_term_store() {
    mixes_of(Kind::LongTerm, 0..40).await;
}

#[tokio::test]
async fn mixes_of_the_csv_downloads() {
    mixes_of(Kind::UnifiedCsv, 0..60).await;
    mixes_of(Kind::ClassicCsv, 0..40).await;
}

#[tokio::test]
async fn mixes_0_to_49() {
    mixes(0..50).await;
}

#[tokio::test]
async fn mixes_50_to_99() {
    mixes(50..100).await;
}

#[tokio::test]
async fn mixes_100_to_149() {
    mixes(100..150).await;
}

#[tokio::test]
async fn mixes_150_to_199() {
    mixes(150..200).await;
}

#[tokio::test]
async fn mixes_200_to_249() {
    mixes(200..250).await;
}

#[tokio::test]
async fn events_that_share_an_id_are_all_kept() {
    let world = World::new().await;
    world
        .simulator
        .turn(|switches| switches.records.ids = Ids::Duplicate);
    world.happen(1, 100, 2);
    let summary = world.once().await.unwrap();
    assert!(summary.counts.conflict > 0, "{:?}", summary.counts);
    world.assert_archive_equals_truth().await;
}
