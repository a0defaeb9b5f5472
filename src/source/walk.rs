//! What one walk over pages has collected, and when it ends; pure.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use url::Url;

use super::{
    Blocks, Effort, Growth, Limits, Outcome, Slice, SourceError, blocks::Copying, page::Page, unified::MARGIN,
};
use crate::{
    checkpoint::Known,
    clock::Time,
    event::{Digest16, Event, floor},
    window::{INSTANT, Window, earlier, later, narrower},
};

/// So many pages in a row without a new event end the walk with an error.
const PATIENCE: usize = 100;
/// So many pages in a row beyond the span end a walk: one alone may hold a single event that is out of place.
const OUTSIDE: usize = 2;
/// More versions of one id than this mean that a field of it changes all the time.
const VERSIONS: usize = 8;
/// A walk whose room grows comes out this full, at most.
const GROWN: f64 = 2.0;
/// A walk that promises to come out this full is given up on its first pages: they alone may deceive.
pub(super) const HOPELESS: f64 = 10.0;
/// Later, when so many pages have been read,
const TRUSTED: u64 = 5;
/// one that promises this much more than it may hold ends where it is: what it has read is kept.
const UNLIKELY: f64 = 1.6;

#[cfg(test)]
mod tests;

/// What to do about a span that holds more than a slice may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Crowded {
    /// What was read so far is complete for this part of it: go no further that way.
    Keep(Window),
    /// Ask for less, from its beginning on.
    Narrower(Duration),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Previous,
    Next,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Next => "next",
        }
    }
}

pub(super) struct Walk<'a> {
    span: Window,
    known: &'a Known,
    limits: Limits,
    growth: Option<Growth<'a>>,
    /// Memory that it may take, and that it takes, in bytes; where it grows.
    room: usize,
    weight: usize,
    direction: Direction,
    links: HashSet<Digest16>,
    seen: Known,
    idle_pages: usize,
    /// Pages in a row that lay wholly before, or after, the span.
    before: usize,
    after: usize,
    bytes: usize,
    /// The times of the oldest and the newest event that is kept.
    kept: Option<(Time, Time)>,
    /// The oldest and the newest time on each of the last pages that held any.
    pages: VecDeque<(Time, Time)>,
    /// The oldest and the newest time of the span on the pages before those.
    passed: Option<(Time, Time)>,
    /// A page held what belongs pages before it: the server goes by another order than that of time.
    is_mixed: bool,
    /// The times of what was shown again, or known, and of what had the id of another.
    repeats: Vec<Option<Time>>,
    conflicts: Vec<Option<Time>>,
    volatile: bool,
    slice: Slice,
    copying: Copying,
    more: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(span: Window, known: &'a Known, limits: Limits, growth: Option<Growth<'a>>) -> Self {
        let slice = Slice {
            span,
            events: Vec::new(),
            file: None,
            complete_from: None,
            pulled: 0,
            duplicate: 0,
            conflict: 0,
            oldest: None,
            effort: Effort::default(),
            fullness: 0.0,
        };
        let blocks = growth.map(|growth| Arc::clone(growth.blocks)).unwrap_or_default();
        Self {
            span,
            known,
            limits,
            growth,
            room: growth.map_or(0, |growth| growth.step),
            weight: 0,
            direction: Direction::Previous,
            links: HashSet::new(),
            seen: Known::default(),
            idle_pages: 0,
            before: 0,
            after: 0,
            bytes: 0,
            kept: None,
            pages: VecDeque::new(),
            passed: None,
            is_mixed: false,
            repeats: Vec::new(),
            conflicts: Vec::new(),
            volatile: false,
            slice,
            copying: Copying::into_blocks(blocks),
            more: false,
        }
    }

    pub(super) fn span(&self) -> Window {
        self.span
    }

    /// Memory to be used again.
    pub(super) fn blocks(&self) -> Option<&'a Blocks> {
        self.growth.map(|growth| &**growth.blocks)
    }

    /// Begins at the first page again, the other way.
    pub(super) fn turn(&mut self, direction: Direction, first: &Url) {
        self.direction = direction;
        self.idle_pages = 0;
        (self.before, self.after) = (0, 0);
        self.pages.clear();
        self.passed = None;
        self.links.clear();
        self.links.insert(digest(first));
    }

    /// Notes the page about to be asked for.
    pub(super) fn step(&mut self, request: &Url) -> Result<(), SourceError> {
        let direction = self.direction.name();
        if !self.links.insert(digest(request)) {
            return Err(SourceError::Loop { direction });
        }
        if self.idle_pages >= PATIENCE {
            return Err(SourceError::Endless {
                direction,
                pages: self.idle_pages,
            });
        }
        Ok(())
    }

    /// Takes what a page brings. Returns the directions in which nothing more of the span can come.
    pub(super) fn take(&mut self, page: Page, tries: u32) -> Vec<Direction> {
        self.slice.effort += Effort {
            requests: u64::from(tries),
            pages: 1,
        };
        self.more = page.previous.is_some();
        let Window { from, to } = self.asked();
        let range = spread(page.events.iter().filter_map(|event| event.time));
        let start = self.slice.events.len();
        let mut news = false;
        for event in page.events {
            news |= self.look_at(event);
        }
        self.idle_pages = if news { 0 } else { self.idle_pages + 1 };
        self.let_go_of_page(start);
        if let Some((oldest, newest)) = range {
            self.before = if newest < from { self.before + 1 } else { 0 };
            self.after = if oldest > to { self.after + 1 } else { 0 };
            self.note_order(oldest, newest);
        }
        let mut ends = Vec::new();
        if self.before >= OUTSIDE {
            ends.push(Direction::Previous);
        }
        if self.after >= OUTSIDE {
            ends.push(Direction::Next);
        }
        ends
    }

    fn note_order(&mut self, oldest: Time, newest: Time) {
        if let Some((first, last)) = self.passed {
            self.is_mixed |= match self.direction {
                Direction::Previous => newest.min(self.span.to) > later(first, MARGIN),
                Direction::Next => oldest.max(self.span.from) < earlier(last, MARGIN),
            };
        }
        self.pages.push_front((oldest, newest));
        if self.pages.len() > OUTSIDE
            && let Some((oldest, newest)) = self.pages.pop_back()
        {
            // A time far off says nothing of the order.
            let inside = [oldest, newest]
                .into_iter()
                .filter(|time| self.span.contains(*time));
            let passed = self.passed.into_iter().flat_map(|(first, last)| [first, last]);
            self.passed = spread(inside.chain(passed));
        }
    }

    /// The span that the server was asked for.
    fn asked(&self) -> Window {
        Window::new(earlier(self.span.from, MARGIN), later(self.span.to, MARGIN))
    }

    /// Sorts one event in. Whether it is new to this walk.
    fn look_at(&mut self, event: Event) -> bool {
        let mark = event.mark();
        let inside = event.time.is_none_or(|time| self.span.contains(time));
        if let Some(time) = event.time
            && self.asked().contains(time)
        {
            self.slice.oldest = Some(self.slice.oldest.map_or(time, |oldest| oldest.min(time)));
        }
        let news = self.seen.learn(&mark);
        if !inside {
            return news.is_some();
        }
        let Some(others) = news.filter(|_| !self.known.has(&mark)) else {
            self.repeats.push(event.time);
            return news.is_some();
        };
        let versions = others + self.known.versions(&mark.identity);
        if versions > 0 {
            self.conflicts.push(event.time);
        }
        if versions >= VERSIONS && !self.volatile {
            self.volatile = true;
            tracing::error!(
                id = &*event.id(),
                versions,
                "the server shows one event with ever other content: a field of it is volatile, each version is archived"
            );
        }
        self.bytes += event.raw.len() + 1;
        self.weight += event.weight();
        if let Some(time) = event.time {
            let (first, last) = self.kept.unwrap_or((time, time));
            self.kept = Some((first.min(time), last.max(time)));
        }
        self.slice.events.push(event);
        true
    }

    /// Copies the events kept of a page: its own memory is free again.
    fn let_go_of_page(&mut self, start: usize) {
        for event in self.slice.events.get_mut(start..).unwrap_or_default() {
            event.raw = self.copying.copy(&event.raw);
        }
    }

    /// How full the slice is; 1: nothing more fits.
    fn fullness(&self) -> f64 {
        let share = |part: usize, whole: usize| {
            f64::from(u32::try_from(part).unwrap_or(u32::MAX))
                / f64::from(u32::try_from(whole.max(1)).unwrap_or(u32::MAX))
        };
        share(self.slice.events.len(), self.limits.events).max(share(self.bytes, self.limits.bytes))
    }

    /// Whether the span holds more than a slice may.
    pub(super) fn crowded(&mut self) -> Result<Option<Crowded>, SourceError> {
        let (whole, has_room) = (self.span.width(), self.grows());
        if whole <= INSTANT {
            if self.bytes > self.limits.bytes_of_an_instant {
                let bytes = self.limits.bytes_of_an_instant;
                return Err(SourceError::Instant {
                    at: self.span.from,
                    bytes,
                });
            }
            return Ok(None);
        }
        if whole <= MARGIN && has_room && self.growth.is_some() {
            // Parts of it would all be shown the whole of it.
            return Ok(None);
        }
        let fullness = self.fullness();
        let most = if self.growth.is_some() { GROWN } else { 1.0 };
        let is_full = fullness > most || !has_room;
        let (oldest, newest) = self.kept.unwrap_or((self.span.from, self.span.to));
        let between = |from: Time, to: Time| (to - from).to_std().unwrap_or_default().min(whole);
        let seen = between(oldest, self.span.to);
        let expected = fullness * whole.as_secs_f64() / seen.as_secs_f64().max(0.001);
        let is_trusted = self.slice.effort.pages >= TRUSTED;
        let hopeless = self.growth.map_or(HOPELESS, |growth| growth.hopeless);
        let enough = if is_trusted { UNLIKELY * most } else { hopeless };
        if !is_full && (!self.more || expected <= enough) {
            return Ok(None);
        }
        if let Some(part) = self.complete_part().filter(|_| is_trusted || is_full) {
            return Ok(Some(Crowded::Keep(part)));
        }
        let (dense, before) = (between(oldest, newest), between(self.span.from, floor(oldest)));
        Ok(Some(Crowded::Narrower(if !is_full {
            narrower(whole, seen, fullness)
        } else if dense < whole / 8 && !before.is_zero() {
            // A burst, or the newest of much more: what lies before it is another slice, unless it is too much as well.
            before.min(whole / 2)
        } else {
            narrower(whole, dense, fullness)
        })))
    }

    /// Whether there is room for what it has read.
    fn grows(&mut self) -> bool {
        let Some(growth) = self.growth else { return true };
        while self.weight > self.room {
            if !(growth.more)() {
                return false;
            }
            self.room += growth.step.max(1);
        }
        true
    }

    /// The part of the span that a walk in this direction would have ended with by now, had no more been asked for: the
    /// last pages lie wholly beyond it. None where the order of pages is not that of time: the rest of it may be anywhere.
    fn complete_part(&self) -> Option<Window> {
        let Window { from, to } = self.span;
        if self.pages.len() < OUTSIDE || self.is_mixed {
            return None;
        }
        let (oldest, newest) = spread(self.pages.iter().flat_map(|(oldest, newest)| [*oldest, *newest]))?;
        let part = match self.direction {
            Direction::Previous => Window::new(later(floor(newest), MARGIN + INSTANT).max(from), to),
            Direction::Next => Window::new(from, earlier(floor(oldest), MARGIN).min(to)),
        };
        let (first, last) = self.kept?;
        let holds_any = part.contains(first) || part.contains(last);
        (holds_any && part.width() < self.span.width()).then_some(part)
    }

    /// Keeps to a part of the span: what else was read is forgotten.
    pub(super) fn keep(&mut self, part: Window) {
        let inside = |time: Option<Time>| time.is_none_or(|time| part.contains(time));
        self.span = part;
        self.slice.span = part;
        self.slice.events.retain(|event| inside(event.time));
        self.repeats.retain(|time| inside(*time));
        self.conflicts.retain(|time| inside(*time));
        self.bytes = self.slice.events.iter().map(|event| event.raw.len() + 1).sum();
        self.weight = self.slice.events.iter().map(Event::weight).sum();
        self.kept = spread(self.slice.events.iter().filter_map(|event| event.time));
    }

    pub(super) fn finish(mut self) -> Slice {
        // As servers show them, they only have to be turned round; all parts together are in order then.
        self.slice.events.sort_by(|a, b| a.order().cmp(&b.order()));
        self.slice.duplicate = self.repeats.len() as u64;
        self.slice.conflict = self.conflicts.len() as u64;
        self.slice.pulled = self.slice.duplicate + self.slice.events.len() as u64;
        self.slice.fullness = self.fullness();
        self.slice
    }

    /// What is said instead of a slice.
    pub(super) fn too_big(&self, width: Duration) -> Outcome {
        let effort = self.slice.effort;
        Outcome::TooBig { width, effort }
    }
}

/// The first and the last of some times.
fn spread(times: impl Iterator<Item = Time>) -> Option<(Time, Time)> {
    times.fold(None, |spread, time| {
        let (first, last) = spread.unwrap_or((time, time));
        Some((first.min(time), last.max(time)))
    })
}

fn digest(url: &Url) -> Digest16 {
    crate::event::digest16(url.as_str().as_bytes())
}
