//! What a pass will read: head, owner, now, window; and the first page, which tells the server's time.

use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::{Exporter, PassError, Shared, same_stream};
use crate::{
    checkpoint::{Intents, Memory},
    clock::Time,
    event::floor,
    source::Opening,
    target::Start,
    window::{Window, earlier},
};

/// Room taken in the memory budget for a pass's first page: 200 events of 5 KiB.
const PAGE_KIB: usize = 1024;
/// A server whose clock is further behind than this begins no archive.
const FIRST_SKEW: Duration = Duration::from_secs(86_400);

/// What a pass found before it reads.
pub(super) struct Plan {
    pub memory: Option<Memory>,
    pub intents: Intents,
    pub epoch: u64,
    pub now: Time,
    /// Up to here the archive is complete.
    pub covered: Time,
    /// All that will be read, lookback included.
    pub whole: Window,
    pub long_lookback: bool,
    pub opening: Option<Opening>,
}

impl Exporter {
    /// Head, owner, now, window.
    pub(super) async fn plan(&mut self, take_over: bool) -> Result<Plan, PassError> {
        let Shared {
            archive, run, proofs, ..
        } = &self.shared;
        proofs.prove(archive, run).await.map_err(PassError::Archive)?;
        let (memory, mut intents) = self.catch_up().await?;
        let local = self.shared.clock.now();
        if let Some(memory) = &memory {
            same_stream(&memory.head.source, &self.target, self.source.endpoint())?;
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
        self.check_clock(&plan, local)?;
        if plan.whole.is_empty() {
            return Ok(plan);
        }
        let asked = plan.whole;
        let opening = {
            let _room = self.room_for_a_page().await;
            self.source.open(asked).await.map_err(PassError::Source)?
        };
        let date = opening.date;
        plan.now = date.map_or(local, |date| date.min(local));
        self.progress.skew(date.map(|date| (date - local).num_seconds()));
        self.lay_out(&mut plan);
        self.check_clock(&plan, local)?;
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

    /// Now before the coverage's end is an error, never an empty window; and no archive begins by a server's clock that
    /// is wildly wrong.
    fn check_clock(&self, plan: &Plan, ours: Time) -> Result<(), PassError> {
        if plan.memory.is_none() {
            let server = plan.now;
            return if server < earlier(ours, FIRST_SKEW) {
                Err(PassError::Skew { server, ours })
            } else {
                Ok(())
            };
        }
        if plan.covered <= plan.now {
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
    pub(super) async fn catalog(&self, plan: &Plan) -> Result<Option<bytes::Bytes>, PassError> {
        let none_yet = plan
            .memory
            .as_ref()
            .is_none_or(|memory| memory.head.catalog.is_none());
        if plan.whole.is_empty() || !(plan.long_lookback || none_yet) {
            return Ok(None);
        }
        match self.source.catalog().await {
            Ok(catalog) => Ok(catalog.map(|catalog| catalog.raw)),
            Err(error) => {
                tracing::info!(error = %crate::error::Chain(&error), "the catalogue cannot be read: going on without");
                Ok(None)
            }
        }
    }

    pub(super) fn horizon(&self, covered: Time) -> Time {
        let pace = &self.target.pace;
        // A minute more than any lookback: events without a time are filed a little late.
        earlier(
            earlier(covered, pace.lookback_daily.max(pace.lookback)),
            std::time::Duration::from_secs(60),
        )
    }
}

/// Where the first slice ends if one was being committed when a pass died: the same again.
pub(super) fn redo(plan: &Plan) -> Option<Time> {
    let next = plan.memory.as_ref().map_or(0, |memory| memory.head.number + 1);
    let open = plan.intents.open.as_ref().filter(|open| open.number == next)?;
    open.read
        .map(|read| read.to)
        .filter(|to| plan.whole.from < *to && *to <= plan.whole.to)
}
