//! An auditor's view of an archive: reads commits and objects with nothing but the layout's description, and shares no
//! code with the exporter.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What the archive holds of one target, checked while it was read.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The commits, in order.
    pub commits: Vec<Value>,
    /// Every archived event, in the order of commits and objects.
    pub lines: Vec<Vec<u8>>,
    /// Every file that the server made.
    pub files: Vec<Vec<u8>>,
}

impl Ledger {
    /// Reads a target's chain. Panics where anything is not as the archive's description says.
    pub async fn read(store: &dyn ObjectStore, target: &str) -> Self {
        let mut ledger = Self::default();
        let mut previous: Option<String> = None;
        let mut end: Option<String> = None;
        loop {
            let number = ledger.commits.len();
            let Some(bytes) = get(store, &format!("commits/{target}/{number:020}.json")).await else {
                break;
            };
            let commit: Value = serde_json::from_slice(&bytes).expect("a commit is JSON");
            assert_eq!(commit["number"], number);
            assert_eq!(commit["target"], target);
            assert_eq!(
                commit["previous_sha256"].as_str().map(str::to_owned),
                previous,
                "the chain at {number}"
            );
            if commit["kind"] != "backfill" {
                let from = commit["window"]["from"].as_str().unwrap().to_owned();
                if let Some(end) = end {
                    assert_eq!(from, end, "the windows touch at {number}");
                }
                end = Some(commit["window"]["to"].as_str().unwrap().to_owned());
            }
            ledger.read_objects(store, &commit, number).await;
            previous = Some(hex(&Sha256::digest(&bytes)));
            ledger.commits.push(commit);
        }
        ledger
    }

    async fn read_objects(&mut self, store: &dyn ObjectStore, commit: &Value, number: usize) {
        let counts = &commit["counts"];
        let count = |name: &str| counts[name].as_u64().unwrap();
        assert_eq!(
            count("pulled"),
            count("written") + count("duplicate"),
            "the counts of {number}"
        );
        let mut written = 0;
        for object in commit["objects"].as_array().unwrap() {
            let key = object["key"].as_str().unwrap();
            let stored = get(store, key)
                .await
                .unwrap_or_else(|| panic!("{key} of commit {number} is missing"));
            let sha256 = hex(&Sha256::digest(&stored));
            assert_eq!(object["sha256"], sha256, "{key}");
            assert_eq!(object["bytes"], stored.len(), "{key}");
            assert!(
                key.contains(&format!("/{number:020}-{}.", &sha256[..16])),
                "{key}"
            );
            let content = if key.ends_with(".zst") {
                zstd::decode_all(&stored[..]).unwrap()
            } else if key.ends_with(".gz") {
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&stored[..]), &mut content)
                    .unwrap();
                content
            } else {
                stored
            };
            assert_eq!(object["content_sha256"], hex(&Sha256::digest(&content)), "{key}");
            if object["format"] == "jsonl" {
                let body = content
                    .strip_suffix(b"\n")
                    .expect("a line feed at the end of every line");
                let lines: Vec<Vec<u8>> = body.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                assert_eq!(object["events"], lines.len(), "{key}");
                written += lines.len() as u64;
                self.lines.extend(lines);
            }
            if object["format"] == "raw" {
                written += object["events"].as_u64().unwrap();
                self.files.push(content);
            }
        }
        assert_eq!(count("written"), written, "the events of {number}");
    }

    /// Up to here the archive is complete.
    pub fn covered(&self) -> Option<DateTime<Utc>> {
        let mut chained = self.commits.iter().filter(|commit| commit["kind"] != "backfill");
        let last = chained.next_back()?;
        Some(last["window"]["to"].as_str().unwrap().parse().unwrap())
    }

    /// How many commits are of that kind.
    pub fn of_kind(&self, kind: &str) -> usize {
        self.commits
            .iter()
            .filter(|commit| commit["kind"] == kind)
            .count()
    }

    /// The sum of a count over all commits.
    pub fn sum(&self, count: &str) -> u64 {
        self.commits
            .iter()
            .map(|commit| commit["counts"][count].as_u64().unwrap())
            .sum()
    }

    /// Every key that a commit names, commits included.
    pub fn keys(&self, target: &str) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for (number, commit) in self.commits.iter().enumerate() {
            keys.insert(format!("commits/{target}/{number:020}.json"));
            keys.extend(commit["catalog"].as_str().map(str::to_owned));
            keys.extend(commit["rules"].as_str().map(str::to_owned));
            let objects = commit["objects"].as_array().unwrap();
            keys.extend(
                objects
                    .iter()
                    .map(|object| object["key"].as_str().unwrap().to_owned()),
            );
        }
        keys
    }
}

async fn get(store: &dyn ObjectStore, key: &str) -> Option<Vec<u8>> {
    match store.get(&Path::parse(key).unwrap()).await {
        Ok(got) => Some(got.bytes().await.unwrap().to_vec()),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => panic!("read {key}: {error}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
