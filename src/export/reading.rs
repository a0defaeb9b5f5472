//! Reads a window part by part, many at once, and hands its slices on in order.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc};

use super::{PassError, progress::Progress};
use crate::{
    checkpoint::TargetCheckpoint,
    clock::Time,
    source::{Blocks, Course, Growth, Limits, Opening, Outcome, Packing, Source},
    window::Window,
};

mod desk;
mod filling;
mod portion;
mod room;
#[cfg(test)]
mod tests;
mod under_way;
mod unread;

use desk::Desk;
pub(super) use portion::{Hold, Portion};
use room::{Room, Share};

/// Known events held in memory for one part, at most: a denser lookback is read in narrower parts.
const KNOWN: usize = 65_536;
/// Of an API whose every question is dear, so many slices are read at once, at most.
const SLICES: usize = 3;
/// A part that is read by one walk aims at so many bytes at least, if a slice may hold them: each walk costs a page that
/// comes half full.
const SMALL: usize = 256 << 10;
/// The same in events, ten pages of them, whatever a slice may hold: what is too much for it is cut.
const PAGES: usize = 2_000;
/// A part aims at no more bytes than this where the server is near: a further walk costs little there, and what is newer waits
/// in memory for what is older.
const NEAR: usize = 512 << 10;
/// So many times what a part aims at is left to the one that all others wait for.
const FRONT: usize = 2;

pub(super) struct Reading<'a> {
    pub source: &'a Source,
    pub notes: &'a TargetCheckpoint,
    pub budget: &'a Arc<Semaphore>,
    /// The size of `budget`, in bytes.
    pub buffered: usize,
    pub limits: Limits,
    /// Events before this may be known.
    pub covered: Time,
    /// How many requests the connection takes at once.
    pub at_once: usize,
    pub progress: &'a Progress,
    /// Memory to be used again.
    pub blocks: &'a Arc<Blocks>,
}

/// How parts are read.
#[derive(Clone, Copy)]
struct Manner {
    /// What one aims at.
    limits: Limits,
    /// Memory that one begins with, and that it asks for when it needs more; in bytes.
    step: usize,
    /// How full one may come out.
    most: f64,
    packing: Packing,
    /// Where requests cost more than memory: the last parts are as wide as others.
    is_wide: bool,
    /// Whoever has nothing to do takes a half of what another still has to read.
    is_shared: bool,
}

impl Manner {
    /// Parts that are read side by side aim at a quarter of the memory: some grow to twice their aim, and what is newer
    /// waits for what is older. The rest is for slices that are filled or written.
    fn near(limits: Limits, buffered: usize, parts: usize) -> Self {
        let limits = part_of(limits, (buffered / 4 / parts).min(NEAR));
        Self {
            limits,
            step: limits.bytes / 2,
            most: 2.0,
            packing: Packing::Last,
            is_wide: false,
            is_shared: false,
        }
    }

    /// Where each page is long in coming, few of them should come half empty, and what was read waits packed for what is
    /// older.
    fn far(limits: Limits, buffered: usize, parts: usize) -> Self {
        let limits = part_of(limits, buffered / 2 / parts);
        Self {
            limits,
            step: limits.bytes / 8,
            most: 4.0,
            packing: Packing::First,
            is_wide: true,
            is_shared: true,
        }
    }

    /// Where requests have to wait for leave to be sent, each that brings less than a page makes the whole slower: sharing
    /// costs some.
    fn sparing(limits: Limits, buffered: usize, parts: usize) -> Self {
        Self {
            is_shared: false,
            ..Self::far(limits, buffered, parts)
        }
    }

    /// Slices as the server makes them.
    fn whole(limits: Limits) -> Self {
        Self {
            limits,
            step: limits.bytes,
            most: 1.0,
            packing: Packing::Never,
            is_wide: false,
            is_shared: false,
        }
    }
}

fn part_of(limits: Limits, share: usize) -> Limits {
    Limits {
        events: limits.events.max(PAGES),
        bytes: share.max(SMALL).min(limits.bytes),
        ..limits
    }
}

/// What became of reading one part.
struct Done {
    asked: Window,
    share: Share,
    outcome: Result<Outcome, PassError>,
}

impl<'a> Reading<'a> {
    /// Reads all of `whole`, in slices that touch, and sends them oldest first. The first ends at `first`, if given. Slices
    /// wait for the receiver within the memory budget.
    pub(super) async fn run(
        &'a self,
        whole: Window,
        first: Option<Time>,
        opening: Option<Opening>,
        sender: mpsc::UnboundedSender<Portion>,
    ) -> Result<(), PassError> {
        Desk::new(self, whole, first, opening, sender).run().await
    }

    /// One more than there may be requests: while a page is looked into, the next is on its way.
    fn parts_at_once(&self) -> usize {
        if self.source.reads_pages() {
            self.at_once.saturating_add(1)
        } else {
            self.at_once.clamp(1, SLICES)
        }
    }

    /// Whether requests have to wait for leave to be sent.
    fn is_held_back(&self) -> bool {
        self.source.is_held_back(self.at_once)
    }

    fn manner(&self) -> Manner {
        let parts = self.parts_at_once();
        if !self.source.reads_pages() {
            Manner::whole(self.limits)
        } else if self.is_held_back() {
            Manner::sparing(self.limits, self.buffered, parts)
        } else if self.source.is_far() {
            Manner::far(self.limits, self.buffered, parts)
        } else {
            Manner::near(self.limits, self.buffered, parts)
        }
    }

    /// Room for a slice of another target, where there is that much: a long history keeps no other target waiting.
    fn left_to_others(&self) -> usize {
        let rest = self.buffered.saturating_sub(self.limits.bytes);
        self.limits.bytes.min(rest.saturating_sub(self.limits.bytes))
    }

    /// Reads a span, or a part of it.
    async fn part(
        &'a self,
        course: Arc<Course>,
        share: Share,
        manner: Manner,
        opening: Option<Opening>,
        room: Arc<Room>,
        is_known: bool,
    ) -> Done {
        let share = Mutex::new(share);
        let held = || share.lock().unwrap_or_else(PoisonError::into_inner);
        let more = || {
            let left = if room.is_front(course.span().from) {
                0
            } else {
                manner.limits.bytes.saturating_mul(FRONT)
            };
            let more = room.take(manner.step, left);
            more.map(|more| held().merge(more)).is_some()
        };
        let growth = self.source.reads_pages().then_some(Growth {
            step: manner.step,
            more: &more,
            blocks: self.blocks,
            most: manner.most,
            hopeless: if is_known { manner.most } else { Growth::HOPELESS },
            packing: manner.packing,
            course: &course,
        });
        let outcome = self.outcome(course.span(), manner.limits, opening, growth).await;
        Done {
            asked: course.span(),
            share: share.into_inner().unwrap_or_else(PoisonError::into_inner),
            outcome,
        }
    }

    async fn outcome(
        &self,
        asked: Window,
        limits: Limits,
        opening: Option<Opening>,
        growth: Option<Growth<'_>>,
    ) -> Result<Outcome, PassError> {
        let lookback = Window::new(asked.from, asked.to.min(self.covered));
        let known = self.notes.known(lookback, KNOWN).await;
        let (known, part) = known.map_err(PassError::Checkpoint)?;
        let (span, opening) = if part.to < lookback.to {
            (part, None)
        } else {
            (asked, opening)
        };
        let told = |events| self.progress.received(events);
        let read = self
            .source
            .read(span, &known, limits, opening, growth, &told)
            .await;
        read.map_err(PassError::Source)
    }
}
