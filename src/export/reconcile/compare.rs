//! The comparison itself: slice by slice, each against what is archived of it.

use tokio_util::sync::CancellationToken;

use super::{Compared, Part, Reconciled, failed, held::Held};
use crate::{
    checkpoint::Known,
    error::Chain,
    export::{Exporter, PassError, writing::Writing},
    source::{Effort, Outcome, Slice, Source},
    target::Api,
    window::{Width, Window, narrower},
};

/// One side of a part.
struct Side {
    span: Window,
    store: bool,
    /// Records that the archive lacks are counted, and archived only where nothing is archived in another spelling.
    counted: bool,
    gap: bool,
}

impl Exporter {
    /// Compares part after part. A long-term store that fails keeps nothing from being compared with the live API.
    pub(super) async fn compare(
        &self,
        writing: &mut Writing<'_>,
        held: &mut Held,
        parts: &[Part],
        work: &mut Reconciled,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        let mut failure = None;
        let mut with_store = false;
        if parts.iter().any(|part| !part.store.is_empty()) {
            match self.judge_ids(held, parts, work, stop).await {
                Ok(there) => with_store = there,
                Err(error @ PassError::Compare(_)) => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        for part in parts {
            if work.interrupted {
                break;
            }
            let live = Side {
                span: work.live.rest(part.live),
                store: false,
                counted: false,
                gap: part.held.gap,
            };
            work.interrupted = !self.side(writing, held, live, &mut work.live, stop).await?;
            if with_store && !work.interrupted {
                let store = Side {
                    span: work.store.rest(part.store),
                    store: true,
                    counted: part.held.api == Api::Unified && work.alike == Some(false),
                    gap: part.held.gap,
                };
                match self.side(writing, held, store, &mut work.store, stop).await {
                    Ok(done) => work.interrupted = !done,
                    Err(PassError::Compare(error)) => {
                        with_store = false;
                        if error.is_not_there() {
                            let why = format!("the long-term store is not there: {}", Chain(&error));
                            work.without_store = Some(why);
                        } else {
                            failure = Some(PassError::Compare(error));
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Compares one side of a part. False: it was time to stop.
    async fn side(
        &self,
        writing: &mut Writing<'_>,
        held: &mut Held,
        side: Side,
        compared: &mut Compared,
        stop: &CancellationToken,
    ) -> Result<bool, PassError> {
        let source = match &self.store {
            Some(store) if side.store => store,
            _ => &self.source,
        };
        let mut unread = side.span;
        let mut width = Width::of(unread);
        while !unread.is_empty() {
            let (asked, _) = unread.split(width.next());
            let reading = async {
                // Taken before anything is read, and never while holding another.
                let room = self.room_for_a_slice().await;
                let archived = self.archived(held, asked, source.api(), side.store).await?;
                let slice = self
                    .slice(source, archived.span, &archived.known, side.store)
                    .await?;
                Ok((room, archived, slice))
            };
            let Some(read) = stop.run_until_cancelled(reading).await else {
                return Ok(false);
            };
            let (_room, archived, mut slice) = read?;
            width.read(slice.span.width(), slice.fullness);
            slice.events.retain(|event| archived.lacks(event));
            let (span, pulled) = (slice.span, slice.pulled);
            let missing = slice.events.len() as u64;
            let conflict = slice.conflict.min(missing);
            let counted = side.counted && !(side.gap && archived.no_ids);
            drop(archived);
            let commit = match counted {
                true => None,
                false => writing.backfill(slice, side.store).await?,
            };
            // Only now: what is tried again after losing a number counts once.
            compared.pulled += pulled;
            compared.missing += missing;
            compared.conflict += conflict;
            if let Some(commit) = commit {
                compared.written += commit.counts.written;
                compared.commits += 1;
                // The long-term store may show the same events.
                held.add(commit);
            }
            let from = compared.span.map_or(span.from, |before| before.from);
            compared.span = Some(Window::new(from, span.to));
            unread = Window::new(span.to, unread.to);
            self.progress.compared(span.to, pulled);
        }
        Ok(true)
    }

    /// A span, or an older part of it.
    pub(super) async fn slice(
        &self,
        source: &Source,
        span: Window,
        known: &Known,
        store: bool,
    ) -> Result<Slice, PassError> {
        let mut span = span;
        let mut wasted = Effort::default();
        loop {
            let told = |events| self.progress.received(events);
            let read = source.read(span, known, self.limits(), None, None, &told).await;
            match read.map_err(failed(store))? {
                // Only its newer part: what comes before has to be compared first.
                Outcome::Complete(slice) if slice.span.from > span.from => {
                    wasted += slice.effort;
                    span = span
                        .split(narrower(span.width(), slice.span.width(), slice.fullness))
                        .0;
                }
                Outcome::Complete(mut slice) => {
                    slice.effort += wasted;
                    return Ok(slice);
                }
                Outcome::TooBig { width, effort } => {
                    wasted += effort;
                    span = span.split(width).0;
                }
            }
        }
    }
}
