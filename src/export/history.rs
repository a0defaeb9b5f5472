//! What the archive itself tells about a target: everything that is remembered can be read from it again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Exporter, PassError, Plan,
    ahead::{Marks, WayBack},
};
use crate::{
    checkpoint::{Head, Intent, Intents, Memory, Sum},
    clock::Time,
    commit::{Commit, Object, sha256},
    event::{Mark, read_time},
    key::{self, Format},
    target::Api,
};

impl Exporter {
    /// Reads everything that should be remembered from the archive, and remembers it.
    pub(super) async fn rebuild(&mut self, intents: Intents) -> Result<(Option<Memory>, Intents), PassError> {
        let prefix = key::commits(&self.target.name);
        let listed = self
            .shared
            .archive
            .list(&prefix, None)
            .await
            .map_err(PassError::Archive)?;
        let numbers: BTreeSet<u64> = listed
            .iter()
            .filter_map(|listed| key::number_of_commit(&listed.key))
            .collect();
        let mut commits = BTreeMap::new();
        let (memory, marks) = match (numbers.first(), numbers.last()) {
            (Some(oldest), Some(head)) => {
                let (memory, marks) = self.read_history(*oldest, *head, &mut commits).await?;
                (Some(memory), marks)
            }
            _ => (None, Vec::new()),
        };
        let next = memory.as_ref().map_or(0, |memory| memory.head.number + 1);
        let since = memory.as_ref().map(|memory| self.horizon(memory.coverage_end));
        let intents = self
            .leftovers(0, next, None, since, intents, &mut commits)
            .await?;
        if let Some(memory) = &memory {
            let (commit, known) = (memory.head.number, marks.len());
            tracing::info!(commit, known, "rebuilt the checkpoint from the archive");
            self.tally.rebuilt(self.shared.clock.now());
        }
        let memory = self
            .notes
            .replace(memory, &intents, marks)
            .await
            .map_err(PassError::Checkpoint)?;
        Ok((memory, intents))
    }

    /// Where the lookback reaches further than before, what is known must, too.
    pub(super) async fn know_further_back(&mut self, plan: &mut Plan) -> Result<(), PassError> {
        let Some(memory) = &plan.memory else { return Ok(()) };
        if memory.known_from <= plan.whole.from || memory.known_from <= memory.origin {
            return Ok(());
        }
        let head = memory.head.sha256.clone();
        let (memory, intents) = self.rebuild(std::mem::take(&mut plan.intents)).await?;
        match memory {
            Some(memory) if memory.head.sha256 == head => {
                (plan.memory, plan.intents) = (Some(memory), intents);
                Ok(())
            }
            // Somebody committed meanwhile: the owner and the coverage's end may be others now.
            other => Err(PassError::Overtaken {
                number: other.map_or(0, |memory| memory.head.number),
            }),
        }
    }

    /// Walks the commits back from the head as far as the longest lookback reaches.
    async fn read_history(
        &self,
        oldest: u64,
        head: u64,
        commits: &mut BTreeMap<u64, Commit>,
    ) -> Result<(Memory, Vec<Mark>), PassError> {
        let mut origin = self.commit(oldest).await?.window.from;
        let mut file: Option<String> = None;
        let mut covered: Option<(Time, Api)> = None;
        let mut link: Option<String> = None;
        let (mut number, mut last) = (head, None);
        let mut way = WayBack::new(self, oldest, true);
        loop {
            let bytes = way.commit_bytes(number, link.as_deref()).await?;
            let bytes = bytes.ok_or(missing(number))?;
            let (commit, sha256) = (self.parse_commit(number, &bytes)?, sha256(&bytes));
            if link.as_ref().is_some_and(|link| *link != sha256) {
                return Err(PassError::Altered {
                    number,
                    problem: "the commit after it does not continue it",
                });
            }
            link.clone_from(&commit.previous_sha256);
            if covered.is_none() && commit.is_chained() {
                covered = Some((commit.window.to, commit.source.api));
            }
            let horizon = covered.map(|(covered, _)| self.horizon(covered));
            if commit.is_chained() && covered.is_some_and(|(_, api)| api != commit.source.api) {
                // Another API was read before: the last one begins where this ends.
                origin = commit.window.to;
                break;
            }
            file = file.or_else(|| commit.file().map(|file| file.sha256.clone()));
            let done = commit.is_chained() && horizon.is_some_and(|horizon| commit.window.to <= horizon);
            last.get_or_insert_with(|| Head::of(&commit, sha256));
            commits.insert(number, commit);
            if done || number == oldest {
                break;
            }
            number -= 1;
        }
        drop(way);
        let (coverage_end, api) = covered.unwrap_or((origin, self.source.api()));
        let horizon = self.horizon(coverage_end);
        // Backfills may stand above the newest window, or be all that has not expired: how far back they matter is known
        // only now.
        let newest_first = commits.values().rev();
        let objects = newest_first.flat_map(|commit| recent(commit, horizon));
        let mut marks = self.marks_since(objects.collect(), horizon).await?;
        let Some(head) = last else {
            return Err(PassError::Altered {
                number,
                problem: "it is gone",
            });
        };
        marks.extend(self.undated(oldest, head.last_undated, commits).await?);
        let known_from = origin.max(horizon);
        let known = Sum::default();
        Ok((
            Memory {
                origin,
                api,
                coverage_end,
                known_from,
                file,
                head,
                long_lookback_done: None,
                known,
            },
            marks,
        ))
    }

    /// Events without a time lie in no window: the commits that hold any are linked, and those that are not among the
    /// `commits` still have to be read.
    async fn undated(
        &self,
        oldest: u64,
        last: Option<u64>,
        commits: &BTreeMap<u64, Commit>,
    ) -> Result<Vec<Mark>, PassError> {
        let (mut next, mut objects) = (last, Vec::new());
        let mut way = WayBack::new(self, oldest, false);
        while let Some(number) = next.filter(|number| *number >= oldest) {
            next = if let Some(commit) = commits.get(&number) {
                commit.undated.previous
            } else {
                let bytes = way.commit_bytes(number, None).await?;
                let commit = self.parse_commit(number, &bytes.ok_or(missing(number))?)?;
                objects.extend(recent(&commit, Time::MAX_UTC));
                commit.undated.previous
            };
            if next >= Some(number) {
                return Err(PassError::Altered {
                    number,
                    problem: "its `undated.previous` is not an earlier commit",
                });
            }
        }
        self.marks_since(objects, Time::MAX_UTC).await
    }

    /// Data objects that no commit names, from number `first` on: those of the `next` number are an intent, others are to
    /// be swept. They are listed from the day of `listed` on. Of those before the day of `since`, which comparisons leave
    /// behind, none is looked into whose commit was not read.
    pub(super) async fn leftovers(
        &self,
        first: u64,
        next: u64,
        listed: Option<Time>,
        since: Option<Time>,
        mut intents: Intents,
        commits: &mut BTreeMap<u64, Commit>,
    ) -> Result<Intents, PassError> {
        let mut open = intents.open.take();
        if let Some(closed) = open.take_if(|open| open.number < next) {
            // Another process took the number: its commit may not name these, however old their day is.
            for key in closed.keys {
                if !self.is_named(closed.number, &key, commits).await? {
                    intents.sweep.insert(key);
                }
            }
        }
        open = open.filter(|open| open.number == next);
        let since = since.map(|since| since.date_naive());
        for listed in self.data_objects(listed).await? {
            let Some(number) = key::number_of_data(&listed) else {
                continue;
            };
            let recent = key::day_of_data(&listed) >= since;
            if number == next {
                open.get_or_insert_with(|| found(next)).keys.insert(listed);
            } else if (first..next).contains(&number)
                && (recent || commits.contains_key(&number))
                && !self.is_named(number, &listed, commits).await?
            {
                intents.sweep.insert(listed);
            }
        }
        intents.open = open;
        Ok(intents)
    }

    /// On taking over from another instance: what it may have created for the next number is to be swept once that
    /// number is closed. Of any day: it may have died in a comparison.
    pub(super) async fn inherit(&self, memory: &Memory, mut intents: Intents) -> Result<Intents, PassError> {
        let next = memory.head.number + 1;
        let keys = self.data_objects(None).await?;
        for key in keys
            .into_iter()
            .filter(|key| key::number_of_data(key) == Some(next))
        {
            intents.open.get_or_insert_with(|| found(next)).keys.insert(key);
        }
        Ok(intents)
    }

    /// Keys of the data objects, from the day of `since` on if it is given.
    async fn data_objects(&self, since: Option<Time>) -> Result<Vec<String>, PassError> {
        let mut keys = Vec::new();
        let name = &self.target.name;
        for stream in self.target.apis().flat_map(|api| key::streams(api, name)) {
            let since = since.map(|since| format!("{stream}/day={}", since.date_naive()));
            let listed = self.shared.archive.list(&stream, since.as_deref()).await;
            keys.extend(
                listed
                    .map_err(PassError::Archive)?
                    .into_iter()
                    .map(|listed| listed.key),
            );
        }
        Ok(keys)
    }

    async fn is_named(
        &self,
        number: u64,
        key: &str,
        commits: &mut BTreeMap<u64, Commit>,
    ) -> Result<bool, PassError> {
        if let Some(commit) = commits.get(&number) {
            return Ok(names(commit, key));
        }
        // Expired by a lifecycle rule: nobody can say any more.
        let Some(bytes) = self.commit_bytes(number, None).await? else {
            return Ok(true);
        };
        let commit = self.parse_commit(number, &bytes)?;
        let named = names(&commit, key);
        commits.insert(number, commit);
        Ok(named)
    }

    async fn commit(&self, number: u64) -> Result<Commit, PassError> {
        match self.commit_bytes(number, None).await? {
            Some(bytes) => self.parse_commit(number, &bytes),
            None => Err(missing(number)),
        }
    }

    /// The events of a commit from `horizon` on, and those without a time.
    pub(super) async fn marks_of(&self, commit: &Commit, horizon: Time) -> Result<Vec<Mark>, PassError> {
        self.marks_since(recent(commit, horizon).collect(), horizon).await
    }

    async fn marks_since(&self, objects: Vec<(Object, Api)>, horizon: Time) -> Result<Vec<Mark>, PassError> {
        let (mut reads, mut marks) = (Marks::new(self, objects), Vec::new());
        while let Some((_, found)) = reads.next(|_| true).await? {
            let recent = |mark: &Mark| mark.time.is_none_or(|time| time >= horizon);
            marks.extend(found.into_iter().filter(recent));
        }
        Ok(marks)
    }
}

/// The objects of a commit's record that may hold events from `horizon` on, or some without a time.
fn recent(commit: &Commit, horizon: Time) -> impl Iterator<Item = (Object, Api)> {
    let record = commit
        .objects
        .iter()
        .filter(|object| object.format == Format::Jsonl.as_str());
    let of_interest = record.filter(move |object| {
        let last = object.last.as_deref().and_then(read_time);
        commit.undated.events > 0 || last.is_none_or(|last| last >= horizon)
    });
    of_interest.map(|object| (object.clone(), commit.source.api))
}

fn missing(number: u64) -> PassError {
    PassError::Altered {
        number,
        problem: "it is missing in the chain",
    }
}

/// An intent that is known from its objects alone.
fn found(number: u64) -> Intent {
    Intent {
        number,
        read: None,
        keys: BTreeSet::new(),
    }
}

fn names(commit: &Commit, key: &str) -> bool {
    commit.objects.iter().any(|object| object.key == key)
}
