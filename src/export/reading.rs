//! Reads a window slice by slice, several at once, and hands them on in order.

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{PassError, progress::Progress};
use std::sync::Arc;

use crate::{
    checkpoint::TargetCheckpoint,
    clock::Time,
    source::{Effort, Limits, Opening, Outcome, Slice, Source},
    window::{Width, Window},
};

/// Known events held in memory for one slice, at most: a denser lookback is read in narrower slices.
const KNOWN: usize = 65_536;

pub(super) struct Reading<'a> {
    pub source: &'a Source,
    pub notes: &'a TargetCheckpoint,
    pub budget: &'a Arc<Semaphore>,
    pub limits: Limits,
    /// Events before this may be known.
    pub covered: Time,
    /// How many slices of this target may be in memory at once, read or being committed.
    pub slots: &'a Arc<Semaphore>,
    pub progress: &'a Progress,
}

/// A slice in memory, with the room it takes there.
pub(super) struct Portion {
    pub slice: Slice,
    /// What of the asked span it does not cover: it would not have fitted.
    rest: Window,
    _room: Room,
}

/// The right to hold one slice in memory.
struct Room {
    _slot: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

impl<'a> Reading<'a> {
    /// Reads all of `whole`, in slices that touch, and sends them oldest first. The first ends at `first`, if given.
    pub(super) async fn run(
        &'a self,
        whole: Window,
        first: Option<Time>,
        mut opening: Option<Opening>,
        sender: mpsc::Sender<Portion>,
    ) -> Result<(), PassError> {
        let mut width = Width::of(whole);
        if let Some(to) = first {
            width.shrink((to - whole.from).to_std().unwrap_or_default());
            opening = None;
        }
        let mut unread = whole;
        let mut reads: FuturesOrdered<BoxFuture<'a, Result<Portion, PassError>>> = FuturesOrdered::new();
        loop {
            while !unread.is_empty() {
                // The oldest slice waits for room; newer ones are read only where there is room to spare.
                let room = match self.room() {
                    Some(room) => room,
                    None if reads.is_empty() => {
                        // The first page waits nowhere: it is asked for again.
                        opening = None;
                        self.wait_for_room().await
                    }
                    None => break,
                };
                let (span, newer) = unread.split(width.next());
                unread = newer;
                reads.push_back(Box::pin(self.portion(span, room, opening.take())));
            }
            let Some(portion) = reads.next().await else {
                return Ok(());
            };
            let portion = portion?;
            width.read(portion.slice.span.width(), portion.slice.fullness);
            let rest = portion.rest;
            if !rest.is_empty() {
                match self.room() {
                    _ if reads.is_empty() => unread = Window::new(rest.from, unread.to),
                    Some(room) => reads.push_front(Box::pin(self.portion(rest, room, None))),
                    None => {
                        // No room for what comes next: give up what comes after it.
                        reads = FuturesOrdered::new();
                        unread = Window::new(rest.from, whole.to);
                    }
                }
            }
            self.progress.read(portion.slice.span.to, portion.slice.pulled);
            if sender.send(portion).await.is_err() {
                return Ok(());
            }
        }
    }

    fn kibibytes(&self) -> u32 {
        u32::try_from(self.limits.bytes.div_ceil(1024)).unwrap_or(u32::MAX)
    }

    fn room(&self) -> Option<Room> {
        let slot = Arc::clone(self.slots).try_acquire_owned().ok()?;
        let memory = Arc::clone(self.budget)
            .try_acquire_many_owned(self.kibibytes())
            .ok()?;
        Some(Room {
            _slot: slot,
            _memory: memory,
        })
    }

    async fn wait_for_room(&self) -> Room {
        loop {
            // These fail only when a semaphore is closed, which nobody does.
            let Ok(slot) = Arc::clone(self.slots).acquire_owned().await else {
                continue;
            };
            if let Ok(memory) = Arc::clone(self.budget).acquire_many_owned(self.kibibytes()).await {
                return Room {
                    _slot: slot,
                    _memory: memory,
                };
            }
        }
    }

    /// The oldest part of a span that fits a slice.
    async fn portion(
        &'a self,
        asked: Window,
        room: Room,
        mut opening: Option<Opening>,
    ) -> Result<Portion, PassError> {
        let mut span = asked;
        let mut wasted = Effort::default();
        loop {
            let lookback = Window::new(span.from, span.to.min(self.covered));
            let (known, part) = self
                .notes
                .known(lookback, KNOWN)
                .await
                .map_err(PassError::Checkpoint)?;
            if part.to < lookback.to {
                span = part;
                opening = None;
            }
            let told = |events| self.progress.received(events);
            let read = self
                .source
                .read(span, &known, self.limits, opening.take(), &told)
                .await;
            match read.map_err(PassError::Source)? {
                Outcome::Complete(mut slice) => {
                    slice.effort += wasted;
                    // It may be an older part of what was asked for.
                    let rest = Window::new(slice.span.to, asked.to);
                    return Ok(Portion {
                        slice,
                        rest,
                        _room: room,
                    });
                }
                Outcome::TooBig { width, effort } => {
                    wasted += effort;
                    span = span.split(width).0;
                }
            }
        }
    }
}
