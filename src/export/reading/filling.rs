//! Puts what was read, part after part, together into slices that are as full as they may be; pure.

use super::room::{self, Share};
use crate::{
    checkpoint::Known,
    clock::Time,
    event::{Event, floor},
    source::{Effort, Limits, Slice},
    window::{INSTANT, Window, later},
};

/// A slice that goes on its way, and the memory it takes.
pub(super) type Full = (Slice, Option<Share>);

/// The slice that is being filled.
pub(super) struct Filling {
    limits: Limits,
    /// A slice ends here, full or not.
    end: Option<Time>,
    slice: Option<(Slice, Share)>,
    /// Events without a time that this pass has shown already: parts that are read side by side may show the same.
    undated: Known,
}

impl Filling {
    /// A slice ends at `end`, if given.
    pub(super) fn new(limits: Limits, end: Option<Time>) -> Self {
        Self {
            limits,
            end,
            slice: None,
            undated: Known::default(),
        }
    }

    /// Adds the part that follows. Returns the slices that are full.
    pub(super) fn push(&mut self, mut part: Slice, share: Share) -> Vec<Full> {
        self.drop_repeated(&mut part);
        let mut full = Vec::new();
        let end = self.end;
        let before = self
            .slice
            .take_if(|(slice, _)| end == Some(part.span.from) || !slice.is_continued_by(&part));
        full.extend(before.map(|(slice, share)| (slice, Some(share))));
        let (mut slice, mut share) = match self.slice.take() {
            Some((mut slice, mut filled)) => {
                slice.append(part);
                filled.merge(share);
                (slice, filled)
            }
            None => (part, share),
        };
        while let Some(cut) = self.cut(&mut slice) {
            let newer = slice.split_off(cut);
            let share = room::part(&mut share, &slice);
            full.push((slice, share));
            slice = newer;
        }
        self.slice = Some((slice, share));
        full
    }

    /// What there is so far, full or not.
    pub(super) fn flush(&mut self) -> Option<Full> {
        self.slice.take().map(|(slice, share)| (slice, Some(share)))
    }

    /// Of events without a time that are alike, as many are kept as one part showed at most.
    fn drop_repeated(&mut self, part: &mut Slice) {
        let before = part.events.len();
        let mut here = Known::default();
        part.events.retain(|event| {
            event.time.is_some() || {
                let mark = event.mark();
                here.add(&mark);
                here.copies(&mark) > self.undated.copies(&mark)
            }
        });
        part.duplicate += (before - part.events.len()) as u64;
        let undated = part.events.iter().filter(|event| event.time.is_none());
        undated.for_each(|event| self.undated.add(&event.mark()));
    }

    /// Where a slice that holds too much is cut: as late as may be, never between events of one millisecond.
    fn cut(&self, slice: &mut Slice) -> Option<Time> {
        let mut bytes = 0;
        let fits = |event: &Event, bytes: &mut usize| {
            *bytes += event.raw.len() + 1;
            *bytes <= self.limits.bytes
        };
        if slice.events.len() <= self.limits.events
            && slice.events.iter().all(|event| fits(event, &mut bytes))
        {
            return None;
        }
        slice.events.sort_by(|a, b| a.order().cmp(&b.order()));
        bytes = 0;
        let fitting = slice.events.iter().take(self.limits.events);
        let fitting = fitting.take_while(|event| fits(event, &mut bytes)).count();
        let time = |at: usize| slice.events.get(at).and_then(|event| event.time).map(floor);
        let undated = slice.events.partition_point(|event| event.time.is_none());
        let (first, over) = (time(undated)?, time(fitting.max(undated))?);
        // One instant that is too much by itself is a slice.
        let cut = if over > first { over } else { later(first, INSTANT) };
        time(slice.events.len().saturating_sub(1))
            .is_some_and(|last| last >= cut)
            .then_some(cut)
    }
}

impl Slice {
    /// Whether the two can be one: a file is a commit of its own, and so is what may lack its beginning.
    fn is_continued_by(&self, next: &Self) -> bool {
        let is_hollow = self.events.is_empty() && self.file.is_none();
        match self.complete_from {
            Some(from) => is_hollow && from >= self.span.to,
            None => next.complete_from.is_none() && (next.file.is_none() || is_hollow) && self.file.is_none(),
        }
    }

    /// Takes in the slice that follows it.
    fn append(&mut self, next: Self) {
        self.span = Window::new(self.span.from, next.span.to);
        self.events.extend(next.events);
        self.pulled += next.pulled;
        self.duplicate += next.duplicate;
        self.conflict += next.conflict;
        self.oldest = [self.oldest, next.oldest].into_iter().flatten().min();
        self.effort += next.effort;
        self.complete_from = next.complete_from.or(self.complete_from);
        self.file = next.file;
    }

    /// Cuts it in two: keeps what is older than `cut`, returns the rest. Its events are ordered by time. What does not
    /// belong to an event stays with the older.
    fn split_off(&mut self, cut: Time) -> Self {
        let at = self
            .events
            .partition_point(|event| event.time.is_none_or(|time| time < cut));
        let events = self.events.split_off(at);
        let rest = events.len() as u64;
        let conflict = self.conflict.saturating_sub(at as u64);
        self.pulled -= rest;
        self.conflict -= conflict;
        let span = self.span;
        self.span = Window::new(span.from, cut);
        Self {
            span: Window::new(cut, span.to),
            events,
            packed: Vec::new(),
            file: None,
            complete_from: None,
            pulled: rest,
            duplicate: 0,
            conflict,
            oldest: self.oldest,
            effort: Effort::default(),
            fullness: self.fullness,
        }
    }
}
