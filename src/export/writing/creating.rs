//! The steps of a commit: record, the intent, creating them in the archive, and losing a number to another.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Writing;
use crate::{
    archive::Created,
    checkpoint::{Head, Intent, Intents},
    clock::Time,
    commit::{Commit, Counts, FORMAT, Kind, Origin, Tool, Undated, sha256},
    encode::Encoded,
    export::{PassError, owner::stand_by},
    key::{self, Shape},
    source::Slice,
    target::{Api, LONG_TERM_RETENTION},
    window::{Window, earlier, later},
};

/// Data objects put at once.
const PUTS: usize = 4;

impl Writing<'_> {
    pub(super) fn record(
        &self,
        number: u64,
        kind: Kind,
        reason: Option<String>,
        window: Window,
        counts: Counts,
        undated: u64,
    ) -> Commit {
        let exporter = self.exporter;
        let head = self.plan.memory.as_ref().map(|memory| &memory.head);
        let source = exporter.source_of(&self.plan);
        Commit {
            format: FORMAT.to_owned(),
            target: exporter.target.name.to_string(),
            number,
            epoch: self.plan.epoch,
            instance: exporter.shared.instance.to_string(),
            run: exporter.shared.run.to_string(),
            kind,
            reason,
            window,
            lookback_from: self.read_from.min(window.from),
            counts,
            undated: Undated {
                events: undated,
                previous: head.and_then(|head| head.last_undated),
            },
            objects: Vec::new(),
            catalog: head.and_then(|head| head.catalog.clone()),
            rules: head.and_then(|head| head.rules.clone()),
            source: Origin {
                url: source.endpoint().to_owned(),
                api: source.api(),
                target_api: Some(exporter.target.api).filter(|api| *api != source.api()),
                filter: exporter.target.filter.clone(),
                requests: self.effort.requests,
                pages: self.effort.pages,
            },
            tool: Tool::this(),
            committed_at: exporter.shared.clock.now(),
            previous_sha256: head.map(|head| head.sha256.clone()),
        }
    }

    /// Writes down what is about to be created, so that the next start knows what may lie about.
    pub(super) async fn intend(&mut self, commit: &Commit) -> Result<Intents, PassError> {
        let old = self
            .plan
            .intents
            .open
            .take()
            .filter(|open| open.number == commit.number);
        let mut keys: BTreeSet<String> = old.map(|open| open.keys).unwrap_or_default();
        keys.extend(commit.objects.iter().map(|object| object.key.clone()));
        if keys.is_empty() {
            return Ok(self.plan.intents.clone());
        }
        let read = Some(Window::new(commit.lookback_from, commit.window.to));
        self.plan.intents.open = Some(Intent {
            number: commit.number,
            read,
            keys,
        });
        self.exporter
            .notes
            .intend(&self.plan.intents)
            .await
            .map_err(PassError::Checkpoint)?;
        Ok(self.plan.intents.clone())
    }

    pub(super) async fn put_objects(&self, objects: Vec<Encoded>) -> Result<(), PassError> {
        stream::iter(objects)
            .map(|encoded| async move {
                let key = encoded.object.key;
                match self
                    .exporter
                    .shared
                    .archive
                    .create(&key, encoded.bytes)
                    .await
                    .map_err(PassError::Archive)?
                {
                    Created::Ours => Ok(()),
                    Created::Theirs(_) => Err(PassError::BadObject {
                        key,
                        problem: "its bytes do not match its name",
                    }),
                }
            })
            .buffer_unordered(PUTS)
            .try_collect()
            .await
    }

    /// Events before this are forgotten with that commit, after which all is archived up to `covered`. Of a long history
    /// nothing is remembered that no lookback reaches once the pass is at its end; if it never gets there, the archive
    /// tells. While the pass itself still looks back, it needs all.
    pub(super) fn horizon(&self, commit: &Commit, covered: Time) -> Time {
        let exporter = self.exporter;
        let looks_back = covered <= self.plan.covered || !commit.is_chained();
        // So far a pass that ends well commits, be it that nothing happened.
        let end = earlier(self.plan.whole.to, exporter.target.pace.empty_commit_every);
        if looks_back || exporter.horizon(end) <= covered {
            exporter.horizon(covered)
        } else {
            covered
        }
    }

    /// Whether the server says something else of itself than the last commit has.
    pub(super) fn has_news(&self) -> bool {
        let head = self.plan.memory.as_ref().map(|memory| &memory.head);
        let is_news = |raw: &Option<Bytes>, current: Option<&String>| {
            let key = |raw: &Bytes| key::catalog(&self.exporter.target.name, &sha256(raw));
            raw.as_ref().is_some_and(|raw| current != Some(&key(raw)))
        };
        is_news(
            &self.snapshots.catalog,
            head.and_then(|head| head.catalog.as_ref()),
        ) || is_news(&self.snapshots.rules, head.and_then(|head| head.rules.as_ref()))
    }

    /// How long what is read is kept by the server.
    pub(super) fn retention(&self) -> Duration {
        if self.plan.beyond {
            LONG_TERM_RETENTION
        } else {
            self.exporter.target.pace.retention
        }
    }

    /// The newest records as they are archived already: nothing has happened since.
    pub(super) fn drop_known_file(&self, slice: &mut Slice) {
        let archived = self.plan.memory.as_ref().and_then(|memory| memory.file.as_ref());
        if self.exporter.target.api == Api::ClassicCsv
            && let (Some(archived), Some(file)) = (archived, &slice.file)
            && sha256(&file.bytes) == *archived
        {
            slice.duplicate = file.rows;
            (slice.file, slice.complete_from) = (None, None);
        }
    }

    /// Creates the object of a catalogue, or of exclusion rules, if it is news. Its name is its hash: it may be there
    /// already.
    pub(super) async fn put_snapshot(
        &self,
        raw: Option<Bytes>,
        current: Option<String>,
    ) -> Result<Option<String>, PassError> {
        let Some(raw) = raw else {
            return Ok(current);
        };
        let key = key::catalog(&self.exporter.target.name, &sha256(&raw));
        if current.as_ref() == Some(&key) {
            return Ok(current);
        }
        match self
            .exporter
            .shared
            .archive
            .create(&key, raw)
            .await
            .map_err(PassError::Archive)?
        {
            Created::Ours => Ok(Some(key)),
            Created::Theirs(_) => Err(PassError::BadObject {
                key,
                problem: "its bytes do not match its name",
            }),
        }
    }

    pub(super) fn shape(&self) -> Arc<Shape> {
        let exporter = self.exporter;
        Arc::new(Shape {
            target: exporter.target.name.clone(),
            api: exporter.source_of(&self.plan).api(),
            compression: exporter.shared.settings.compression,
            csv: exporter.shared.settings.csv,
        })
    }

    /// The number is taken: by a dead process, then the pass plans anew, or by the target's owner.
    pub(super) fn overtaken(&mut self, mine: &Commit, key: String, theirs: &Bytes) -> PassError {
        let theirs_record = match Commit::from_bytes(theirs) {
            Ok(commit) => commit,
            Err(source) => return PassError::BadCommit { key, source },
        };
        self.lost = Some(mine.epoch);
        if theirs_record.run == mine.run || theirs_record.epoch < mine.epoch {
            return PassError::Overtaken { number: mine.number };
        }
        let head = Head::of(&theirs_record, sha256(theirs));
        let target = &self.exporter.target;
        let until = later(head.committed_at, target.takeover_after(self.plan.now));
        stand_by(&head, until)
    }
}
