//! A span read again and compared with the archive: what is missing there becomes a `backfill` commit.
//!
//! What the live API shows is compared with what was read through it, event by event. Beyond that, a target of the
//! unified API is compared with the long-term store: by id, as that store spells events otherwise. Day by day, oldest
//! first, so that a comparison that was broken off goes on where it was.

use tokio_util::sync::CancellationToken;

use super::{Exporter, PassError, TRIES, plan::Plan, same_stream, writing::Writing};
use crate::{
    clock::Time,
    source::{Limits, SourceError},
    target::{Api, LONG_TERM_LAG, day},
    window::{Window, earlier, later},
};

mod archived;
mod compare;
mod held;
mod ids;

use held::{Held, Stretch};

/// A comparison: what it is of, how far it is, and what it came to. All counts are of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reconciled {
    /// What is to be compared.
    pub asked: Window,
    /// The part of it that the archive covers. None: not looked at yet, or nothing of it.
    pub span: Option<Window>,
    /// Against the target's own API.
    pub live: Compared,
    /// Against the long-term store, for a target of the unified API.
    pub store: Compared,
    /// Why what the long-term store holds was not compared, or only counted.
    pub without_store: Option<String>,
    /// Broken off before its end: it can be gone on with.
    pub interrupted: bool,
    /// Whether the long-term store names events as the live API does, once that is known.
    alike: Option<bool>,
}

/// One side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// What was compared, from its oldest to its newest instant.
    pub span: Option<Window>,
    /// Shown by the server, repeats included.
    pub pulled: u64,
    /// Missing in the archive.
    pub missing: u64,
    /// Of these, other versions of archived events.
    pub conflict: u64,
    /// Of the missing, archived now.
    pub written: u64,
    /// Commits made.
    pub commits: u64,
}

impl Reconciled {
    /// A comparison of a span that has not begun.
    #[must_use]
    pub fn of(asked: Window) -> Self {
        Self {
            asked,
            span: None,
            live: Compared::default(),
            store: Compared::default(),
            without_store: None,
            interrupted: false,
            alike: None,
        }
    }
}

impl Compared {
    /// What of a span is still to be compared.
    fn rest(&self, span: Window) -> Window {
        let done = self.span.map_or(span.from, |done| done.to);
        Window::new(done.max(span.from), span.to)
    }
}

/// What is compared with what: a part of a UTC day that was read in one way.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Of the target's own API.
    live: Window,
    /// Of the long-term store.
    store: Window,
    held: Stretch,
}

impl Exporter {
    /// Reads a span again, as far as the archive covers it, and archives what it lacks. `stop` ends it after the step at
    /// hand. What became of it is in `work`, whatever ended it; it goes on where it was when it is called again.
    ///
    /// # Errors
    /// As a pass; and if the target archives files, or nothing yet.
    pub async fn reconcile(
        &mut self,
        work: &mut Reconciled,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        let mut tries = 0;
        self.progress.begin();
        loop {
            tries += 1;
            work.interrupted = false;
            let result = self.try_reconcile(work, stop).await;
            if self.tenure.lost_just_now() {
                // Adopt the winner's commit at once, and sweep what this process wrote for its number.
                self.catch_up().await?;
            }
            match result {
                Err(PassError::Overtaken { .. }) if tries < TRIES => {
                    tracing::info!("another commit took the next number: looking anew at what is archived");
                }
                other => return other,
            }
        }
    }

    async fn try_reconcile(
        &mut self,
        work: &mut Reconciled,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        if self.target.api.schema().is_none() {
            return Err(PassError::Files);
        }
        let Some(planned) = stop.run_until_cancelled(self.plan_to_compare(work.asked)).await else {
            work.interrupted = true;
            return Ok(());
        };
        let (plan, mut held, span) = planned?;
        work.span = Some(span).filter(|span| !span.is_empty());
        let parts = self.parts(&held, span, plan.now);
        work.without_store = self.why_no_store(&parts);
        self.progress.plan(span.from, span);
        let mut writing = Writing::new(self, plan);
        let result = self.compare(&mut writing, &mut held, &parts, work, stop).await;
        let lost = writing.lost();
        if let Some(epoch) = lost {
            self.tenure.lose(epoch);
        }
        result
    }

    /// The head, owned; what the commits say; and what of the span they cover.
    async fn plan_to_compare(&mut self, asked: Window) -> Result<(Plan, Held, Window), PassError> {
        self.shared
            .proofs
            .prove(&self.shared.archive, &self.shared.run)
            .await
            .map_err(PassError::Archive)?;
        let (memory, mut intents) = self.catch_up().await?;
        let now = self.shared.clock.now();
        let Some(memory) = memory else {
            return Err(PassError::NothingYet);
        };
        same_stream(&memory.head.source, &self.target, self.source.endpoint())?;
        let epoch = self.own(Some(&memory.head), now, false)?;
        if memory.head.instance != *self.shared.instance && memory.head.epoch < epoch {
            intents = self.inherit(&memory, intents).await?;
        }
        let to = asked.to.min(memory.coverage_end);
        let (held, span) = if asked.from < to {
            let held = self.held(&memory, Window::new(asked.from, to)).await?;
            let begins = held.begins();
            (held, Window::new(asked.from.max(begins).min(to), to))
        } else {
            (Held::new(asked), Window::new(to, to))
        };
        if !span.is_empty() {
            self.prepare().await?;
        }
        Ok((Plan::to_compare(memory, intents, epoch, now), held, span))
    }

    /// What to compare with what, oldest first, each within a UTC day.
    fn parts(&self, held: &Held, span: Window, now: Time) -> Vec<Part> {
        let nothing = Window::new(span.from, span.from);
        let settled = Window::new(Time::MIN_UTC, day(earlier(now, LONG_TERM_LAG)));
        let shown = Window::new(earlier(now, self.target.pace.retention), Time::MAX_UTC);
        let part = |held: Stretch, span: Window| {
            let (live, store) = match self.target.api {
                Api::LongTerm => (within(span, settled), nothing),
                Api::Unified => {
                    // What was read through the long-term store is spelled as only that spells it.
                    let live = if held.api == Api::Unified {
                        within(span, shown)
                    } else {
                        nothing
                    };
                    let store = if self.store.is_some() {
                        within(span, settled)
                    } else {
                        nothing
                    };
                    (live, store)
                }
                Api::Classic | Api::UnifiedCsv | Api::ClassicCsv => (span, nothing),
            };
            Part { live, store, held }
        };
        let stretches = held.stretches().map(|held| (held, within(held.window, span)));
        stretches
            .flat_map(|(held, span)| days(span).map(move |span| (held, span)))
            .map(|(held, span)| part(held, span))
            .collect()
    }

    /// Why no part is compared with the long-term store, for a target that could be.
    fn why_no_store(&self, parts: &[Part]) -> Option<String> {
        let target = &self.target;
        let why = if target.api != Api::Unified || parts.is_empty() {
            return None;
        } else if target.filter.is_some() {
            "the long-term store knows no filter"
        } else if self.store.is_none() {
            "`long_term = false`"
        } else if parts.iter().all(|part| part.store.is_empty()) {
            "the long-term store lags by up to two days, and this span is younger"
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            events: self.shared.settings.max_events,
            bytes: self.shared.settings.max_bytes,
            bytes_of_an_instant: self.shared.settings.max_buffered,
        }
    }
}

/// How a failure of one of the two sides is told.
fn failed(store: bool) -> impl Fn(SourceError) -> PassError {
    move |error| {
        if store {
            PassError::Compare(error)
        } else {
            PassError::Source(error)
        }
    }
}

fn within(span: Window, bounds: Window) -> Window {
    let from = span.from.max(bounds.from).min(span.to);
    Window::new(from, span.to.min(bounds.to))
}

/// A span cut at the UTC midnights in it.
fn days(span: Window) -> impl Iterator<Item = Window> {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
    let mut rest = span;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = later(day(rest.from), DAY).min(rest.to);
        let part = Window::new(rest.from, cut);
        rest = Window::new(cut, rest.to);
        Some(part)
    })
}
