//! What is kept of the records that a reading takes: those of its span that are not known, as many as a slice may
//! hold; pure. Where there are more, the span ends earlier.

use crate::{
    checkpoint::Known,
    clock::Time,
    event::{Event, floor},
    source::{Effort, Limits, Slice, SourceError, blocks::Copying, unified::MARGIN},
    window::{INSTANT, Window, earlier, later},
};

pub(super) struct Gather<'a> {
    /// Its end moves towards its beginning.
    span: Window,
    asked: Window,
    known: &'a Known,
    limits: Limits,
    events: Vec<Event>,
    bytes: usize,
    /// The times of records that were known.
    dropped: Vec<Option<Time>>,
    oldest: Option<Time>,
    /// The millisecond beyond which nothing is kept, and which is too large for a slice.
    single: Option<Time>,
    copying: Copying,
}

impl<'a> Gather<'a> {
    pub(super) fn new(span: Window, known: &'a Known, limits: Limits) -> Self {
        Self {
            span,
            asked: span,
            known,
            limits,
            events: Vec::new(),
            bytes: 0,
            dropped: Vec::new(),
            oldest: None,
            single: None,
            copying: Copying::default(),
        }
    }

    /// Nothing from here on is wanted.
    pub(super) fn end(&self) -> Time {
        self.span.to
    }

    /// Takes a record: the `copy`-th of those that are exactly like it, from 1.
    pub(super) fn take(&mut self, mut event: Event, copy: usize) -> Result<(), SourceError> {
        if let Some(time) = event.time {
            let asked = Window::new(earlier(self.asked.from, MARGIN), later(self.asked.to, MARGIN));
            if asked.contains(time) {
                self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
            }
            if !self.span.contains(time) {
                return Ok(());
            }
        }
        if copy <= self.known.copies(&event.mark()) {
            self.dropped.push(event.time);
            return Ok(());
        }
        self.bytes += event.raw.len() + 1;
        self.single = self
            .single
            .filter(|single| event.time.is_none_or(|time| *single <= time));
        // Its page's memory is free again.
        event.raw = self.copying.copy(&event.raw);
        self.events.push(event);
        self.fit()
    }

    /// Ends the span earlier where it holds too much, but never within a millisecond.
    fn fit(&mut self) -> Result<(), SourceError> {
        if let Some(at) = self.single {
            return self.allow(at, self.bytes);
        }
        if self.events.len() <= self.limits.events && self.bytes <= self.limits.bytes {
            return Ok(());
        }
        self.events.sort_by_key(|event| event.time);
        let (mut count, mut bytes) = (0, 0);
        let mut first = None;
        let mut cut = None;
        for event in &self.events {
            (count, bytes) = (count + 1, bytes + event.raw.len() + 1);
            let Some(time) = event.time.map(floor) else {
                continue;
            };
            let first = *first.get_or_insert(time);
            if time > first && (count > self.limits.events || bytes > self.limits.bytes) {
                cut = Some(time);
                break;
            }
        }
        let Some(first) = first else {
            // None of them has a time: they are never cut.
            return self.allow(self.asked.from, self.bytes);
        };
        let cut = cut.unwrap_or_else(|| later(first, INSTANT));
        self.span.to = self.span.to.min(cut);
        let end = self.span.to;
        self.events
            .retain(|event| event.time.is_none_or(|time| time < end));
        self.bytes = self.events.iter().map(|event| event.raw.len() + 1).sum();
        if self.events.len() > self.limits.events || self.bytes > self.limits.bytes {
            self.single = Some(first);
            return self.fit();
        }
        Ok(())
    }

    /// Whether so many bytes may be held of the millisecond of `at`.
    pub(super) fn allow(&self, at: Time, bytes: usize) -> Result<(), SourceError> {
        let limit = self.limits.bytes_of_an_instant;
        if bytes > limit {
            return Err(SourceError::Instant {
                at: floor(at),
                bytes: limit,
            });
        }
        Ok(())
    }

    /// The slice, once everything before [`Self::end`] has been taken.
    pub(super) fn finish(self, effort: Effort) -> Slice {
        let end = self.span.to;
        let known = self
            .dropped
            .iter()
            .filter(|time| time.is_none_or(|time| time < end));
        let duplicate = known.count() as u64;
        let full = if end < self.asked.to { 1.0 } else { 0.0 };
        let fullness = self.limits.fullness(self.events.len(), self.bytes);
        Slice {
            span: self.span,
            pulled: self.events.len() as u64 + duplicate,
            events: self.events,
            packed: Vec::new(),
            file: None,
            complete_from: None,
            duplicate,
            conflict: 0,
            oldest: self.oldest,
            effort,
            fullness: fullness.max(full),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::classic::model::{LIMITS, at, raw};

    #[test]
    fn records_without_a_time_have_a_limit_too() {
        let from = at("2026-11-20T00:00:00Z");
        let limits = Limits {
            bytes: 500,
            bytes_of_an_instant: 1000,
            ..LIMITS
        };
        let known = Known::default();
        let mut gather = Gather::new(Window::new(from, later(from, INSTANT)), &known, limits);
        let taken = (0..100).map_while(|n| gather.take(raw(&format!(r#"{{"message":"{n:08}"}}"#)), 1).ok());
        let taken = taken.count();
        assert!((30..50).contains(&taken), "{taken}");
    }
}
