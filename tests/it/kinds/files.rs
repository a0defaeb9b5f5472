//! What files that the server made must hold to be what it showed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use uipath_audit_simulator::{EventIndex, Header, Kind, StreamId};

use super::rows::rows;
use crate::{
    ledger::Ledger,
    world::{World, at},
};

/// The rows of all files are the rows of all events. A window's CSV shares the rows of its very bounds with its
/// neighbours, and nothing else; the CSV of the newest records repeats those before.
pub fn assert_rows_are(world: &World, ledger: &Ledger, stream: &StreamId) {
    let header = world.simulator.switches().csv.header != Header::Absent;
    let mut archived: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for file in &ledger.files {
        for row in rows(file, header) {
            *archived.entry(row).or_default() += 1;
        }
    }
    let told: Vec<(EventIndex, Vec<u8>)> = match world.kind {
        Kind::ClassicCsv => world.simulator.classic_csv_rows(stream, "en"),
        _ => world.simulator.unified_csv_rows(stream),
    };
    let told: BTreeMap<EventIndex, Vec<u8>> = told.into_iter().collect();
    let covered = ledger.covered().unwrap_or(world.now());
    let bounds = bounds(ledger);
    let gaps = gaps(ledger);
    let mut copies: BTreeMap<&[u8], (usize, bool)> = BTreeMap::new();
    for event in world.simulator.truth(stream) {
        let Some(row) = told.get(&event.index) else {
            continue;
        };
        let (due, at_bound) = copies.entry(row).or_default();
        // Files go by what the server files an event under.
        let gap = gaps
            .iter()
            .any(|(from, to)| *from <= event.instant && event.instant < *to);
        let read = !gap && event.instant < covered && covered - TimeDelta::days(80) < event.instant;
        *due += usize::from(event.visible && read);
        *at_bound |= bounds.contains(&event.instant);
    }
    for (row, (due, at_bound)) in copies {
        let found = archived.remove(row).unwrap_or_default();
        let text = String::from_utf8_lossy(row);
        assert!(found >= due, "{found} of {due} are archived: {text}");
        let once = world.kind == Kind::UnifiedCsv && !at_bound && due > 0;
        assert!(!once || found == due, "{found} times instead of {due}: {text}");
    }
    let foreign = archived.keys().next();
    assert!(
        foreign.is_none(),
        "never shown: {}",
        String::from_utf8_lossy(foreign.unwrap())
    );
}

/// The spans that are admitted holes.
fn gaps(ledger: &Ledger) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let of = |commit: &serde_json::Value, end: &str| at(commit["window"][end].as_str().unwrap());
    let gaps = ledger.commits.iter().filter(|commit| commit["kind"] == "gap");
    gaps.map(|commit| (of(commit, "from"), of(commit, "to")))
        .collect()
}

/// The instants at which windows of the chain touch.
fn bounds(ledger: &Ledger) -> BTreeSet<DateTime<Utc>> {
    let of = |commit: &serde_json::Value| at(commit["window"]["to"].as_str().unwrap());
    ledger.commits.iter().map(of).collect()
}
