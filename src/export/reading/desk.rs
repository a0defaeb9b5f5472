//! Which parts of a window are read when, side by side, and what becomes of them.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    Done, FRONT, Manner, Portion, Reading,
    filling::{Filling, Full},
    portion::Out,
    room::{Room, Share},
    under_way::UnderWay,
    unread::Unread,
};
use crate::{
    clock::Time,
    export::PassError,
    source::{Blocks, Course, Effort, Opening, Outcome, Packing, Slice, SourceError},
    window::Window,
};

/// No part is begun or unpacked while more slices than this wait to be encoded, or are: what is read faster than
/// it is written only takes memory.
const AHEAD: usize = 1;
/// A part that has so many pages to go, about, is shared with who has nothing to do: that costs two or three pages.
const SHARED: f64 = 5.0;

type Unpacking = JoinHandle<Result<(Slice, Share), SourceError>>;

/// All that is under way.
pub(super) struct Desk<'a> {
    reading: &'a Reading<'a>,
    /// Parts read side by side.
    at_once: usize,
    manner: Manner,
    /// There was no room to unpack: the next that is handed on is not packed, lest it find none again.
    is_tight: bool,
    /// What is not being read yet.
    unread: Unread,
    opening: Option<Opening>,
    reads: UnderWay<'a, Done>,
    /// What is being read.
    courses: Vec<Arc<Course>>,
    /// What was read before something older, by where it begins.
    held: BTreeMap<Time, (Slice, Share)>,
    /// What is handed on next, once it is unpacked.
    unpacking: Option<Unpacking>,
    /// Up to here all was handed on.
    handed: Time,
    /// And up to here is about to be: who begins here or before is what all others wait for.
    front: Time,
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

impl<'a> Desk<'a> {
    pub(super) fn new(
        reading: &'a Reading<'a>,
        whole: Window,
        first: Option<Time>,
        opening: Option<Opening>,
        sender: mpsc::UnboundedSender<Portion>,
    ) -> Self {
        Self {
            reading,
            at_once: reading.parts_at_once(),
            manner: reading.manner(),
            is_tight: false,
            unread: Unread::of(whole, first, reading.source.goes_by_seconds()),
            opening: opening.filter(|_| first.is_none()),
            reads: UnderWay::default(),
            courses: Vec::new(),
            held: BTreeMap::new(),
            unpacking: None,
            handed: whole.from,
            front: whole.from,
            room: Arc::new(Room::new(reading.budget, reading.left_to_others())),
            out: Out::default(),
            is_first: true,
            filling: Filling::new(reading.limits, first),
            wasted: Effort::default(),
            failure: None,
            sender,
        }
    }

    pub(super) async fn run(&mut self) -> Result<(), PassError> {
        loop {
            self.hand_on();
            self.room.move_front(self.front);
            if let Some((_, error)) = self.failure.take_if(|(at, _)| *at <= self.handed) {
                self.send_the_rest();
                return Err(error);
            }
            self.begin_reads();
            let done = tokio::select! {
                biased;
                unpacked = end_of(&mut self.unpacking) => {
                    self.take_unpacked(unpacked)?;
                    continue;
                }
                done = self.reads.next(), if self.reads.len() > 0 || self.unpacking.is_none() => done,
                // Fewer slices are out there: more may be begun.
                () = self.out.fewer() => continue,
            };
            match done {
                Some(done) => self.take(done),
                None if self.unread.is_empty() && self.held.is_empty() => {
                    self.send_the_rest();
                    return Ok(());
                }
                None => self.make_room().await,
            }
        }
    }

    /// The oldest part first. Newer ones only where room is left for what may prove to come before them.
    fn begin_reads(&mut self) {
        // What waits for room goes before all that is newer.
        while self.out.unencoded() <= AHEAD
            && self.reads.len() < self.at_once
            && !self.held.contains_key(&self.handed)
        {
            if !self.begin_next() && !self.begin_half() {
                break;
            }
        }
    }

    /// Begins the oldest part that is not being read, if there is one and room for it.
    fn begin_next(&mut self) -> bool {
        if self.reading.is_held_back() {
            // That may be learned on the way.
            self.manner = self.reading.manner();
        }
        let Some(oldest) = self.unread.begins().filter(|oldest| self.is_wanted(*oldest)) else {
            return false;
        };
        let Some(share) = self.share_from(oldest) else {
            return false;
        };
        let beside = if self.manner.is_wide { 1 } else { self.at_once };
        let Some((asked, is_known)) = self.unread.next(beside) else {
            return false;
        };
        let opening = self.opening.take();
        self.begin(asked, share, opening, is_known);
        true
    }

    /// Begins the older half of what another part has yet to read: of the longest or, when there is only no room for more,
    /// of the oldest that is long.
    fn begin_half(&mut self) -> bool {
        // A lookback has no more borders than it must: what is filed under another time is found there.
        let is_long = |course: &&Arc<Course>| {
            let from = course.span().from;
            let is_new = from >= self.reading.covered;
            self.manner.is_shared && is_new && course.rest() >= SHARED && self.is_wanted(from)
        };
        let long = self.courses.iter().filter(is_long);
        let Some(course) = (if self.unread.is_empty() {
            long.max_by(|one, other| one.rest().total_cmp(&other.rest()))
        } else {
            long.min_by_key(|course| course.span().from)
        }) else {
            return false;
        };
        let course = Arc::clone(course);
        let Some(share) = self.share_from(course.span().from) else {
            return false;
        };
        self.begin(course.give_half(), share, None, true);
        true
    }

    /// Whether nothing older went wrong.
    fn is_wanted(&self, from: Time) -> bool {
        self.failure.as_ref().is_none_or(|(at, _)| from < *at)
    }

    /// Memory to begin a part with.
    fn share_from(&self, from: Time) -> Option<Share> {
        let Manner { limits, step, .. } = self.manner;
        let left = if from <= self.front {
            0
        } else if self.reading.source.reads_pages() {
            // What is under way grows.
            limits
                .bytes
                .saturating_mul(FRONT)
                .saturating_add(step.saturating_mul(self.reads.len()))
        } else {
            limits.bytes
        };
        self.room.take(step, left)
    }

    fn begin(&mut self, asked: Window, share: Share, opening: Option<Opening>, is_known: bool) {
        let course = Arc::new(Course::over(asked));
        self.courses.push(Arc::clone(&course));
        let (mut manner, room) = (self.manner, Arc::clone(&self.room));
        if self.is_tight {
            manner.packing = Packing::Never;
        }
        let part = self.reading.part(course, share, manner, opening, room, is_known);
        self.reads.push(asked.from, Box::pin(part));
    }

    fn take(&mut self, done: Done) {
        let Done {
            asked,
            mut share,
            outcome,
        } = done;
        self.is_first = false;
        self.courses.retain(|course| course.span().to != asked.to);
        match outcome {
            Ok(Outcome::Complete(slice)) if slice.span.is_empty() => {
                // All that it was to read has become another's, or it read something else.
                self.wasted += slice.effort;
                self.room.give_back(share);
                self.unread.was_not_read(asked);
            }
            Ok(Outcome::Complete(mut slice)) => {
                tracing::trace!(
                    asked_s = asked.width().as_secs(),
                    read_s = slice.span.width().as_secs(),
                    fullness = slice.fullness,
                    pages = slice.effort.pages,
                    side_by_side = self.reads.len(),
                    "read a part"
                );
                slice.effort += std::mem::take(&mut self.wasted);
                self.unread.was_read(asked, &slice);
                self.room.shrink(&mut share, &slice);
                self.held.insert(slice.span.from, (slice, share));
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
                self.unread.is_too_big(asked, width);
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

    /// Hands on what touches what was handed on before. What is packed is unpacked first, if there is room, beside all else.
    fn hand_on(&mut self) {
        while self.unpacking.is_none()
            && let Some((slice, mut share)) = self.held.remove(&self.handed)
        {
            if slice.packed.is_empty() {
                self.pass_on(slice, share);
                continue;
            }
            let lacking = slice.full_weight().saturating_sub(slice.weight());
            let is_early = self.out.unencoded() > AHEAD;
            let Some(more) = (!is_early).then(|| self.room.take(lacking, 0)).flatten() else {
                self.held.insert(self.handed, (slice, share));
                return;
            };
            share.merge(more);
            self.front = slice.span.to;
            self.unpacking = Some(unpack(slice, share, self.reading.blocks));
        }
    }

    fn take_unpacked(&mut self, unpacked: Result<(Slice, Share), PassError>) -> Result<(), PassError> {
        self.unpacking = None;
        match unpacked {
            Ok((slice, share)) => {
                self.pass_on(slice, share);
                Ok(())
            }
            Err(error) => {
                self.send_the_rest();
                Err(error)
            }
        }
    }

    fn pass_on(&mut self, slice: Slice, share: Share) {
        self.is_tight = false;
        self.handed = slice.span.to;
        self.front = self.handed;
        self.reading.progress.read(slice.span.to, slice.pulled);
        for full in self.filling.push(slice, share) {
            self.send(full);
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
                self.manner.limits
            } else {
                self.reading.limits
            };
            self.is_tight = true;
            self.room.wait(limits.bytes).await;
        }
    }
}

fn unpack(mut slice: Slice, share: Share, blocks: &Arc<Blocks>) -> Unpacking {
    let blocks = Arc::clone(blocks);
    spawn_blocking(move || {
        slice.unpack(&blocks).map_err(SourceError::Memory)?;
        Ok((slice, share))
    })
}

/// Waits for what is being unpacked; for ever, if nothing is.
async fn end_of(unpacking: &mut Option<Unpacking>) -> Result<(Slice, Share), PassError> {
    let Some(unpacking) = unpacking else {
        return std::future::pending().await;
    };
    unpacking
        .await
        .map_err(PassError::Died)?
        .map_err(PassError::Source)
}
