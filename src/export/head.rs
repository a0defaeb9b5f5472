//! Where a target stands: its head here and in the archive made to agree, leftovers swept.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Exporter, PassError, unnamed};
use crate::{
    archive::ArchiveError,
    checkpoint::{Intents, Memory},
    commit::{Commit, Origin, sha256, stream_of},
    error::Chain,
    key,
    target::Target,
};

impl Exporter {
    /// What is remembered, brought up to the archive. Every pass begins here, whoever owns the target.
    pub(super) async fn catch_up(&mut self) -> Result<(Option<Memory>, Intents), PassError> {
        let (memory, intents) = self.notes.load().await.map_err(PassError::Checkpoint)?;
        let (memory, intents) = match memory {
            None => self.rebuild(intents).await?,
            Some(memory) => self.follow(memory, intents).await?,
        };
        let intents = self.sweep(&memory, intents).await?;
        Ok((memory, intents))
    }

    /// Checks that the archive still has the head that is remembered, and adopts the commits after it.
    async fn follow(
        &mut self,
        mut memory: Memory,
        mut intents: Intents,
    ) -> Result<(Option<Memory>, Intents), PassError> {
        let number = memory.head.number;
        match self.commit_bytes(number, Some(&memory.head.sha256)).await? {
            Some(bytes) if sha256(&bytes) == memory.head.sha256 => {}
            Some(_) => {
                return Err(PassError::Altered {
                    number,
                    problem: "it is not the one that was written",
                });
            }
            None => {
                let place = self.shared.archive.place().to_owned();
                return Err(PassError::RolledBack { number, place });
            }
        }
        let since = self.horizon(memory.coverage_end);
        let (mut adopted, mut marks) = (BTreeMap::new(), Vec::new());
        while let Some(bytes) = self.commit_bytes(memory.head.number + 1, None).await? {
            let number = memory.head.number + 1;
            let commit = self.parse_commit(number, &bytes)?;
            if commit.previous_sha256.as_ref() != Some(&memory.head.sha256) {
                return Err(PassError::Altered {
                    number,
                    problem: "it does not continue the commit before it",
                });
            }
            if commit.is_chained() && commit.window.from != memory.coverage_end {
                return Err(PassError::Altered {
                    number,
                    problem: "its window does not touch the one before it",
                });
            }
            if commit.run == *self.shared.run {
                // Its pass never heard that it had been made.
                self.tally.committed(&commit, &[], memory.coverage_end);
            }
            memory = memory.after(&commit, sha256(&bytes));
            let horizon = self.horizon(memory.coverage_end);
            marks.extend(self.marks_of(&commit, horizon).await?);
            marks.retain(|mark| mark.time.is_none_or(|time| time >= horizon));
            if let Some(open) = intents.open.take_if(|open| open.number <= number) {
                intents.sweep.extend(unnamed(&open.keys, &commit));
            }
            tracing::info!(
                commit = number,
                run = commit.run,
                "adopted a commit that the checkpoint did not know"
            );
            adopted.insert(number, commit);
        }
        if adopted.is_empty() {
            return Ok((Some(memory), intents));
        }
        // Nor does it know what those who wrote them may have left behind. All of it is remembered in one step: a kill
        // before that repeats it.
        let next = memory.head.number + 1;
        // At first on any day: who wrote them may have died in a comparison.
        let listed = self.searched.then_some(since);
        let intents = self
            .leftovers(number + 1, next, listed, Some(since), intents, &mut adopted)
            .await?;
        self.searched = true;
        let horizon = self.horizon(memory.coverage_end);
        let memory = self
            .notes
            .remember(memory, &intents, marks, horizon)
            .await
            .map_err(PassError::Checkpoint)?;
        Ok((Some(memory), intents))
    }

    /// Deletes objects whose number is closed and whose commit does not name them.
    pub(super) async fn sweep(
        &self,
        memory: &Option<Memory>,
        mut intents: Intents,
    ) -> Result<Intents, PassError> {
        if intents.sweep.is_empty() {
            return Ok(intents);
        }
        let closed = memory.as_ref().map(|memory| memory.head.number);
        for key in std::mem::take(&mut intents.sweep) {
            if key::number_of_data(&key) > closed {
                intents.sweep.insert(key);
                continue;
            }
            if !self.shared.proofs.may_delete() {
                continue;
            }
            match self.shared.archive.delete(&key).await {
                Ok(()) => tracing::debug!(key, "swept an object that no commit names"),
                Err(error) => self.keep_sweeping(&mut intents, key, &error),
            }
        }
        self.notes.intend(&intents).await.map_err(PassError::Checkpoint)?;
        Ok(intents)
    }

    /// A store that does not let us delete keeps its objects. Anything else is tried again by the next pass.
    fn keep_sweeping(&self, intents: &mut Intents, key: String, error: &ArchiveError) {
        if error.is_kept() {
            self.shared.proofs.keep(error);
        } else {
            tracing::warn!(key, error = %Chain(error), "sweeping failed, the next pass tries again");
            intents.sweep.insert(key);
        }
    }

    /// Once after the first whole pass: what a killed predecessor left half-written.
    pub(super) async fn sweep_half_written(&mut self) {
        if std::mem::replace(&mut self.swept, true) {
            return;
        }
        let Ok((Some(memory), _)) = self.notes.load().await else {
            return;
        };
        let head = memory.head.number;
        let name = &self.target.name;
        let streams = self.target.apis().flat_map(|api| key::streams(api, name));
        for prefix in [key::commits(name)].into_iter().chain(streams) {
            self.shared
                .archive
                .sweep_staging(&prefix, move |number| number <= head)
                .await;
        }
    }

    /// A commit as it lies in the archive. Where its SHA-256 is known, the caller compares; where not, it was read twice:
    /// what is built upon it must not rest on a byte that was damaged on its way.
    pub(super) async fn commit_bytes(
        &self,
        number: u64,
        sha256: Option<&str>,
    ) -> Result<Option<Bytes>, PassError> {
        let key = key::commit(&self.target.name, number);
        let archive = &self.shared.archive;
        let read = match sha256 {
            Some(sha256) => archive.read_known(&key, sha256).await,
            None => archive.read_twice(&key).await,
        };
        self.progress.looked();
        read.map_err(PassError::Archive)
    }

    pub(super) fn parse_commit(&self, number: u64, bytes: &[u8]) -> Result<Commit, PassError> {
        let key = key::commit(&self.target.name, number);
        let commit = Commit::from_bytes(bytes).map_err(|source| PassError::BadCommit { key, source })?;
        if commit.number != number || commit.target != self.target.name.as_str() {
            return Err(PassError::Altered {
                number,
                problem: "it says it is another one",
            });
        }
        Ok(commit)
    }
}

/// A target's name stands for one stream for ever: `was` is where its last commit came from, `endpoint` where it is read
/// now.
///
/// # Errors
/// If the two are not the same stream.
pub fn same_stream(was: &Origin, target: &Target, endpoint: &str) -> Result<(), PassError> {
    let other = |what, was: String, is: String| Err(PassError::OtherStream { what, was, is });
    if was.configured() != target.api {
        let (was, is) = (was.configured(), target.api);
        return other("API", was.as_str().to_owned(), is.as_str().to_owned());
    }
    let (before, now) = (stream_of(&was.url), stream_of(endpoint));
    if before != now {
        return other("organization or tenant", quote(&before), quote(&now));
    }
    if was.filter != target.filter {
        let spell = |filter: &Option<_>| serde_json::to_string(filter).unwrap_or_default();
        return other("filter", spell(&was.filter), spell(&target.filter));
    }
    Ok(())
}

fn quote(text: &str) -> String {
    format!("`{text}`")
}
