//! What the commits say that the archive holds of a span.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{
    checkpoint::Memory,
    clock::Time,
    commit::{Commit, Kind, Object},
    export::{Exporter, PassError, ahead::WayBack},
    key::{self, Format},
    target::Api,
    window::{Window, earlier, later},
};

/// So far the times of one event may differ between the live API and the long-term store.
pub(super) const AROUND: std::time::Duration = std::time::Duration::from_secs(1);

/// Windows of the chain that touch and were made in one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) window: Window,
    /// The API that it was read through.
    pub(super) api: Api,
    /// Nobody could tell what happened: an admitted gap.
    pub(super) gap: bool,
}

/// Read from the commits alone.
pub(super) struct Held {
    /// Only objects of its days are of interest.
    around: Window,
    /// Newest first.
    stretches: Vec<Stretch>,
    /// Objects of the record, by the day in their key.
    objects: BTreeMap<NaiveDate, Vec<(Object, Api)>>,
}

impl Held {
    /// Nothing yet of a span.
    pub(super) fn new(span: Window) -> Self {
        Self {
            around: Window::new(earlier(span.from, AROUND), later(span.to, AROUND)),
            stretches: Vec::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Where the oldest commit that was read begins. The end of time if none was.
    pub(super) fn begins(&self) -> Time {
        self.stretches
            .last()
            .map_or(Time::MAX_UTC, |stretch| stretch.window.from)
    }

    /// Oldest first.
    pub(super) fn stretches(&self) -> impl DoubleEndedIterator<Item = Stretch> {
        self.stretches.iter().rev().copied()
    }

    /// Objects that hold events of the days of a span.
    pub(super) fn objects_of(&self, span: Window) -> impl Iterator<Item = &(Object, Api)> {
        let days = span.from.date_naive()..=span.to.date_naive();
        self.objects.range(days).flat_map(|(_, objects)| objects)
    }

    /// Adds the commit before those that were added, or a new backfill.
    pub(super) fn add(&mut self, commit: Commit) {
        let api = commit.source.api;
        if commit.is_chained() && !commit.window.is_empty() {
            let gap = commit.kind == Kind::Gap;
            match self.stretches.last_mut() {
                Some(last) if (last.api, last.gap) == (api, gap) => last.window.from = commit.window.from,
                _ => self.stretches.push(Stretch {
                    window: commit.window,
                    api,
                    gap,
                }),
            }
        }
        let days = self.around.from.date_naive()..=self.around.to.date_naive();
        for object in commit.objects {
            if object.format == Format::Jsonl.as_str()
                && let Some(day) = key::day_of_data(&object.key).filter(|day| days.contains(day))
            {
                self.objects.entry(day).or_default().push((object, api));
            }
        }
    }
}

impl Exporter {
    /// What the archive holds of a span: later commits may hold late events of it.
    pub(super) async fn held(&self, memory: &Memory, span: Window) -> Result<Held, PassError> {
        let mut held = Held::new(span);
        let mut number = memory.head.number;
        let mut sha256 = Some(memory.head.sha256.clone());
        let mut way = WayBack::new(self, 0, true);
        loop {
            let Some(bytes) = way.commit_bytes(number, sha256.as_deref()).await? else {
                self.check_expired(number).await?;
                return Ok(held);
            };
            let commit = self.parse_commit(number, &bytes)?;
            if sha256
                .as_ref()
                .is_some_and(|sha256| *sha256 != crate::commit::sha256(&bytes))
            {
                return Err(PassError::Altered {
                    number,
                    problem: "the commit after it does not continue it",
                });
            }
            sha256.clone_from(&commit.previous_sha256);
            let done = commit.is_chained() && commit.window.to <= held.around.from;
            if !done {
                held.add(commit);
            }
            if done || number == 0 {
                return Ok(held);
            }
            number -= 1;
        }
    }

    /// A commit that is not there may have expired by a lifecycle rule: then all before it have.
    async fn check_expired(&self, number: u64) -> Result<(), PassError> {
        let prefix = key::commits(&self.target.name);
        let listed = self.shared.archive.list(&prefix, None).await;
        let listed = listed.map_err(PassError::Archive)?;
        let mut numbers = listed
            .iter()
            .filter_map(|listed| key::number_of_commit(&listed.key));
        if numbers.any(|there| there < number) {
            return Err(PassError::Altered {
                number,
                problem: "it is missing in the chain",
            });
        }
        Ok(())
    }
}
