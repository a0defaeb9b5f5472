//! Walks a target's commits in order: no number is missing, each continues the one before it, windows touch; pure.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    finding::{Note, Problem},
    record::{self, Job},
    report::{Gap, TargetReport},
};
use crate::{
    clock::Time,
    commit::{Commit, Origin, sha256, stream_of},
    key,
    target::{Api, TargetName},
    window::Window,
};

/// What the commits seen so far say.
#[derive(Default)]
pub(super) struct Chain {
    pub report: TargetReport,
    /// The data objects to check.
    pub jobs: Vec<Job>,
    /// Keys of catalogues and of exclusion rules to check.
    pub catalogs: BTreeSet<String>,
    /// The APIs through which its commits were read.
    pub apis: BTreeSet<Api>,
    /// What each commit claims of its events, to be compared with them.
    pub claims: Vec<Claim>,
    /// SHA-256 of the commit before, if it could be read.
    link: Option<String>,
    /// Where the windows so far end; None while that is unknown.
    covered: Option<Time>,
    /// The newest commit so far with undated events; None while that is unknown.
    undated: Option<Option<u64>>,
    /// Where the first commit's events came from.
    origin: Option<Origin>,
    epoch: u64,
    committed_at: Option<Time>,
    went_back: u64,
    counts: Counted,
}

/// What a commit claims of its events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub number: u64,
    pub late: u64,
    pub undated: u64,
}

#[derive(Default)]
struct Counted {
    duplicate: u64,
    conflict: u64,
    undated: u64,
}

impl Chain {
    /// A walk that starts at commit `first`. `before` is the commit before it, if there is one still.
    pub(super) fn new(target: &TargetName, first: u64, before: Option<&Bytes>) -> Self {
        Self {
            report: TargetReport {
                target: target.to_string(),
                ..TargetReport::default()
            },
            link: before.map(|bytes| sha256(bytes)),
            undated: (first == 0).then_some(None),
            ..Self::default()
        }
    }

    /// The commits from `first` to `last` are gone.
    pub(super) fn missing(&mut self, target: &TargetName, first: u64, last: u64) {
        let because = if first == last {
            "the commits around it are there".to_owned()
        } else {
            format!("all commits up to {last} are missing, those around them are there")
        };
        let finding = Problem::Missing { because }.of(key::commit(target, first));
        self.report.findings.push(finding);
        self.link = None;
        self.lose_track();
    }

    /// The next commit's bytes.
    pub(super) fn push(&mut self, target: &TargetName, number: u64, bytes: &Bytes) {
        let key = key::commit(target, number);
        let link = self.link.replace(sha256(bytes));
        let commit = match Commit::from_bytes(bytes) {
            Ok(commit) => commit,
            Err(error) => {
                let because = crate::error::Chain(&error).to_string();
                self.found(&key, Problem::Unreadable { because });
                self.lose_track();
                return;
            }
        };
        for problem in record::problems(&commit, target, number) {
            self.found(&key, problem);
        }
        if let (Some(is), Some(recorded)) = (link, &commit.previous_sha256)
            && is != *recorded
        {
            let before = key::commit(target, number.saturating_sub(1));
            let what = "SHA-256 (by the commit after it)";
            self.found(&before, Problem::differs(what, recorded, is));
        }
        self.continues(&key, &commit);
        self.window(&key, &commit);
        self.catalog(&key, target, &commit);
        let (jobs, problems) = record::jobs(&commit, target, number);
        for problem in problems {
            self.found(&key, problem);
        }
        self.claims.push(Claim {
            number,
            late: commit.counts.late,
            undated: commit.undated.events,
        });
        self.jobs.extend(jobs);
        self.count(&commit);
    }

    /// The counts that are worth a note.
    pub(super) fn finish(&mut self) {
        let counted = std::mem::take(&mut self.counts);
        let notes = [
            (
                counted.duplicate,
                Note::Duplicates {
                    events: counted.duplicate,
                },
            ),
            (
                counted.conflict,
                Note::Conflicts {
                    events: counted.conflict,
                },
            ),
            (
                counted.undated,
                Note::Undated {
                    events: counted.undated,
                },
            ),
            (
                self.went_back,
                Note::ClockWentBack {
                    commits: self.went_back,
                },
            ),
        ];
        let notes = notes.into_iter().filter(|(number, _)| *number > 0);
        self.report.notes.extend(notes.map(|(_, note)| note));
    }

    fn found(&mut self, key: &str, problem: Problem) {
        self.report.findings.push(problem.of(key));
    }

    fn lose_track(&mut self) {
        self.covered = None;
        self.undated = None;
    }

    /// What may not change along the chain, or only one way.
    fn continues(&mut self, key: &str, commit: &Commit) {
        if commit.epoch < self.epoch {
            self.found(
                key,
                Problem::contradiction(format!(
                    "its epoch {} is lower than {} before it",
                    commit.epoch, self.epoch
                )),
            );
        }
        self.epoch = self.epoch.max(commit.epoch);
        let before = self.committed_at.replace(commit.committed_at);
        self.went_back += u64::from(before.is_some_and(|before| commit.committed_at < before));
        if let Some(last) = self.undated
            && last != commit.undated.previous
        {
            let spell = |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
            let problem = Problem::differs("`undated.previous`", spell(commit.undated.previous), spell(last));
            self.found(key, problem);
        }
        self.undated = Some(commit.last_undated());
        let origin = self.origin.get_or_insert_with(|| commit.source.clone()).clone();
        let is = &commit.source;
        self.apis.insert(is.api);
        if is.configured() != origin.configured() || !is.api.serves(origin.configured()) {
            let problem = Problem::differs("API", is.api.as_str(), origin.configured().as_str());
            self.found(key, problem);
        }
        if stream_of(&is.url) != stream_of(&origin.url) {
            self.found(key, Problem::differs("stream", &is.url, &origin.url));
        }
        if is.filter != origin.filter {
            let spell = |filter| serde_json::to_string(filter).unwrap_or_default();
            self.found(
                key,
                Problem::differs("filter", spell(&is.filter), spell(&origin.filter)),
            );
        }
    }

    /// Windows of the chain touch.
    fn window(&mut self, key: &str, commit: &Commit) {
        self.report.gaps.extend(Gap::of(commit));
        if !commit.is_chained() {
            return;
        }
        let window = commit.window;
        match self.covered {
            Some(covered) if window.from < covered => {
                let from = window.from;
                self.found(key, Problem::Overlap { from, covered });
            }
            Some(covered) if window.from > covered => {
                let span = Window {
                    from: covered,
                    to: window.from,
                };
                self.found(key, Problem::Hole { span });
            }
            Some(_) | None => {}
        }
        // A window that ends before it begins says nothing.
        self.covered = (window.from <= window.to).then_some(window.to);
        let coverage = self.report.coverage.get_or_insert(window);
        coverage.to = coverage.to.max(window.to);
    }

    fn catalog(&mut self, key: &str, target: &TargetName, commit: &Commit) {
        for catalog in [&commit.catalog, &commit.rules].into_iter().flatten() {
            let name = catalog.rsplit('/').next().unwrap_or_default();
            let short = name.strip_suffix(".json").unwrap_or_default();
            if short.len() == 16 && key::catalog(target, short) == *catalog {
                self.catalogs.insert(catalog.clone());
            } else {
                let because = format!("it names `{catalog}`, which is no key of a catalogue of this target");
                self.found(key, Problem::contradiction(because));
            }
        }
    }

    fn count(&mut self, commit: &Commit) {
        self.report.commits.add(commit.kind, 1);
        self.report.events.add(commit.kind, commit.counts.written);
        let sums = [
            (&mut self.counts.duplicate, commit.counts.duplicate),
            (&mut self.counts.conflict, commit.counts.conflict),
            (&mut self.counts.undated, commit.undated.events),
        ];
        for (sum, number) in sums {
            *sum = sum.saturating_add(number);
        }
    }
}
