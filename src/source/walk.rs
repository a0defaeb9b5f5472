//! What one walk over pages has collected, and when it ends; pure.

use std::{collections::HashSet, sync::Arc, time::Duration};

use url::Url;

use self::order::{Order, spread};
use super::{
    Blocks, Effort, Growth, Limits, Outcome, Packed, Packing, Slice, SourceError, blocks::Copying,
    page::Page, unified::MARGIN,
};
use crate::{
    checkpoint::Known,
    clock::Time,
    event::{Digest16, Event, Schema, floor},
    window::{INSTANT, Window, earlier, later, narrower},
};

/// So many pages in a row without a new event end the walk with an error.
const PATIENCE: usize = 100;
/// So many pages in a row beyond the span end a walk: one alone may hold a single event that is out of place.
const OUTSIDE: usize = 2;
/// More versions of one id than this mean that a field of it changes all the time.
const VERSIONS: usize = 8;
/// So many bytes at least are packed at a time, but for a share of the room that is asked for at a time.
const WORTHWHILE: usize = 256 << 10;
const SHARE: usize = 4;
/// What it takes to know an event again, in bytes, about.
const NOTED: usize = 64;
/// When so many pages have been read,
const TRUSTED: u64 = 5;
/// a walk that promises this much more than it may hold ends where it is: what it has read is kept.
const UNLIKELY: f64 = 1.6;

mod order;
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
    order: Order,
    /// Events that are kept, and their bytes.
    count: usize,
    bytes: usize,
    /// The times of the oldest and the newest event that is kept.
    kept: Option<(Time, Time)>,
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
            packed: Vec::new(),
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
            order: Order::default(),
            count: 0,
            bytes: 0,
            kept: None,
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
        self.order.turn();
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
        let range = spread(page.events.iter().filter_map(|event| event.time));
        let start = self.slice.events.len();
        let mut news = false;
        for event in page.events {
            news |= self.look_at(event);
        }
        self.idle_pages = if news { 0 } else { self.idle_pages + 1 };
        self.let_go_of_page(start);
        if let Some(range) = range {
            self.order.note(range, self.span, self.direction);
        }
        if let (Some((oldest, _)), Some(growth), Direction::Previous) = (range, self.growth, self.direction) {
            if self.order.is_mixed() {
                growth.course.wanders();
            } else {
                growth.course.came_to(oldest);
            }
        }
        self.order.ends()
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
        self.count += 1;
        self.bytes += event.raw.len() + 1;
        self.weight += event.weight() + NOTED;
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
        self.limits.fullness(self.count, self.bytes)
    }

    /// Whether the span holds more than a slice may, or is to end earlier.
    pub(super) fn crowded(&mut self) -> Result<Option<Crowded>, SourceError> {
        let (whole, has_room) = (self.span.width(), self.grows()?);
        if let Some(part) = self.given_half() {
            return Ok(Some(Crowded::Keep(part)));
        }
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
        let most = self.growth.map_or(1.0, |growth| growth.most);
        let is_full = fullness > most || !has_room;
        let (oldest, newest) = self.kept.unwrap_or((self.span.from, self.span.to));
        let between = |from: Time, to: Time| (to - from).to_std().unwrap_or_default().min(whole);
        let seen = between(oldest, self.span.to);
        let expected = fullness * whole.as_secs_f64() / seen.as_secs_f64().max(0.001);
        let is_trusted = self.slice.effort.pages >= TRUSTED;
        let hopeless = self.growth.map_or(Growth::HOPELESS, |growth| growth.hopeless);
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
    fn grows(&mut self) -> Result<bool, SourceError> {
        let Some(growth) = self.growth else {
            return Ok(true);
        };
        while self.weight > self.room {
            if growth.packing == Packing::First && self.pack()? {
                continue;
            }
            if (growth.more)() {
                self.room += growth.step.max(1);
            } else if growth.packing != Packing::Last || !self.pack()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Packs what is not packed yet. False: that is not worth it.
    fn pack(&mut self) -> Result<bool, SourceError> {
        let least = self
            .growth
            .map_or(0, |growth| growth.step / SHARE)
            .min(WORTHWHILE);
        let plain: usize = self.slice.events.iter().map(|event| event.raw.len()).sum();
        if plain <= least {
            return Ok(false);
        }
        let events = std::mem::take(&mut self.slice.events);
        let packed = Packed::pack(&events, Schema::Unified).map_err(SourceError::Memory)?;
        self.slice.packed.push(packed);
        self.weight = self.slice.weight() + self.count * NOTED;
        Ok(true)
    }

    /// The half that it keeps, once that is complete: the older has become another's.
    fn given_half(&self) -> Option<Window> {
        let from = self.growth?.course.span().from;
        let is_on_the_way = from > self.span.from && self.direction == Direction::Previous;
        if !is_on_the_way || self.complete_part()?.from > from {
            return None;
        }
        Some(Window::new(from, self.span.to))
    }

    /// The part of the span that a walk in this direction would have ended with by now, had no more been asked for, if any
    /// event is in it.
    fn complete_part(&self) -> Option<Window> {
        let part = self.order.complete_part(self.span, self.direction)?;
        let (first, last) = self.kept?;
        let holds_any = part.contains(first) || part.contains(last);
        (holds_any && part.width() < self.span.width()).then_some(part)
    }

    /// Keeps to a part of the span: what else was read is forgotten.
    pub(super) fn keep(&mut self, part: Window) -> Result<(), SourceError> {
        let inside = |time: Option<Time>| time.is_none_or(|time| part.contains(time));
        self.span = part;
        self.slice.span = part;
        self.slice.events.retain(|event| inside(event.time));
        let blocks = self
            .growth
            .map(|growth| Arc::clone(growth.blocks))
            .unwrap_or_default();
        let packed = std::mem::take(&mut self.slice.packed).into_iter();
        let packed = packed.filter_map(|packed| packed.keep(part, &blocks).transpose());
        self.slice.packed = packed.collect::<Result<_, _>>().map_err(SourceError::Memory)?;
        self.repeats.retain(|time| inside(*time));
        self.conflicts.retain(|time| inside(*time));
        let Slice { events, packed, .. } = &self.slice;
        let raw = events.iter().map(|event| event.raw.len());
        self.count = events.len() + packed.iter().map(|packed| packed.count).sum::<usize>();
        self.bytes = self.count + raw.chain(packed.iter().map(|packed| packed.bytes)).sum::<usize>();
        let times = packed.iter().filter_map(|packed| packed.times);
        let times = times.flat_map(|(first, last)| [first, last]);
        self.kept = spread(events.iter().filter_map(|event| event.time).chain(times));
        self.weight = self.slice.weight() + self.count * NOTED;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Slice, SourceError> {
        // It may have come to its old end before it saw the new one.
        let end = self.growth.map(|growth| growth.course.span().from);
        if let Some(from) = end.filter(|from| *from > self.span.from) {
            self.keep(Window::new(from, self.span.to))?;
        }
        // As servers show them, they only have to be turned round; all parts that are not packed are in order together then.
        self.slice.events.sort_by(|a, b| a.order().cmp(&b.order()));
        self.slice.duplicate = self.repeats.len() as u64;
        self.slice.conflict = self.conflicts.len() as u64;
        self.slice.pulled = self.slice.duplicate + self.count as u64;
        self.slice.fullness = self.fullness();
        Ok(self.slice)
    }

    /// What is said instead of a slice.
    pub(super) fn too_big(&self, width: Duration) -> Outcome {
        let effort = self.slice.effort;
        Outcome::TooBig { width, effort }
    }
}

fn digest(url: &Url) -> Digest16 {
    crate::event::digest16(url.as_str().as_bytes())
}
