//! What a pass will read: head, owner, now, window; and the first page, which tells the server's time.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use super::{Exporter, PassError, Shared, same_stream, writing::EDGE};
use crate::{
    checkpoint::{Intents, Memory},
    clock::Time,
    event::floor,
    source::{Opening, Source, SourceError},
    target::{Api, LONG_TERM_LAG, Start, day, second},
    window::{Window, earlier, later},
};

/// Room taken in the memory budget for a pass's first page: 200 events of 5 KiB.
const PAGE_KIB: usize = 1024;
/// A server whose clock is further behind than this begins no archive.
const FIRST_SKEW: Duration = Duration::from_secs(86_400);
const DAY: Duration = Duration::from_secs(86_400);
/// A pass may take so long until it asks for what expires next.
const SLACK: Duration = Duration::from_secs(300);

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
    /// What is read lies beyond what the live API shows: it comes from the long-term store.
    pub beyond: bool,
    pub opening: Option<Opening>,
}

impl Plan {
    /// A plan that reads nothing: what is to be compared says so itself.
    pub(super) fn to_compare(memory: Memory, intents: Intents, epoch: u64, now: Time) -> Self {
        let covered = memory.coverage_end;
        Self {
            memory: Some(memory),
            intents,
            epoch,
            now,
            covered,
            whole: Window::new(covered, covered),
            long_lookback: false,
            beyond: false,
            opening: None,
        }
    }
}

/// What the server says of itself beside the events, in its own bytes, if it was asked and answered.
#[derive(Default)]
pub(super) struct Snapshots {
    pub catalog: Option<Bytes>,
    pub rules: Option<Bytes>,
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
        let chained = memory.as_ref().map(|memory| memory.api);
        self.store_answers |= self.store.is_some() && chained == Some(Api::LongTerm);
        let epoch = self.own(memory.as_ref().map(|memory| &memory.head), local, take_over)?;
        if let Some(memory) = &memory
            && memory.head.instance != *self.shared.instance
            && memory.head.epoch < epoch
        {
            intents = self.inherit(memory, intents).await?;
        }
        self.prepare().await?;

        let mut plan = Plan {
            memory,
            intents,
            epoch,
            now: local,
            covered: local,
            whole: Window::new(local, local),
            long_lookback: false,
            beyond: false,
            opening: None,
        };
        self.lay_out(&mut plan);
        self.check_clock(&plan, local)?;
        if plan.whole.is_empty() {
            return Ok(plan);
        }
        let mut asked = plan.whole;
        let opening = match self.open(&plan).await {
            // A server may refuse what begins before all it keeps, instead of showing nothing there.
            Err(PassError::Source(error))
                if error.is_not_understood() && !self.cut && asked.from < self.kept_from(local) =>
            {
                self.cut = true;
                self.lay_out(&mut plan);
                asked = plan.whole;
                self.open(&plan).await?
            }
            other => other?,
        };
        let beyond = plan.beyond;
        self.store_answers |= beyond;
        let date = opening.date;
        plan.now = date.map_or(local, |date| date.min(local));
        self.progress.skew(date.map(|date| (date - local).num_seconds()));
        self.lay_out(&mut plan);
        self.check_clock(&plan, local)?;
        self.know_further_back(&mut plan).await?;
        // What is known further back may say where a source begins.
        self.lay_out(&mut plan);
        if beyond == plan.beyond && asked.from <= plan.whole.from && plan.whole.to <= asked.to {
            plan.opening = Some(opening);
        }
        Ok(plan)
    }

    /// Makes what is read from ready. What it kept of an earlier reading may be out of date.
    pub(super) async fn prepare(&mut self) -> Result<(), PassError> {
        self.forget();
        self.source.prepare().await.map_err(PassError::Source)
    }

    /// Lets go of what was read last.
    pub(super) fn forget(&self) {
        self.store.iter().for_each(Source::forget);
    }

    async fn open(&self, plan: &Plan) -> Result<Opening, PassError> {
        let _room = self.room_for_a_page().await;
        let opening = self.source_of(plan).open(plan.whole).await;
        opening.map_err(|error| match plan.beyond {
            true => PassError::Store(error),
            false => PassError::Source(error),
        })
    }

    /// Pages count against the memory budget too: many targets may begin at once.
    async fn room_for_a_page(&self) -> Option<SemaphorePermit<'_>> {
        self.room(PAGE_KIB).await
    }

    /// Room for one slice that nothing else is held with.
    pub(super) async fn room_for_a_slice(&self) -> Option<SemaphorePermit<'_>> {
        self.room(self.shared.settings.max_bytes.div_ceil(1024)).await
    }

    async fn room(&self, kibibytes: usize) -> Option<SemaphorePermit<'_>> {
        let kibibytes = (self.shared.settings.max_buffered / 1024).min(kibibytes);
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
        let seam = self.seam(plan.covered, now);
        plan.beyond = seam.is_some();
        let api = self.source_of(plan).api();
        plan.long_lookback = false;
        let back_to = match &plan.memory {
            None => plan.covered,
            // The same event is spelled otherwise elsewhere: nothing is read back over a seam.
            Some(memory) if memory.api != api => plan.covered,
            Some(_) if plan.beyond => plan.covered,
            Some(memory) => {
                plan.long_lookback = memory.long_lookback_done != Some(now.date_naive());
                let back = self.target.lookback(plan.long_lookback);
                earlier(plan.covered, back).max(memory.origin)
            }
        };
        let to = seam.unwrap_or_else(|| self.target.settled(now)).max(plan.covered);
        let from = if self.cut && !plan.beyond || self.target.api == Api::UnifiedCsv {
            self.kept_from(now).max(back_to).min(to)
        } else {
            back_to
        };
        plan.whole = Window::new(from, to);
    }

    /// From here on the server surely answers, for as long as a pass may take to ask.
    fn kept_from(&self, now: Time) -> Time {
        later(second(earlier(now, self.target.pace.retention)), SLACK)
    }

    /// Where the live API takes over from the long-term store: a midnight that it will show for a day still. None: it
    /// shows all that is not archived yet.
    fn seam(&self, covered: Time, now: Time) -> Option<Time> {
        if self.store.is_none() || self.no_store.is_some() {
            return None;
        }
        let shown_from = earlier(now, self.target.pace.retention);
        if earlier(shown_from, EDGE) <= covered {
            return None;
        }
        let seam = later(day(shown_from), DAY * 2).min(day(earlier(now, LONG_TERM_LAG)));
        (covered < seam).then_some(seam)
    }

    /// Where a plan's events come from.
    pub(super) fn source_of(&self, plan: &Plan) -> &Source {
        match &self.store {
            Some(store) if plan.beyond => store,
            _ => &self.source,
        }
    }

    /// Catalogue and exclusion rules, once a day, if the server has any. Neither is needed. None: not asked for.
    pub(super) async fn snapshots(&self, plan: &Plan) -> Option<Snapshots> {
        let none_yet = plan
            .memory
            .as_ref()
            .is_none_or(|memory| memory.head.catalog.is_none());
        let asked = self.no_catalog_on == Some(plan.now.date_naive());
        if plan.whole.is_empty() || plan.beyond || !(plan.long_lookback || none_yet && !asked) {
            return None;
        }
        let (catalog, rules) = tokio::join!(self.source.catalog(), self.source.rules());
        let catalog = catalog.map(|catalog| catalog.map(|catalog| catalog.raw));
        Some(Snapshots {
            catalog: or_without("the catalogue", catalog),
            rules: or_without("the exclusion rules", rules),
        })
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

fn or_without(what: &str, read: Result<Option<Bytes>, SourceError>) -> Option<Bytes> {
    read.unwrap_or_else(|error| {
        tracing::info!(error = %crate::error::Chain(&error), "{what} cannot be read: going on without");
        None
    })
}

/// Where the first slice ends if one was being committed when a pass died: the same again.
pub(super) fn redo(plan: &Plan) -> Option<Time> {
    let next = plan.memory.as_ref().map_or(0, |memory| memory.head.number + 1);
    let open = plan.intents.open.as_ref().filter(|open| open.number == next)?;
    open.read
        .map(|read| read.to)
        .filter(|to| plan.whole.from < *to && *to <= plan.whole.to)
}
