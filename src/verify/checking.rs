//! Checks one target: reads its commits in order, then all that they name, day by day.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Note, Options, Problem, Progress, TargetReport, VerifyError,
    chain::Chain,
    events::{self, Twice},
    listing::{Checked, Numbered},
    object, record,
    room::{AT_ONCE, Room},
};
use crate::{
    archive::Archive,
    key::{self, Format},
    target::TargetName,
};

/// Catalogues read at once.
const CATALOGS: usize = 8;
/// No commit is larger, in bytes.
const MAX_COMMIT: u64 = 64 << 20;

/// One target being checked.
pub(super) struct Checking<'a, P> {
    archive: &'a Archive,
    target: TargetName,
    options: &'a Options,
    progress: &'a P,
    room: Room,
    at: Progress,
}

impl<'a, P: Fn(&Progress) + Send + Sync> Checking<'a, P> {
    pub(super) fn new(
        archive: &'a Archive,
        target: TargetName,
        options: &'a Options,
        progress: &'a P,
    ) -> Self {
        Self {
            archive,
            target,
            options,
            progress,
            room: Room::here(),
            at: Progress::default(),
        }
    }

    /// Checks it. `numbers`: the commits that there are.
    pub(super) async fn run(
        mut self,
        numbers: Vec<Numbered>,
    ) -> Result<(TargetReport, Checked), VerifyError> {
        let (oldest, last) = (numbers.first().copied(), numbers.last().copied());
        let Some(((oldest, _), (last, _))) = oldest.zip(last) else {
            return Ok(self.nothing());
        };
        let first = self.options.since.map_or(oldest, |since| since.max(oldest));
        let mut chain = self.walk(first, numbers).await?;
        if first == oldest && oldest > 0 {
            chain.report.notes.push(Note::Expired { oldest });
        }
        if first > last.saturating_add(1) {
            let because = format!("commits before {first} were there once, as this check is to begin there");
            let lost = Problem::Missing { because };
            let key = key::commit(&self.target, last.saturating_add(1));
            chain.report.findings.push(lost.of(key));
        }
        let checked = Checked {
            target: self.target.clone(),
            apis: chain.apis.clone(),
            numbers: Some((first, last)),
            named: chain.jobs.iter().map(|job| job.object.key.clone()).collect(),
        };
        chain.report.numbers = (first <= last).then_some((first, last));
        let catalogs = std::mem::take(&mut chain.catalogs);
        let mut checks = stream::iter(catalogs)
            .map(|catalog| object::check_catalog(self.archive.clone(), self.target.clone(), catalog))
            .buffered(CATALOGS);
        while let Some(found) = checks.try_next().await? {
            chain.report.findings.extend(found);
        }
        drop(checks);
        self.hash(&mut chain).await?;
        chain.finish();
        Ok((chain.report, checked))
    }

    /// A target that was asked for and is not there.
    fn nothing(&self) -> (TargetReport, Checked) {
        let because = "this target has no commit at all: is its name spelled right?".to_owned();
        let report = TargetReport {
            target: self.target.to_string(),
            findings: vec![Problem::Missing { because }.of(key::commits(&self.target))],
            ..TargetReport::default()
        };
        let checked = Checked {
            target: self.target.clone(),
            apis: BTreeSet::new(),
            numbers: None,
            named: HashSet::new(),
        };
        (report, checked)
    }

    /// Reads the commits from `first` on.
    async fn walk(&mut self, first: u64, mut numbers: Vec<Numbered>) -> Result<Chain, VerifyError> {
        let before = match first.checked_sub(1) {
            Some(before) if numbers.iter().any(|(number, _)| *number == before) => {
                let key = key::commit(&self.target, before);
                self.archive.read(&key).await.map_err(VerifyError::Archive)?
            }
            _ => None,
        };
        let mut chain = Chain::new(&self.target, first, before.as_ref());
        numbers.retain(|(number, _)| *number >= first);
        self.at = Progress {
            target: self.target.to_string(),
            commits_total: numbers.len() as u64,
            ..Progress::default()
        };
        let mut reads = stream::iter(numbers)
            .map(|(number, size)| {
                read_commit(
                    self.archive.clone(),
                    self.room.clone(),
                    key::commit(&self.target, number),
                    number,
                    size,
                )
            })
            .buffered(AT_ONCE);
        let mut expected = first;
        while let Some((number, bytes)) = reads.try_next().await? {
            if number > expected {
                chain.missing(&self.target, expected, number - 1);
            }
            match bytes {
                Some(bytes) => chain.push(&self.target, number, &bytes),
                None => chain.missing(&self.target, number, number),
            }
            expected = number.saturating_add(1);
            self.at.commits += 1;
            (self.progress)(&self.at);
        }
        Ok(chain)
    }

    /// Reads all that the commits name, day by day.
    async fn hash(&mut self, chain: &mut Chain) -> Result<(), VerifyError> {
        let mut jobs = std::mem::take(&mut chain.jobs);
        jobs.sort_by_key(|job| (job.day, job.number));
        self.at.objects_total = jobs.len() as u64;
        self.at.bytes_total = jobs
            .iter()
            .map(|job| job.object.bytes)
            .fold(0, u64::saturating_add);
        let deep = self.options.deep;
        let mut totals = Totals::new(&jobs);
        let mut checks = stream::iter(jobs)
            .map(|job| object::check(self.archive.clone(), self.room.clone(), job, deep))
            .buffered(AT_ONCE);
        let (mut day, mut undated, mut today) = (Twice::default(), Twice::default(), None);
        while let Some((job, inspected)) = checks.try_next().await? {
            if today != Some(job.day) {
                totals.repeated(chain, day.finish());
                today = Some(job.day);
            }
            let key = &job.object.key;
            let problems = inspected.problems.into_iter().map(|problem| problem.of(key));
            chain.report.findings.extend(problems);
            if let Some(events) = inspected.events {
                totals.add(job.number, &events);
                if events::has_ids(job.api) {
                    day.add(key, events.dated_marks);
                    undated.add(key, events.undated_marks);
                }
            }
            chain.report.objects += 1;
            chain.report.bytes = chain.report.bytes.saturating_add(job.object.bytes);
            self.at.objects = chain.report.objects;
            self.at.bytes = chain.report.bytes;
            (self.progress)(&self.at);
        }
        totals.repeated(chain, day.finish());
        totals.repeated(chain, undated.finish());
        totals.finish(&self.target, chain, deep);
        Ok(())
    }
}

/// A commit's bytes; None if it is gone. One that is far too large is not read: what is left of it is no commit.
async fn read_commit(
    archive: Archive,
    room: Room,
    key: String,
    number: u64,
    size: u64,
) -> Result<(u64, Option<Bytes>), VerifyError> {
    if size > MAX_COMMIT {
        return Ok((number, Some(Bytes::new())));
    }
    let _taken = room.bytes(size).await;
    let bytes = archive.read(&key).await.map_err(VerifyError::Archive)?;
    Ok((number, bytes))
}

/// What the objects of each commit hold together.
struct Totals {
    /// By number: objects of the record not read yet, late and undated events of those that are.
    commits: BTreeMap<u64, (u64, u64, u64)>,
    ids: u64,
    versions: u64,
}

impl Totals {
    fn new(jobs: &[record::Job]) -> Self {
        let mut commits = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.format == Format::Jsonl) {
            commits.entry(job.number).or_insert((0, 0, 0)).0 += 1;
        }
        Self {
            commits,
            ids: 0,
            versions: 0,
        }
    }

    fn add(&mut self, number: u64, events: &events::Events) {
        if let Some((unread, late, undated)) = self.commits.get_mut(&number) {
            *unread -= 1;
            *late += events.late;
            *undated += events.undated;
        }
    }

    fn repeated(&mut self, chain: &mut Chain, repeated: events::Repeated) {
        let problems = repeated.problems.into_iter();
        chain
            .report
            .findings
            .extend(problems.map(|(key, problem)| problem.of(key)));
        self.ids += repeated.ids;
        self.versions += repeated.events;
    }

    /// Compares the commits' claims with what was read.
    fn finish(self, target: &TargetName, chain: &mut Chain, deep: bool) {
        for claim in chain.claims.iter().filter(|_| deep) {
            let (unread, late, undated) = self.commits.get(&claim.number).copied().unwrap_or_default();
            let pairs = [
                ("count of late events", claim.late, late),
                ("count of undated events", claim.undated, undated),
            ];
            for (what, recorded, found) in pairs.into_iter().filter(|(_, a, b)| unread == 0 && a != b) {
                let problem = Problem::differs(what, recorded, found);
                chain
                    .report
                    .findings
                    .push(problem.of(key::commit(target, claim.number)));
            }
        }
        if self.ids > 0 {
            let (ids, events) = (self.ids, self.versions);
            chain.report.notes.push(Note::Versions { ids, events });
        }
    }
}
