//! The spine: one pass over one target. Head -> owner -> window -> read -> encode -> put -> commit -> remember.
//!
//! A pass takes nothing but its target: the timer, `once` and tests share it. Every await in it is a safe place to die.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::{Either, select};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    archive::{Archive, Proofs},
    checkpoint::{Checkpoint, Intents, TargetCheckpoint},
    clock::{Clock, Time},
    commit::Counts,
    settings::ArchiveSettings,
    source::{Blocks, Effort, Source},
    target::Target,
    window::Window,
};

mod ahead;
mod error;
mod head;
mod history;
mod owner;
mod plan;
mod progress;
mod reading;
mod reconcile;
mod tally;
mod writing;

pub use error::PassError;
pub use head::same_stream;
pub use owner::Tenure;
use plan::{Plan, redo};
pub use progress::{Progress, Seen};
use reading::Reading;
pub use reconcile::{Compared, Reconciled};
pub use tally::{Tallies, Tally};
use writing::Writing;

/// So often a pass begins anew when another commit got in its way.
const TRIES: u32 = 10;
/// A long-term store is believed to be missing when it says so as often in a row,
const ABSENT: u32 = 3;
/// asked again after this long.
const SOON: std::time::Duration = std::time::Duration::from_millis(500);

/// What all targets of a process share.
#[derive(Clone)]
pub struct Shared {
    /// Where events go.
    pub archive: Archive,
    /// What is remembered.
    pub checkpoint: Checkpoint,
    /// The time of day.
    pub clock: Clock,
    /// `archive.max_buffered` in KiB, taken before a slice is read.
    pub budget: Arc<Semaphore>,
    /// What of that is used again.
    pub blocks: Arc<Blocks>,
    /// How objects are made.
    pub settings: Arc<ArchiveSettings>,
    /// Who writes.
    pub instance: Arc<str>,
    /// Random for each process.
    pub run: Arc<str>,
    /// What the archive's store has shown.
    pub proofs: Arc<Proofs>,
    /// What is counted.
    pub tallies: Tallies,
}

/// One target, ready for passes.
pub struct Exporter {
    shared: Shared,
    target: Target,
    source: Source,
    /// What the source no longer shows, where it is still kept.
    store: Option<Source>,
    /// Why that is not there, once the server said so.
    no_store: Option<String>,
    /// What was told of that: it is told once.
    told_no_store: Option<String>,
    /// It has answered: no reply to a single question makes it vanish.
    store_answers: bool,
    /// The server refuses to be asked for what is older than `retention`: the pass at hand begins there.
    cut: bool,
    notes: TargetCheckpoint,
    tenure: Tenure,
    /// How many requests the connection takes at once.
    at_once: usize,
    /// The UTC day on which the server had no catalogue: what it says of itself is not asked for again that day.
    no_catalog_on: Option<chrono::NaiveDate>,
    /// Objects that others may have left behind were looked for on all days once.
    searched: bool,
    /// Files that a killed predecessor may have left half-written are looked for once.
    swept: bool,
    progress: Arc<Progress>,
    tally: Arc<Tally>,
}

/// What a pass did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Events.
    pub counts: Counts,
    /// Commits made.
    pub commits: u64,
    /// Requests and pages.
    pub effort: Effort,
    /// What was read.
    pub read: Option<Window>,
    /// Up to here the archive is complete now.
    pub coverage_end: Option<Time>,
    /// The server's clock minus ours, in seconds.
    pub skew_seconds: Option<i64>,
    /// Stopped before its end: the next pass goes on.
    pub interrupted: bool,
}

impl Summary {
    /// Adds what came after it.
    fn add(&mut self, next: Self) {
        self.counts += next.counts;
        self.commits += next.commits;
        self.effort += next.effort;
        self.read = match (self.read, next.read) {
            (Some(first), Some(next)) => Some(Window::new(first.from.min(next.from), next.to)),
            (first, next) => next.or(first),
        };
        self.coverage_end = next.coverage_end.or(self.coverage_end);
        self.skew_seconds = next.skew_seconds.or(self.skew_seconds);
        self.interrupted = next.interrupted;
    }
}

impl Exporter {
    /// A target's exporter, whose connection takes `at_once` requests at once. Reads and sends nothing.
    #[must_use]
    pub fn new(
        shared: Shared,
        target: Target,
        source: Source,
        store: Option<Source>,
        at_once: usize,
    ) -> Self {
        let notes = shared.checkpoint.of(&target.name);
        let progress = Arc::new(Progress::default());
        let tally = shared.tallies.of(&target.name);
        Self {
            shared,
            target,
            source,
            store,
            no_store: None,
            told_no_store: None,
            store_answers: false,
            cut: false,
            notes,
            tenure: Tenure::default(),
            at_once,
            no_catalog_on: None,
            searched: false,
            swept: false,
            progress,
            tally,
        }
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How far a pass is, to be looked at while it runs.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// One pass: from the checkpoint to now, slice by slice. `take_over` does not wait for another owner to grow old.
    /// `stop` ends it after the step at hand, with nothing half done.
    ///
    /// # Errors
    /// Whatever keeps the target from being complete up to now; nothing is lost by any of them.
    pub async fn pass(&mut self, take_over: bool, stop: &CancellationToken) -> Result<Summary, PassError> {
        let (mut tries, mut absent) = (0, 0);
        let mut whole = Summary::default();
        self.no_store = None;
        self.cut = false;
        loop {
            tries += 1;
            self.progress.begin();
            let result = self.try_pass(take_over, stop).await;
            let overtaken = matches!(
                result,
                Err(PassError::Overtaken { .. } | PassError::StandBy { .. })
            );
            if overtaken && self.tenure.lost_just_now() {
                // Adopt the winner's commit at once, and sweep what this process wrote for its number.
                self.catch_up().await?;
            }
            match result {
                Err(PassError::Overtaken { .. }) if tries < TRIES => {
                    tracing::info!("another commit took the next number: planning anew");
                }
                Err(PassError::Store(error)) if error.is_not_there() && !self.store_answers => {
                    // One reply may be a slip of something in between; a gap is for ever.
                    absent += 1;
                    if absent < ABSENT {
                        let _stopped = stop.run_until_cancelled(tokio::time::sleep(SOON)).await;
                        continue;
                    }
                    let why = crate::error::Chain(&error).to_string();
                    if self.told_no_store.as_ref() != Some(&why) {
                        tracing::warn!(error = why, "there is no long-term store: going on without");
                    }
                    self.told_no_store = Some(why.clone());
                    self.no_store = Some(why);
                }
                Ok((summary, beyond)) => {
                    whole.add(summary);
                    // What the live API shows was moving on meanwhile: look anew where it begins.
                    if beyond && !whole.interrupted {
                        continue;
                    }
                    self.sweep_half_written().await;
                    return Ok(whole);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Rebuilds the checkpoint from the archive. Returns the last commit's number, if there is any commit, and how many
    /// events are known. Tells, where the archive has fewer commits than were known, what is given up.
    ///
    /// # Errors
    /// If the archive cannot be read or is not whole.
    pub async fn recover(&mut self) -> Result<(Option<u64>, usize), PassError> {
        // Damage has been told, and what was damaged tells nothing.
        let before = self.notes.peek().await.ok().flatten();
        let before = before.map(|memory| memory.head.number);
        let (memory, intents) = self.rebuild(Intents::default()).await?;
        let last = memory.as_ref().map(|memory| memory.head.number);
        if let Some(known) = before.filter(|_| last < before) {
            tracing::warn!(
                target = %self.target.name,
                known,
                last,
                "gave up commits that the checkpoint knew and the archive does not have: is `archive.url` right?"
            );
        }
        self.sweep(&memory, intents).await?;
        let marks = self.notes.marks().await.map_err(PassError::Checkpoint)?;
        Ok((last, marks.len()))
    }

    /// Reads one source up to its end. True: it was the store of what the live API no longer shows.
    async fn try_pass(
        &mut self,
        take_over: bool,
        stop: &CancellationToken,
    ) -> Result<(Summary, bool), PassError> {
        let Some(plan) = stop.run_until_cancelled(self.plan(take_over)).await else {
            let summary = Summary {
                interrupted: true,
                ..Summary::default()
            };
            return Ok((summary, false));
        };
        let mut plan = plan?;
        let limits = self.limits();
        self.progress.plan(plan.covered, plan.whole);
        let first = redo(&plan);
        let reading = Reading {
            source: self.source_of(&plan),
            notes: &self.notes,
            budget: &self.shared.budget,
            buffered: self.shared.settings.max_buffered,
            limits,
            covered: plan.covered,
            at_once: self.at_once,
            progress: &self.progress,
            blocks: &self.shared.blocks,
        };
        let (whole, now, beyond) = (plan.whole, plan.now, plan.beyond);
        let opening = plan.opening.take();
        let mut writing = Writing::new(self, plan);
        let (sender, receiver) = mpsc::unbounded_channel();
        let result = {
            let read = std::pin::pin!(reading.run(whole, first, opening, sender));
            let write = std::pin::pin!(writing.run(receiver, stop));
            match select(read, write).await {
                // What was read before the failure is complete, and is committed.
                Either::Left((read, write)) => write.await.and_then(|stopped| read.map(|()| stopped)),
                Either::Right((written, _)) => written,
            }
        };
        self.shared.blocks.let_go();
        let in_vain = writing.asked_in_vain();
        let result = match result {
            Ok(false) => writing
                .finish(whole.to.max(writing.covered()), now)
                .await
                .map(|()| false),
            other => other,
        };
        let lost = writing.lost();
        let summary = writing.summary();
        if let Some(epoch) = lost {
            self.tenure.lose(epoch);
        }
        if in_vain {
            self.no_catalog_on = Some(now.date_naive());
        }
        if !matches!(result, Ok(false)) {
            self.source.forget();
            self.forget();
        }
        let interrupted = result.map_err(|error| match error {
            PassError::Source(error) if beyond => PassError::Store(error),
            other => other,
        })?;
        let summary = Summary {
            interrupted,
            read: Some(whole),
            ..summary
        };
        Ok((summary, beyond))
    }
}

/// Keys of the data objects that a commit does not name, of those that tries for its number may have created.
fn unnamed(keys: &BTreeSet<String>, commit: &crate::commit::Commit) -> BTreeSet<String> {
    let named: BTreeSet<&str> = commit.objects.iter().map(|object| object.key.as_str()).collect();
    keys.iter()
        .filter(|key| !named.contains(key.as_str()))
        .cloned()
        .collect()
}
