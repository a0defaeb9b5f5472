//! The table of API kinds: the same tests run over each of them. What an archive of a kind must hold, to be what the
//! server showed.

mod files;
pub mod rows;

use std::collections::{BTreeMap, BTreeSet};

use uipath_audit_exporter::{
    settings::Settings,
    target::{Api, LONG_TERM_RETENTION},
};
use uipath_audit_simulator::{Kind, Respell, StreamId, TruthEvent, When};

use crate::{
    ledger::Ledger,
    world::{World, is_due},
};

/// An API that targets are read through.
pub struct ApiKind {
    pub kind: Kind,
    pub api: Api,
    /// So much later everything that has happened so far can be read.
    step_minutes: i64,
    /// Requests that bring events.
    pub when: fn() -> When,
}

/// All of them.
pub const KINDS: [ApiKind; 5] = [
    ApiKind {
        kind: Kind::Unified,
        api: Api::Unified,
        step_minutes: 15,
        when: When::events,
    },
    ApiKind {
        kind: Kind::Classic,
        api: Api::Classic,
        step_minutes: 15,
        when: When::classic,
    },
    ApiKind {
        kind: Kind::LongTerm,
        api: Api::LongTerm,
        // The lag of 48 hours, and the rest of the day.
        step_minutes: 4 * 24 * 60,
        when: When::long_term,
    },
    ApiKind {
        kind: Kind::UnifiedCsv,
        api: Api::UnifiedCsv,
        // The lookback, which a file waits for.
        step_minutes: 75,
        when: When::downloads,
    },
    ApiKind {
        kind: Kind::ClassicCsv,
        api: Api::ClassicCsv,
        step_minutes: 15,
        when: When::classic_download,
    },
];

/// The row of the table.
pub fn row(kind: Kind) -> &'static ApiKind {
    KINDS.iter().find(|row| row.kind == kind).unwrap()
}

/// Makes the one target of these settings one of that kind.
pub fn configure(settings: &mut Settings, kind: Kind) {
    let target = &mut settings.targets[0];
    target.api = row(kind).api;
    if is_classic(kind) {
        target.tenant = None;
    }
    if kind == Kind::LongTerm {
        target.pace.retention = LONG_TERM_RETENTION;
    }
}

/// The stream that its target reads.
pub fn stream(kind: Kind) -> StreamId {
    if is_classic(kind) {
        StreamId::classic("acme")
    } else {
        StreamId::tenant("acme", "production")
    }
}

fn is_classic(kind: Kind) -> bool {
    matches!(kind, Kind::Classic | Kind::ClassicCsv)
}

impl World {
    /// Moves the clock on until all that has happened so far can be read.
    pub fn settle(&self) {
        self.advance(row(self.kind).step_minutes);
    }

    /// What really happened, in the words of the API that the target reads.
    pub fn truth(&self, stream: &StreamId) -> Vec<TruthEvent> {
        match self.kind {
            Kind::LongTerm => self.simulator.long_term_truth(stream),
            _ => self.simulator.truth(stream),
        }
    }

    /// The truth of a stream and what was archived of it are the same, each event once.
    pub fn assert_holds_all_of(&self, ledger: &Ledger, stream: &StreamId) {
        match self.kind {
            Kind::Unified | Kind::Classic | Kind::LongTerm => self.assert_lines_are(ledger, stream),
            Kind::UnifiedCsv | Kind::ClassicCsv => files::assert_rows_are(self, ledger, stream),
        }
    }

    fn assert_lines_are(&self, ledger: &Ledger, stream: &StreamId) {
        // Records without an id that say the same are one as good as the other, however each was spelled.
        let by_content =
            self.kind == Kind::Classic && self.simulator.switches().bodies.respell != Respell::Never;
        let key = |line: &[u8]| if by_content { said(line) } else { line.to_vec() };
        let mut archived: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for line in &ledger.lines {
            *archived.entry(key(line)).or_default() += 1;
        }
        let covered = ledger.covered().unwrap_or(self.now());
        // What retention took away before it could be read is not to be had.
        let expired = self.simulator.expired(stream);
        let mut missing = 0;
        for event in self.truth(stream) {
            let mut versions: BTreeSet<Vec<u8>> = event.versions.iter().map(|version| key(version)).collect();
            versions.insert(key(&event.raw));
            let found = versions
                .iter()
                .filter(|version| take_one(&mut archived, version))
                .count();
            if found == 0 && is_due(&event, covered) && !expired.contains(&event.index) {
                missing += 1;
                eprintln!(
                    "missing: {:?} {:?} visible {}",
                    event.instant, event.id, event.visible
                );
            }
        }
        assert_eq!(missing, 0, "events of the server are not in the archive");
        let foreign = archived.keys().next().map(|line| String::from_utf8_lossy(line));
        assert!(
            foreign.is_none(),
            "archived twice, or never shown: {}",
            foreign.unwrap()
        );
    }
}

/// What a record says, whatever the order of its members and the white space between them.
pub fn said(line: &[u8]) -> Vec<u8> {
    let mut said: Vec<u8> = line
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    said.sort_unstable();
    said
}

/// Takes one of the lines of that spelling away. Records without an id may be alike.
fn take_one(archived: &mut BTreeMap<Vec<u8>, usize>, line: &[u8]) -> bool {
    let Some(left) = archived.get_mut(line) else {
        return false;
    };
    *left -= 1;
    if *left == 0 {
        archived.remove(line);
    }
    true
}
