//! What the commits say that the archive holds of a span.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{
    checkpoint::Memory,
    clock::Time,
    commit::{Commit, Object},
    export::{Exporter, PassError},
    key::Format,
    target::Api,
    window::Window,
};

/// Read from the commits alone.
#[derive(Default)]
pub(super) struct Held {
    /// Windows of the chain, newest first; neighbours of one API are one.
    windows: Vec<(Window, Api)>,
    /// Objects of the record, by the day in their key.
    objects: BTreeMap<NaiveDate, Vec<(Object, Api)>>,
}

impl Held {
    /// Where the oldest commit that was read begins.
    pub(super) fn begins(&self) -> Time {
        self.windows
            .last()
            .map_or(Time::MAX_UTC, |(window, _)| window.from)
    }

    /// Stretches that were read through one API, oldest first.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (Window, Api)> {
        self.windows.iter().rev().copied()
    }

    /// Objects that hold events of a day.
    pub(super) fn objects_of(&self, day: NaiveDate) -> &[(Object, Api)] {
        self.objects.get(&day).map_or(&[], Vec::as_slice)
    }

    /// Adds the commit before those that were added.
    fn add(&mut self, commit: Commit) {
        let api = commit.source.api;
        if commit.is_chained() {
            match self.windows.last_mut() {
                Some((window, of)) if *of == api => window.from = commit.window.from,
                _ => self.windows.push((commit.window, api)),
            }
        }
        for object in commit.objects {
            if object.format == Format::Jsonl.as_str()
                && let Some(day) = day_of(&object.key)
            {
                self.objects.entry(day).or_default().push((object, api));
            }
        }
    }
}

fn day_of(key: &str) -> Option<NaiveDate> {
    let part = key.split('/').find_map(|part| part.strip_prefix("day="))?;
    part.parse().ok()
}

impl Exporter {
    /// What the archive holds from `from` on: later commits may hold late events of it.
    pub(super) async fn held(&self, memory: &Memory, from: Time) -> Result<Held, PassError> {
        let mut held = Held::default();
        let mut number = memory.head.number;
        let mut sha256 = Some(memory.head.sha256.clone());
        loop {
            let Some(bytes) = self.commit_bytes(number, sha256.as_deref()).await? else {
                if held.windows.is_empty() {
                    return Err(PassError::Altered {
                        number,
                        problem: "it is missing in the chain",
                    });
                }
                // Expired by a lifecycle rule.
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
            let done = commit.is_chained() && commit.window.to <= from;
            if !done {
                held.add(commit);
            }
            if done || number == 0 {
                return Ok(held);
            }
            number -= 1;
        }
    }
}
