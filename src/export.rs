//! The spine: one pass over one target. Head -> owner -> window -> read -> encode -> put -> commit -> remember.
//!
//! A pass takes nothing but its target: the timer, `once` and tests share it. Every await in it is a safe place to die.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::{Either, select};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    archive::Archive,
    checkpoint::{Checkpoint, Intents, Memory, TargetCheckpoint},
    clock::{Clock, Time},
    commit::Counts,
    event::floor,
    settings::ArchiveSettings,
    source::{Effort, Limits, Opening, Source},
    target::{Start, Target},
    window::{Window, earlier},
};

mod error;
mod head;
mod history;
mod owner;
mod progress;
mod reading;
mod writing;

pub use error::PassError;
pub use owner::Tenure;
pub use progress::{Progress, Seen};
use reading::Reading;
use writing::Writing;

/// So often a pass begins anew when another commit got in its way.
const TRIES: u32 = 10;
/// Slices of one target in memory at once, at most: more would not make its commits, which are in order, any faster.
const SLICES: usize = 3;
/// Room taken in the memory budget for a pass's first page: 200 events of 5 KiB.
const PAGE_KIB: usize = 1024;

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
    /// How objects are made.
    pub settings: Arc<ArchiveSettings>,
    /// Who writes.
    pub instance: Arc<str>,
    /// Random for each process.
    pub run: Arc<str>,
    /// Set once the archive's store has proved that it refuses to create what exists.
    pub probed: Arc<OnceCell<()>>,
}

/// One target, ready for passes.
pub struct Exporter {
    shared: Shared,
    target: Target,
    source: Source,
    notes: TargetCheckpoint,
    tenure: Tenure,
    /// Slices in memory at once.
    slots: Arc<Semaphore>,
    /// Files that a killed predecessor may have left half-written are looked for once.
    swept: bool,
    progress: Arc<Progress>,
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

/// What a pass found before it reads.
struct Plan {
    memory: Option<Memory>,
    intents: Intents,
    epoch: u64,
    now: Time,
    /// Up to here the archive is complete.
    covered: Time,
    /// All that will be read, lookback included.
    whole: Window,
    long_lookback: bool,
    opening: Option<Opening>,
}

impl Exporter {
    /// A target's exporter. Reads and sends nothing.
    #[must_use]
    pub fn new(shared: Shared, target: Target, source: Source, ahead: usize) -> Self {
        let notes = shared.checkpoint.of(&target.name);
        let progress = Arc::new(Progress::default());
        Self {
            shared,
            target,
            source,
            notes,
            tenure: Tenure::default(),
            slots: Arc::new(Semaphore::new(ahead.clamp(1, SLICES))),
            swept: false,
            progress,
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
        let mut tries = 0;
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
                Ok(summary) => {
                    self.sweep_half_written().await;
                    return Ok(summary);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Rebuilds the checkpoint from the archive. Returns the last commit's number, if there is any commit, and how many
    /// events are known.
    ///
    /// # Errors
    /// If the archive cannot be read or is not whole.
    pub async fn recover(&mut self) -> Result<(Option<u64>, usize), PassError> {
        let (memory, intents) = self.rebuild(Intents::default()).await?;
        self.sweep(&memory, intents).await?;
        let known = self.notes.marks().await.map_err(PassError::Checkpoint)?.len();
        Ok((memory.map(|memory| memory.head.number), known))
    }

    async fn try_pass(&mut self, take_over: bool, stop: &CancellationToken) -> Result<Summary, PassError> {
        let Some(plan) = stop.run_until_cancelled(self.plan(take_over)).await else {
            return Ok(Summary {
                interrupted: true,
                ..Summary::default()
            });
        };
        let mut plan = plan?;
        let limits = Limits {
            events: self.shared.settings.max_events,
            bytes: self.shared.settings.max_bytes,
            bytes_of_an_instant: self.shared.settings.max_buffered,
        };
        self.progress.plan(plan.covered, plan.whole);
        let catalog = stop
            .run_until_cancelled(self.catalog(&plan))
            .await
            .transpose()?
            .flatten();
        let first = redo(&plan);
        let reading = Reading {
            source: &self.source,
            notes: &self.notes,
            budget: &self.shared.budget,
            limits,
            covered: plan.covered,
            slots: &self.slots,
            progress: &self.progress,
        };
        let (whole, now) = (plan.whole, plan.now);
        let opening = plan.opening.take();
        let mut writing = Writing::new(self, plan, catalog);
        let (sender, receiver) = mpsc::channel(1);
        let result = {
            let read = std::pin::pin!(reading.run(whole, first, opening, sender));
            let write = std::pin::pin!(writing.run(receiver, stop));
            match select(read, write).await {
                // What was read before the failure is complete, and is committed.
                Either::Left((read, write)) => write.await.and_then(|stopped| read.map(|()| stopped)),
                Either::Right((written, _)) => written,
            }
        };
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
        let interrupted = result?;
        Ok(Summary {
            interrupted,
            read: Some(whole),
            ..summary
        })
    }

    /// Head, owner, now, window.
    async fn plan(&mut self, take_over: bool) -> Result<Plan, PassError> {
        let Shared {
            archive, run, probed, ..
        } = &self.shared;
        probed
            .get_or_try_init(|| archive.probe(run))
            .await
            .map_err(PassError::Archive)?;
        let (memory, mut intents) = self.catch_up().await?;
        let local = self.shared.clock.now();
        if let Some(memory) = &memory {
            self.same_stream(&memory.head)?;
        }
        let epoch = self.own(memory.as_ref().map(|memory| &memory.head), local, take_over)?;
        if let Some(memory) = &memory
            && memory.head.instance != *self.shared.instance
            && memory.head.epoch < epoch
        {
            intents = self.inherit(memory, intents).await?;
        }
        self.source.prepare().await.map_err(PassError::Source)?;

        let mut plan = Plan {
            memory,
            intents,
            epoch,
            now: local,
            covered: local,
            whole: Window::new(local, local),
            long_lookback: false,
            opening: None,
        };
        self.lay_out(&mut plan);
        self.check_clock(&plan)?;
        if plan.whole.is_empty() {
            return Ok(plan);
        }
        let asked = plan.whole;
        let opening = {
            let _room = self.room_for_a_page().await;
            self.source.open(asked).await.map_err(PassError::Source)?
        };
        let date = opening.date();
        plan.now = date.map_or(local, |date| date.min(local));
        self.progress.skew(date.map(|date| (date - local).num_seconds()));
        self.lay_out(&mut plan);
        self.check_clock(&plan)?;
        if asked.from <= plan.whole.from && plan.whole.to <= asked.to {
            plan.opening = Some(opening);
        }
        self.know_further_back(&mut plan).await?;
        Ok(plan)
    }

    /// Pages count against the memory budget too: many targets may begin at once.
    async fn room_for_a_page(&self) -> Option<SemaphorePermit<'_>> {
        let kibibytes = (self.shared.settings.max_buffered / 1024).min(PAGE_KIB);
        // Fails only when the semaphore is closed, which nobody does.
        self.shared
            .budget
            .acquire_many(u32::try_from(kibibytes).unwrap_or(u32::MAX))
            .await
            .ok()
    }

    /// Now before the coverage's end is an error, never an empty window.
    fn check_clock(&self, plan: &Plan) -> Result<(), PassError> {
        if plan.memory.is_none() || plan.covered <= plan.now {
            return Ok(());
        }
        Err(PassError::Clock {
            now: plan.now,
            covered: plan.covered,
        })
    }

    /// What to read, seen from `plan.now`.
    fn lay_out(&self, plan: &mut Plan) {
        let pace = &self.target.pace;
        let now = plan.now;
        let start = match pace.start {
            Start::At(time) => floor(time),
            Start::Ago(age) => floor(earlier(now, age)),
        };
        plan.covered = plan.memory.as_ref().map_or(start, |memory| memory.coverage_end);
        let back_to = match &plan.memory {
            None => start,
            Some(memory) => {
                plan.long_lookback = memory.long_lookback_done != Some(now.date_naive());
                let back = if plan.long_lookback {
                    pace.lookback_daily.max(pace.lookback)
                } else {
                    pace.lookback
                };
                earlier(memory.coverage_end, back).max(memory.origin)
            }
        };
        plan.whole = Window::new(back_to, earlier(now, pace.settle).max(plan.covered));
    }

    /// The catalogue, once a day, if the server has one.
    async fn catalog(&self, plan: &Plan) -> Result<Option<bytes::Bytes>, PassError> {
        let none_yet = plan
            .memory
            .as_ref()
            .is_none_or(|memory| memory.head.catalog.is_none());
        if plan.whole.is_empty() || !(plan.long_lookback || none_yet) {
            return Ok(None);
        }
        match self.source.catalog().await {
            Ok(catalog) => Ok(Some(catalog.raw)),
            Err(error) => {
                tracing::info!(error = %crate::error::Chain(&error), "the catalogue cannot be read: going on without");
                Ok(None)
            }
        }
    }

    fn horizon(&self, covered: Time) -> Time {
        let pace = &self.target.pace;
        // A minute more than any lookback: events without a time are filed a little late.
        earlier(
            earlier(covered, pace.lookback_daily.max(pace.lookback)),
            std::time::Duration::from_secs(60),
        )
    }
}

/// Where the first slice ends if one was being committed when a pass died: the same again.
fn redo(plan: &Plan) -> Option<Time> {
    let next = plan.memory.as_ref().map_or(0, |memory| memory.head.number + 1);
    let open = plan.intents.open.as_ref().filter(|open| open.number == next)?;
    open.read
        .map(|read| read.to)
        .filter(|to| plan.whole.from < *to && *to <= plan.whole.to)
}

/// Keys of the data objects that a commit does not name, of those that tries for its number may have created.
fn unnamed(keys: &BTreeSet<String>, commit: &crate::commit::Commit) -> BTreeSet<String> {
    let named: BTreeSet<&str> = commit.objects.iter().map(|object| object.key.as_str()).collect();
    keys.iter()
        .filter(|key| !named.contains(key.as_str()))
        .cloned()
        .collect()
}
