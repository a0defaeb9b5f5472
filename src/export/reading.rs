//! Reads a window part by part, many at once, and hands its slices on in order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Semaphore, mpsc};

use super::{PassError, progress::Progress};
use crate::{
    checkpoint::TargetCheckpoint,
    clock::Time,
    source::{Blocks, Effort, Growth, Limits, Opening, Outcome, Slice, Source},
    window::Window,
};

mod filling;
mod portion;
mod room;
#[cfg(test)]
mod tests;
mod under_way;
mod unread;

use filling::{Filling, Full};
use portion::Out;
pub(super) use portion::{Hold, Portion};
use room::{Room, Share};
use under_way::UnderWay;
use unread::Unread;

/// Known events held in memory for one part, at most: a denser lookback is read in narrower parts.
const KNOWN: usize = 65_536;
/// Of an API whose every question is dear, so many slices are read at once, at most.
const SLICES: usize = 3;
/// A part that is read by one walk aims at so many bytes at least, if a slice may hold them: each walk costs a page that
/// comes half full.
const SMALL: usize = 256 << 10;
/// The same in events, ten pages of them, whatever a slice may hold: what is too much for it is cut.
const PAGES: usize = 2_000;
/// A part aims at no more bytes than this where the server answers sooner than its pages can be looked into: a further
/// walk costs little there, and what is newer waits in memory for what is older.
const NEAR: usize = 512 << 10;
/// No part is begun while more slices than this wait to be packed, or are: what is read faster than it is written only
/// takes memory.
const AHEAD: usize = 1;
/// A part begins with this share of the memory it aims at, and asks for as much again as it grows.
const STEPS: usize = 2;
/// So many times what a part aims at is left to the one that all others wait for.
const FRONT: usize = 2;
/// A part whose first page promises that it comes out this full is read in narrower ones,
const DENSE: f64 = 2.0;
/// but this where nothing is known yet: a first page may deceive.
const HOPELESS: f64 = 10.0;

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

/// What became of reading one part.
struct Done {
    asked: Window,
    /// So many times what a part of a near server may hold.
    times: u32,
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
        let mut desk = Desk {
            reading: self,
            at_once: self.parts_at_once(),
            limits: self.limits_of_a_part(),
            unread: Unread::of(whole, first, self.source.goes_by_seconds()),
            opening: opening.filter(|_| first.is_none()),
            reads: UnderWay::default(),
            held: BTreeMap::new(),
            handed: whole.from,
            room: Arc::new(Room::new(self.budget, self.left_to_others())),
            out: Out::default(),
            is_first: true,
            filling: Filling::new(self.limits, first),
            wasted: Effort::default(),
            failure: None,
            sender,
        };
        desk.run().await
    }

    /// One more than there may be requests: while a page is looked into, the next is on its way.
    fn parts_at_once(&self) -> usize {
        if self.source.reads_pages() {
            self.at_once.saturating_add(1)
        } else {
            self.at_once.clamp(1, SLICES)
        }
    }

    /// Parts that are read side by side aim at a quarter of the memory: some grow to twice their aim, and what is newer
    /// waits for what is older. The rest is for slices that are filled or written.
    fn limits_of_a_part(&self) -> Limits {
        if !self.source.reads_pages() {
            return self.limits;
        }
        let share = self.buffered / 4 / self.parts_at_once();
        Limits {
            events: self.limits.events.max(PAGES),
            bytes: share.max(SMALL).min(self.limits.bytes),
            ..self.limits
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
        asked: Window,
        share: Share,
        (limits, times): (Limits, u32),
        opening: Option<Opening>,
        room: Arc<Room>,
        is_known: bool,
    ) -> Done {
        let share = Mutex::new(share);
        let held = || share.lock().unwrap_or_else(PoisonError::into_inner);
        let more = || {
            let left = if room.is_front(asked.from) {
                0
            } else {
                limits.bytes.saturating_mul(FRONT)
            };
            let more = room.take(limits.bytes / STEPS, left);
            more.map(|more| held().merge(more)).is_some()
        };
        let growth = self.source.reads_pages().then_some(Growth {
            step: limits.bytes / STEPS,
            more: &more,
            blocks: self.blocks,
            hopeless: if is_known { DENSE } else { HOPELESS },
        });
        let outcome = self.outcome(asked, limits, opening, growth).await;
        Done {
            asked,
            times,
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

/// All that is under way.
struct Desk<'a> {
    reading: &'a Reading<'a>,
    /// Parts read side by side.
    at_once: usize,
    limits: Limits,
    /// What is not being read yet.
    unread: Unread,
    opening: Option<Opening>,
    reads: UnderWay<'a, Done>,
    /// What was read before something older, by where it begins.
    held: BTreeMap<Time, (Slice, Share)>,
    /// Up to here all was handed on.
    handed: Time,
    room: Arc<Room>,
    /// Slices handed on.
    out: Out,
    /// Nothing was read yet.
    is_first: bool,
    filling: Filling,
    /// What it took to learn that a part was too big.
    wasted: Effort,
    /// What went wrong, and where: all that is older is still read and handed on.
    failure: Option<(Time, PassError)>,
    sender: mpsc::UnboundedSender<Portion>,
}

impl Desk<'_> {
    async fn run(&mut self) -> Result<(), PassError> {
        loop {
            self.room.move_front(self.handed);
            if let Some((_, error)) = self.failure.take_if(|(at, _)| *at <= self.handed) {
                self.send_the_rest();
                return Err(error);
            }
            self.begin_reads();
            let done = tokio::select! {
                biased;
                done = self.reads.next() => done,
                // Fewer slices are out there: more may be begun.
                () = self.out.fewer() => continue,
            };
            match done {
                Some(done) => self.take(done),
                None if self.unread.is_empty() => {
                    self.send_the_rest();
                    return Ok(());
                }
                None => self.make_room().await,
            }
        }
    }

    /// The oldest part first. Newer ones only where room is left for what may prove to come before them.
    fn begin_reads(&mut self) {
        while self.out.unpacked() <= AHEAD
            && self.reads.len() < self.at_once
            && let Some(oldest) = self.unread.begins()
            && self.failure.as_ref().is_none_or(|(at, _)| oldest < *at)
        {
            let (limits, times) = self.limits_now();
            let (aim, first) = (limits.bytes, self.first_share(limits));
            let left = if oldest <= self.handed {
                0
            } else if self.reading.source.reads_pages() {
                // What is under way grows.
                aim.saturating_mul(FRONT)
                    .saturating_add(first.saturating_mul(self.reads.len()))
            } else {
                aim
            };
            let Some(share) = self.room.take(first, left) else {
                return;
            };
            let Some((asked, is_known)) = self.unread.next(self.at_once, times) else {
                return;
            };
            let (opening, room) = (self.opening.take(), Arc::clone(&self.room));
            let part = self
                .reading
                .part(asked, share, (limits, times), opening, room, is_known);
            self.reads.push(asked.from, Box::pin(part));
        }
    }

    /// What the next part may hold, and how many times that of a near server this is: widths are kept for that one.
    fn limits_now(&self) -> (Limits, u32) {
        let most = self.limits;
        if !self.reading.source.reads_pages() {
            return (most, 1);
        }
        let bytes = most.bytes.min(NEAR);
        if self.reads.is_waited_for() {
            (most, u32::try_from(most.bytes / bytes.max(1)).unwrap_or(1))
        } else {
            (Limits { bytes, ..most }, 1)
        }
    }

    /// Memory that a part begins with, in bytes.
    fn first_share(&self, limits: Limits) -> usize {
        if self.reading.source.reads_pages() {
            limits.bytes / STEPS
        } else {
            limits.bytes
        }
    }

    fn take(&mut self, done: Done) {
        let Done {
            asked,
            times,
            mut share,
            outcome,
        } = done;
        self.is_first = false;
        match outcome {
            Ok(Outcome::Complete(mut slice)) => {
                tracing::trace!(
                    asked_s = asked.width().as_secs(),
                    read_s = slice.span.width().as_secs(),
                    fullness = slice.fullness,
                    pages = slice.effort.pages,
                    side_by_side = self.reads.len(),
                    near = !self.reads.is_waited_for(),
                    "read a part"
                );
                slice.fullness *= f64::from(times);
                slice.effort += std::mem::take(&mut self.wasted);
                self.unread.was_read(asked, &slice);
                self.room.shrink(&mut share, &slice);
                self.held.insert(slice.span.from, (slice, share));
                self.hand_on();
            }
            Ok(Outcome::TooBig { width, effort }) => {
                tracing::trace!(
                    asked_s = asked.width().as_secs(),
                    narrower_s = width.as_secs(),
                    pages = effort.pages,
                    "a part was too big"
                );
                self.wasted += effort;
                self.room.give_back(share);
                self.unread.is_too_big(asked, width / times);
            }
            Err(error) => {
                self.room.give_back(share);
                if self.failure.as_ref().is_none_or(|(at, _)| asked.from < *at) {
                    self.unread.forget_from(asked.from);
                    self.failure = Some((asked.from, error));
                }
            }
        }
    }

    /// Hands on what touches what was handed on before.
    fn hand_on(&mut self) {
        while let Some((slice, share)) = self.held.remove(&self.handed) {
            self.handed = slice.span.to;
            self.reading.progress.read(slice.span.to, slice.pulled);
            for full in self.filling.push(slice, share) {
                self.send(full);
            }
        }
    }

    /// Sends what there is of a slice, full or not. False: there was nothing.
    fn send_the_rest(&mut self) -> bool {
        let rest = self.filling.flush();
        let is_any = rest.is_some();
        rest.into_iter().for_each(|rest| self.send(rest));
        is_any
    }

    fn send(&self, (slice, share): Full) {
        // Whoever no longer listens has failed, and says so.
        let _gone = self.sender.send(self.out.portion(slice, share));
    }

    /// Nothing is being read, as there is no room: waits for what is being written; without that, gives up what is not in
    /// order yet, so that nobody waits for others while holding what they wait for.
    async fn make_room(&mut self) {
        if self.out.unwritten() > 0 {
            self.out.fewer().await;
        } else if !self.send_the_rest() {
            for (slice, _share) in std::mem::take(&mut self.held).into_values() {
                self.unread.put_back(&slice);
            }
            // The first page waits nowhere: it is asked for again.
            self.opening = None;
            let limits = if self.is_first {
                self.limits
            } else {
                self.reading.limits
            };
            self.room.wait(limits.bytes).await;
        }
    }
}
