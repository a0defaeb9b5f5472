//! What happened, to compare with what a command showed.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::local::LocalFileSystem;
use serde_json::Value;
use uipath_audit_exporter::target::{Api, Filter, Status, Target};
use uipath_audit_simulator::{StreamId, TruthEvent};

use super::{document::target_of, place::Place};
use crate::{kinds::rows::rows, ledger::Ledger};

/// An event, and every spelling that is right.
struct Happened {
    instant: DateTime<Utc>,
    spellings: Vec<Vec<u8>>,
}

impl Place {
    /// Compares what a command showed with what happened. Says whether there was anything to compare.
    pub async fn assert_is_what_happened(&self, command: &str, output: &[u8]) -> bool {
        let mut words = command.split_whitespace();
        let program = words.next().unwrap();
        if program == "find" {
            let (_, name) = command.split_once("/target=").unwrap();
            let name = name.split_whitespace().next().unwrap();
            self.assert_files_are(self.target(name), output).await;
            return true;
        }
        if program == "cat" {
            assert!(!output.is_empty(), "{command}");
            return false;
        }
        assert_eq!(program, "uipath-audit-exporter", "{command}");
        let what = words.nth(2).unwrap();
        let target = target_of(command).map(|name| self.target(name));
        match (what, target) {
            ("check" | "once" | "status" | "verify", _) => return false,
            ("sources", Some(_)) => assert!(!output.is_empty(), "{command}"),
            ("cat", Some(target)) => self.assert_lines_are(target, command, output).await,
            ("download", Some(_)) if command.ends_with(".zip") => {
                assert!(output.starts_with(b"PK"), "{command}");
            }
            ("download", Some(target)) => self.assert_rows_are(target, command, output),
            _ => panic!("what should `{command}` show?"),
        }
        true
    }

    fn stream(target: &Target) -> StreamId {
        match (target.api, &target.tenant) {
            (Api::Classic | Api::ClassicCsv, _) => StreamId::classic(&target.organization),
            (_, Some(tenant)) => StreamId::tenant(&target.organization, tenant),
            (_, None) => StreamId::organization(&target.organization),
        }
    }

    /// The events of a target's stream that its filter lets through.
    fn events(&self, target: &Target) -> Vec<TruthEvent> {
        let mut events = self.simulator.truth(&Self::stream(target));
        if let Some(filter) = &target.filter {
            events.retain(|event| passes(filter, &serde_json::from_slice(&event.raw).unwrap()));
        }
        events
    }

    fn happened(&self, target: &Target) -> Vec<Happened> {
        let stored = self.simulator.long_term_truth(&Self::stream(target));
        let stored: BTreeMap<_, _> = stored.into_iter().map(|event| (event.index, event.raw)).collect();
        let beyond = self.simulator.clock().now() - TimeDelta::days(91);
        let events = self.events(target).into_iter().map(|event| {
            let is_stored = match target.api {
                Api::LongTerm => true,
                Api::Unified => event.instant < beyond,
                _ => false,
            };
            let spellings = match stored.get(&event.index) {
                Some(raw) if is_stored => vec![raw.clone()],
                _ => event.versions,
            };
            Happened {
                instant: event.instant,
                spellings,
            }
        });
        events.collect()
    }

    /// Up to when the archive is complete.
    async fn covered(&self, target: &Target) -> DateTime<Utc> {
        let root = self.directory.path().join("simulated/archive");
        let store = LocalFileSystem::new_with_prefix(root).unwrap();
        let ledger = Ledger::read(&store, target.name.as_str()).await;
        ledger.covered().unwrap()
    }

    /// The lines are the events that the archive must have, each once.
    async fn assert_lines_are(&self, target: &Target, command: &str, output: &[u8]) {
        let covered = self.covered(target).await;
        let mut lines: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for line in output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            *lines.entry(comparable(target, line)).or_default() += 1;
        }
        let happened = self.happened(target);
        let due = happened.iter().filter(|event| event.instant < covered);
        let mut count = 0;
        for event in due {
            let mut spellings = event
                .spellings
                .iter()
                .map(|spelling| comparable(target, spelling));
            let found = spellings.find(|spelling| lines.get(spelling).is_some_and(|left| *left > 0));
            let left = found.and_then(|found| lines.get_mut(&found));
            *left.unwrap_or_else(|| panic!("{command}: nothing of {}", event.instant)) -= 1;
            count += 1;
        }
        assert!(count > 10, "{command}: {count} events");
        let foreign: usize = lines.values().sum();
        assert_eq!(foreign, 0, "{command}: lines that the server never showed");
    }

    /// The rows that the server's file has of each event of the target.
    fn told(&self, target: &Target) -> Vec<(DateTime<Utc>, Vec<u8>)> {
        let stream = Self::stream(target);
        let told = if stream.is_classic() {
            let language = target.classic.language.as_deref().unwrap_or_default();
            self.simulator.classic_csv_rows(&stream, language)
        } else {
            self.simulator.unified_csv_rows(&stream)
        };
        let told: BTreeMap<_, _> = told.into_iter().collect();
        let events = self.events(target).into_iter();
        events
            .map(|event| (event.instant, told[&event.index].clone()))
            .collect()
    }

    fn assert_rows_are(&self, target: &Target, command: &str, output: &[u8]) {
        let mut found = rows(output, true);
        let mut told: Vec<Vec<u8>> = self.told(target).into_iter().map(|(_, row)| row).collect();
        found.sort();
        told.sort();
        assert!(told.len() > 10, "{command}: {} rows", told.len());
        assert!(found == told, "{command}: {} of {} rows", found.len(), told.len());
    }

    /// The rows of files, by their paths.
    pub fn rows_of(&self, paths: &[u8]) -> Vec<Vec<u8>> {
        let paths = String::from_utf8_lossy(paths);
        let read = |path: &str| std::fs::read(self.directory.path().join(path)).unwrap();
        paths.lines().flat_map(|path| rows(&read(path), true)).collect()
    }

    /// The files whose paths were found hold the rows of all that the archive must have, and no others.
    async fn assert_files_are(&self, target: &Target, paths: &[u8]) {
        let covered = self.covered(target).await;
        let mut left: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for row in self.rows_of(paths) {
            *left.entry(row).or_default() += 1;
        }
        let mut count = 0;
        for (instant, row) in self.told(target) {
            match left.get_mut(&row).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    count += 1;
                }
                None => assert!(instant >= covered, "{}: nothing of {instant}", target.name),
            }
        }
        assert!(count > 10, "{}: {count} rows", target.name);
        let foreign: usize = left.values().sum();
        assert_eq!(foreign, 0, "{}: rows that the server never showed", target.name);
    }
}

/// The bytes; of a record in another language than the truth's all but its message.
fn comparable(target: &Target, line: &[u8]) -> Vec<u8> {
    let is_classic = target.api == Api::Classic;
    if !is_classic || target.classic.language.as_deref() == Some("en") {
        return line.to_vec();
    }
    let mut record: Value = serde_json::from_slice(line).unwrap();
    record["message"].take();
    record.to_string().into_bytes()
}

/// Whether a filter lets an event through, by what the event says.
fn passes(filter: &Filter, event: &Value) -> bool {
    let has = |wanted: &[String], key: &str| {
        wanted.is_empty() || wanted.iter().any(|name| event[key].as_str() == Some(name))
    };
    let status = filter.status.map(|status| match status {
        Status::Succeeded => 0,
        Status::Failed => 1,
    });
    has(&filter.sources, "eventSource")
        && has(&filter.targets, "eventTarget")
        && has(&filter.types, "eventType")
        && has(&filter.users, "actorId")
        && status.is_none_or(|status| event["status"] == status)
}
