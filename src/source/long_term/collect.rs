//! What a reading of the long-term store keeps: the oldest events of a span that fit a slice; pure.
//!
//! Records come in any order. What does not fit is dropped from the newest end, and the span ends there.

use crate::{
    checkpoint::Known,
    clock::Time,
    event::{Event, floor},
    source::{Effort, Limits, Slice, SourceError},
    window::{INSTANT, Window, later},
};

pub(super) struct Collect<'a> {
    span: Window,
    known: &'a Known,
    limits: Limits,
    seen: Known,
    kept: Vec<Kept>,
    bytes: usize,
    /// The times of repeats and known ones.
    duplicates: Vec<Option<Time>>,
    oldest: Option<Time>,
}

struct Kept {
    event: Event,
    is_conflict: bool,
}

impl<'a> Collect<'a> {
    pub(super) fn new(span: Window, known: &'a Known, limits: Limits) -> Self {
        Self {
            span,
            known,
            limits,
            seen: Known::default(),
            kept: Vec::new(),
            bytes: 0,
            duplicates: Vec::new(),
            oldest: None,
        }
    }

    /// Where the span ends so far.
    pub(super) fn end(&self) -> Time {
        self.span.to
    }

    /// Sorts one event in.
    ///
    /// # Errors
    /// When one millisecond holds more than fits in memory.
    pub(super) fn take(&mut self, event: Event) -> Result<(), SourceError> {
        if let Some(time) = event.time {
            self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
            if !self.span.contains(time) {
                return Ok(());
            }
        }
        let mark = event.mark();
        let is_known = self.seen.has(&mark) || self.known.has(&mark);
        let versions = self.seen.versions(&mark.identity) + self.known.versions(&mark.identity);
        self.seen.add(&mark);
        if is_known {
            self.duplicates.push(event.time);
            return Ok(());
        }
        self.bytes += event.raw.len() + 1;
        self.kept.push(Kept {
            event,
            is_conflict: versions > 0,
        });
        // Sorting for each one too many would take long: some room, then all at once.
        let room = |limit: usize| limit.saturating_add(limit / 4);
        if self.kept.len() > room(self.limits.events) || self.bytes > room(self.limits.bytes) {
            self.fit()?;
        }
        Ok(())
    }

    /// The span ends at `to`, whatever came of later times.
    pub(super) fn close(&mut self, to: Time) {
        self.span = Window::new(self.span.from, self.span.to.min(to));
        let end = self.span.to;
        let inside = |time: Option<Time>| time.is_none_or(|time| time < end);
        self.kept.retain(|kept| inside(kept.event.time));
        self.duplicates.retain(|time| inside(*time));
        self.bytes = self.kept.iter().map(|kept| kept.event.raw.len() + 1).sum();
    }

    /// Ends the span before the first millisecond that does not fit whole; never before the first one.
    fn fit(&mut self) -> Result<(), SourceError> {
        self.kept.sort_by_key(|kept| kept.event.time);
        let (mut bytes, mut end) = (0, None);
        for (count, kept) in self.kept.iter().enumerate() {
            bytes += kept.event.raw.len() + 1;
            if count >= self.limits.events || bytes > self.limits.bytes {
                end = kept.event.time.map(floor);
                break;
            }
        }
        let first = self.kept.iter().find_map(|kept| kept.event.time).map(floor);
        let (Some(end), Some(first)) = (end, first) else {
            // Those without a time come first, and are never cut.
            return self.check(self.span.from);
        };
        self.close(end.max(later(first, INSTANT)));
        self.check(first)
    }

    fn check(&self, at: Time) -> Result<(), SourceError> {
        let bytes = self.limits.bytes_of_an_instant;
        if self.bytes > bytes {
            return Err(SourceError::Instant { at, bytes });
        }
        Ok(())
    }

    pub(super) fn finish(mut self, effort: Effort) -> Result<Slice, SourceError> {
        if self.kept.len() > self.limits.events || self.bytes > self.limits.bytes {
            self.fit()?;
        }
        let fullness = self.limits.fullness(self.kept.len(), self.bytes);
        let conflict = self.kept.iter().filter(|kept| kept.is_conflict).count() as u64;
        let duplicate = self.duplicates.len() as u64;
        let events: Vec<Event> = self.kept.into_iter().map(|kept| kept.event).collect();
        Ok(Slice {
            span: self.span,
            pulled: events.len() as u64 + duplicate,
            events,
            packed: Vec::new(),
            file: None,
            complete_from: None,
            duplicate,
            conflict,
            oldest: self.oldest,
            effort,
            fullness,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Schema;

    fn at(seconds: i64, millis: i64) -> Time {
        let start: Time = "2026-03-01T00:00:00Z".parse().unwrap();
        start + chrono::TimeDelta::milliseconds(seconds * 1000 + millis)
    }

    fn event(id: u32, time: Time) -> Event {
        let text = format!(
            r#"{{"Identifier":"{id:04}","DateCreatedUtc":"{}"}}"#,
            crate::clock::spell(time)
        );
        Event::parse(Bytes::from(text), Schema::LongTerm).unwrap()
    }

    fn limits(events: usize) -> Limits {
        Limits {
            events,
            bytes: 1 << 20,
            bytes_of_an_instant: 2 << 20,
        }
    }

    fn span() -> Window {
        Window::new(at(0, 0), at(1000, 0))
    }

    #[test]
    fn the_oldest_that_fit_are_kept_in_whatever_order_they_come() {
        let known = Known::default();
        let (mut from, mut all) = (at(0, 0), Vec::new());
        while from < span().to {
            let mut collect = Collect::new(Window::new(from, span().to), &known, limits(100));
            for n in 0..900u32 {
                let n = (n * 577) % 900;
                collect.take(event(n, at(i64::from(n), 7))).unwrap();
            }
            let slice = collect.finish(Effort::default()).unwrap();
            assert!(slice.span.to > from && slice.events.len() <= 100);
            assert_eq!(slice.pulled, slice.events.len() as u64);
            assert_eq!(slice.oldest, Some(at(0, 7)));
            all.extend(slice.events.iter().map(|event| event.id().into_owned()));
            from = slice.span.to;
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 900);
    }

    #[test]
    fn one_millisecond_is_never_cut_but_has_a_limit() {
        let known = Known::default();
        let mut collect = Collect::new(span(), &known, limits(10));
        for n in 0..50 {
            collect.take(event(n, at(5, 1))).unwrap();
            collect.take(event(n + 100, at(6, 0))).unwrap();
        }
        let slice = collect.finish(Effort::default()).unwrap();
        assert_eq!((slice.events.len(), slice.span.to), (50, at(5, 2)));

        let tight = Limits {
            bytes_of_an_instant: 1000,
            bytes: 500,
            ..limits(10)
        };
        let mut collect = Collect::new(span(), &known, tight);
        let failed = (0..50).find_map(|n| collect.take(event(n, at(5, 1))).err());
        assert!(matches!(failed, Some(SourceError::Instant { bytes: 1000, .. })));
    }

    #[test]
    fn known_ones_repeats_and_other_versions_are_counted() {
        let mut known = Known::default();
        known.add(&event(1, at(1, 0)).mark());
        let mut collect = Collect::new(span(), &known, limits(100));
        for (id, time) in [
            (1, at(1, 0)),
            (2, at(2, 0)),
            (2, at(2, 0)),
            (2, at(2, 1)),
            (1, at(3, 0)),
            (9, at(2000, 0)),
        ] {
            collect.take(event(id, time)).unwrap();
        }
        collect
            .take(Event::parse(Bytes::from_static(br#"{"Identifier":"x"}"#), Schema::LongTerm).unwrap())
            .unwrap();
        let slice = collect.finish(Effort::default()).unwrap();
        assert_eq!(
            (slice.pulled, slice.duplicate, slice.conflict, slice.events.len()),
            (6, 2, 2, 4)
        );
    }

    #[test]
    fn what_lies_behind_an_end_that_came_later_does_not_count() {
        let known = Known::default();
        let mut collect = Collect::new(span(), &known, limits(100));
        for (id, second) in [(1, 1), (1, 1), (2, 500), (2, 500)] {
            collect.take(event(id, at(second, 0))).unwrap();
        }
        collect.close(at(100, 0));
        let slice = collect.finish(Effort::default()).unwrap();
        assert_eq!((slice.span.to, slice.pulled, slice.duplicate), (at(100, 0), 2, 1));
    }
}
