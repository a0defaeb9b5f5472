//! A span read again and compared with the archive: what is missing there becomes a `backfill` commit.
//!
//! What the live API shows is compared with what was read through it, event by event. Beyond that, a target of the
//! unified API is compared with the long-term store: by id, as that store spells events otherwise.

use tokio_util::sync::CancellationToken;

use super::{Exporter, PassError, TRIES, plan::Plan, plan::Snapshots, same_stream, writing::Writing};
use crate::{
    checkpoint::{Known, Memory},
    clock::Time,
    error::Chain,
    event::{Event, Mark},
    source::{Limits, Outcome, Slice, Source},
    target::{Api, LONG_TERM_LAG, day},
    window::{Window, earlier, later},
};

mod held;

use held::Held;

/// What a comparison came to. All counts are of events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reconciled {
    /// What was compared: the part of the span that the archive covers.
    pub span: Option<Window>,
    /// Against the target's own API.
    pub live: Compared,
    /// Against the long-term store, for a target of the unified API.
    pub store: Compared,
    /// Why the long-term store was not compared, or only counted.
    pub without_store: Option<String>,
    /// Stopped before its end.
    pub interrupted: bool,
}

/// One side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Shown by the server, repeats included.
    pub pulled: u64,
    /// Missing in the archive.
    pub missing: u64,
    /// Of these, archived now.
    pub written: u64,
    /// Commits made.
    pub commits: u64,
}

/// A part of the span, and what it is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    span: Window,
    /// The API that the archive's events were read through.
    held: Api,
    /// Whether the long-term store of a unified target is asked, and not its own API.
    store: bool,
}

impl Exporter {
    /// Reads a span again, as far as the archive covers it, and archives what it lacks. `stop` ends it after the step at
    /// hand.
    ///
    /// # Errors
    /// As a pass; and if the target archives files, or nothing yet.
    pub async fn reconcile(
        &mut self,
        span: Window,
        stop: &CancellationToken,
    ) -> Result<Reconciled, PassError> {
        let mut tries = 0;
        let mut sum = Reconciled::default();
        loop {
            tries += 1;
            self.progress.begin();
            let result = self.try_reconcile(span, stop, &mut sum).await;
            if self.tenure.lost_just_now() {
                self.catch_up().await?;
            }
            match result {
                Err(PassError::Overtaken { .. }) if tries < TRIES => {
                    tracing::info!("another commit took the next number: comparing anew");
                }
                Ok(()) => return Ok(sum),
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_reconcile(
        &mut self,
        span: Window,
        stop: &CancellationToken,
        sum: &mut Reconciled,
    ) -> Result<(), PassError> {
        if self.target.api.schema().is_none() {
            return Err(PassError::Files);
        }
        let (plan, memory) = self.plan_to_compare().await?;
        let held = self.held(&memory, span.from).await?;
        let span = Window::new(span.from.max(held.begins()), span.to.min(memory.coverage_end));
        sum.span = Some(span);
        let mut parts = self.parts(&held, span, plan.now);
        sum.without_store = self.judge_store(&held, &mut parts).await?;
        self.progress.plan(span.from, span);
        let mut writing = Writing::new(self, plan, Snapshots::default());
        let mut result = Ok(());
        for part in parts {
            let compared = if part.store { &mut sum.store } else { &mut sum.live };
            let count_only = part.store && sum.without_store.is_some();
            result = self
                .compare(&mut writing, &held, part, count_only, compared, stop)
                .await;
            if result.is_err() || stop.is_cancelled() {
                break;
            }
        }
        sum.interrupted = stop.is_cancelled();
        if let Some(epoch) = writing.lost() {
            self.tenure.lose(epoch);
        }
        result
    }

    /// The head, owned; nothing to be read yet.
    async fn plan_to_compare(&mut self) -> Result<(Plan, Memory), PassError> {
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
        self.source.prepare().await.map_err(PassError::Source)?;
        let plan = Plan::to_compare(memory.clone(), intents, epoch, now);
        Ok((plan, memory))
    }

    /// What to compare with what, oldest first; the target's own API before the store.
    fn parts(&self, held: &Held, span: Window, now: Time) -> Vec<Part> {
        let settled = Window::new(span.from, span.to.min(day(earlier(now, LONG_TERM_LAG))));
        let shown = Window::new(earlier(now, self.target.pace.retention).max(span.from), span.to);
        let within = |store, bounds: Window| {
            let parts = held.stretches().filter_map(move |(window, api)| {
                let span = Window::new(window.from.max(bounds.from), window.to.min(bounds.to));
                (!span.is_empty()).then_some(Part {
                    span,
                    held: api,
                    store,
                })
            });
            parts.collect::<Vec<_>>()
        };
        match self.target.api {
            Api::LongTerm => within(false, settled),
            Api::Unified => {
                let mut parts = within(false, shown);
                parts.retain(|part| part.held == Api::Unified);
                if self.store.is_some() {
                    parts.extend(within(true, settled));
                }
                parts
            }
            _ => within(false, span),
        }
    }

    /// Whether the long-term store is there and names events as the live API does: looked at on one day. Parts that
    /// cannot be compared at all are taken out.
    async fn judge_store(&self, held: &Held, parts: &mut Vec<Part>) -> Result<Option<String>, PassError> {
        let Some(store) = &self.store else { return Ok(None) };
        let newest = parts.iter().rev().filter(|part| part.store);
        for part in newest {
            for span in days(part.span).into_iter().rev() {
                let archived = self.marks_of_day(held, span, Api::Unified).await?;
                if part.held != Api::Unified || archived.is_empty() {
                    continue;
                }
                let mut known = Known::default();
                archived.iter().for_each(|mark| known.add(mark));
                let (nothing, told) = (Known::default(), |_| {});
                let read = store.read(span, &nothing, self.limits(), None, &told);
                let slice = match read.await {
                    Ok(Outcome::Complete(slice)) => slice,
                    Ok(Outcome::TooBig { .. }) => continue,
                    Err(error) if error.is_not_there() => {
                        parts.retain(|part| !part.store);
                        let why = Chain(&error).to_string();
                        return Ok(Some(format!("the long-term store is not there: {why}")));
                    }
                    Err(error) => return Err(PassError::Store(error)),
                };
                if slice.events.is_empty() {
                    continue;
                }
                let matched = slice
                    .events
                    .iter()
                    .filter(|event| known.versions(&event.identity) > 0)
                    .count();
                let alike = matched * 2 >= slice.events.len();
                let why = "its ids are not those of the live API: its records were counted, not compared";
                return Ok((!alike).then(|| why.to_owned()));
            }
        }
        Ok(None)
    }

    async fn compare(
        &self,
        writing: &mut Writing<'_>,
        held: &Held,
        part: Part,
        count_only: bool,
        compared: &mut Compared,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        let source = match &self.store {
            Some(store) if part.store => store,
            _ => &self.source,
        };
        for span in days(part.span) {
            let archived = Archived {
                known: self.known_of_day(held, span, source.api()).await?,
                ids: self.ids_of_day(held, span, part).await?,
            };
            let mut unread = span;
            while !unread.is_empty() {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let _room = self.room_for_a_slice().await;
                let mut slice = self.slice(source, unread, &archived.known, part.store).await?;
                unread = Window::new(slice.span.to, unread.to);
                slice.events.retain(|event| archived.lacks(event));
                compared.pulled += slice.pulled;
                compared.missing += slice.events.len() as u64;
                if !count_only {
                    let written = writing.backfill(slice, part.store).await?;
                    compared.written += written;
                    compared.commits += u64::from(written > 0);
                }
                self.progress.read(unread.from, 0);
            }
        }
        Ok(())
    }

    /// A span, or an older part of it.
    async fn slice(
        &self,
        source: &Source,
        span: Window,
        known: &Known,
        store: bool,
    ) -> Result<Slice, PassError> {
        let mut span = span;
        loop {
            let told = |events| self.progress.received(events);
            let read = source.read(span, known, self.limits(), None, &told).await;
            match read {
                Ok(Outcome::Complete(slice)) => return Ok(slice),
                Ok(Outcome::TooBig { width, .. }) => span = span.split(width).0,
                Err(error) if store => return Err(PassError::Store(error)),
                Err(error) => return Err(PassError::Source(error)),
            }
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            events: self.shared.settings.max_events,
            bytes: self.shared.settings.max_bytes,
            bytes_of_an_instant: self.shared.settings.max_buffered,
        }
    }

    /// What is archived of a day in that API's spelling, and all that has no time.
    async fn known_of_day(&self, held: &Held, span: Window, api: Api) -> Result<Known, PassError> {
        let nothing = Window::new(span.from, span.from);
        let (mut known, _) = self
            .notes
            .known(nothing, 0)
            .await
            .map_err(PassError::Checkpoint)?;
        let marks = self.marks_of_day(held, span, api).await?;
        marks
            .iter()
            .filter(|mark| mark.time.is_some())
            .for_each(|mark| known.add(mark));
        Ok(known)
    }

    /// Ids that are archived in another spelling.
    async fn ids_of_day(&self, held: &Held, span: Window, part: Part) -> Result<Known, PassError> {
        let mut ids = Known::default();
        if part.store {
            // A little around it: the two may round times otherwise.
            let around = Window::new(earlier(span.from, AROUND), later(span.to, AROUND));
            for span in days(around) {
                let marks = self.marks_of_day(held, span, Api::Unified).await?;
                marks.iter().for_each(|mark| ids.add(mark));
            }
        }
        Ok(ids)
    }

    /// Marks of the archived events of the day that a span lies in.
    async fn marks_of_day(&self, held: &Held, span: Window, api: Api) -> Result<Vec<Mark>, PassError> {
        let mut marks = Vec::new();
        for (object, of) in held.objects_of(span.from.date_naive()) {
            if api == *of {
                marks.extend(self.marks_in(object, *of).await?);
            }
        }
        Ok(marks)
    }
}

/// So far the times of one event may differ between the live API and the long-term store.
const AROUND: std::time::Duration = std::time::Duration::from_secs(1);

/// What the archive holds of a day.
struct Archived {
    known: Known,
    /// In another spelling.
    ids: Known,
}

impl Archived {
    fn lacks(&self, event: &Event) -> bool {
        self.ids.versions(&event.identity) == 0
    }
}

/// A span cut at the UTC midnights in it.
fn days(span: Window) -> Vec<Window> {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
    let mut days = Vec::new();
    let mut from = span.from;
    while from < span.to {
        let to = later(day(from), DAY).min(span.to);
        days.push(Window::new(from, to));
        from = to;
    }
    days
}
