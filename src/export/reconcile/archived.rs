//! What is archived of a narrow span, event by event, within bounds of memory.

use crate::{
    checkpoint::Known,
    clock::Time,
    commit::Object,
    event::{Event, Mark, floor, read_time},
    export::{Exporter, PassError, ahead::Marks},
    target::Api,
    window::{INSTANT, Window, earlier, later},
};

use super::held::{AROUND, Held};

/// Events known in memory at once, but for one instant: of a denser span an older part is compared first.
const KNOWN: usize = 65_536;

/// What is archived of a span.
pub(super) struct Archived {
    /// What was asked for, or an older part of it.
    pub(super) span: Window,
    /// In the spelling of the API that is asked, and what has no time.
    pub(super) known: Known,
    /// What has ids of these is archived in another spelling, or without a time.
    elsewhere: Vec<Known>,
    /// Whether nothing is archived of the span in another spelling.
    pub(super) no_ids: bool,
}

impl Archived {
    /// Whether an event that is not known is not archived in another spelling either.
    pub(super) fn lacks(&self, event: &Event) -> bool {
        let is_in = |known: &Known| known.versions(&event.identity) > 0;
        !self.elsewhere.iter().any(is_in)
    }
}

/// Marks of the oldest events of a span, as many as may be known at once.
struct Oldest {
    /// Whether it is spelled as the API that is asked spells it.
    marks: Vec<(Mark, bool)>,
    from: Time,
    to: Time,
    /// No event beyond this is of interest any more.
    limit: Option<Time>,
    most: usize,
}

impl Oldest {
    fn new(around: Window, most: usize) -> Self {
        Self {
            marks: Vec::new(),
            from: around.from,
            to: around.to,
            limit: None,
            most,
        }
    }

    fn end(&self) -> Time {
        self.limit.unwrap_or(self.to)
    }

    /// Whether an object may hold any of them.
    fn may_be_in(&self, object: &Object) -> bool {
        let read = |text: &Option<String>| text.as_deref().and_then(read_time);
        match (read(&object.first), read(&object.last)) {
            (Some(first), Some(last)) => first < self.end() && last >= self.from,
            // Events without a time alone: those are remembered.
            _ => object.first.is_some() || object.last.is_some(),
        }
    }

    /// `least`: where the part that is left ends at least.
    fn add(&mut self, marks: Vec<Mark>, own: bool, least: Time) {
        let (from, end) = (self.from, self.end());
        let inside = |mark: &Mark| mark.time.is_some_and(|time| from <= time && time < end);
        let marks = marks.into_iter().filter(inside);
        self.marks.extend(marks.map(|mark| (mark, own)));
        if self.marks.len() > self.most {
            self.marks.sort_unstable();
            let cut = self.marks.get(self.most).and_then(|(mark, _)| mark.time);
            let limit = cut.map_or(end, floor).max(least).min(end);
            self.marks
                .retain(|(mark, _)| mark.time.is_some_and(|time| time < limit));
            self.limit = (limit < self.to).then_some(limit);
        }
    }
}

impl Exporter {
    /// What is archived of a span, or of an older part of it where that is much. `own`: the API that is asked; `others`:
    /// whether ids of events that another API brought matter, too.
    pub(super) async fn archived(
        &self,
        held: &Held,
        span: Window,
        own: Api,
        others: bool,
    ) -> Result<Archived, PassError> {
        // Events without a time are never forgotten.
        let (undated, _) = self
            .notes
            .known(Window::new(span.from, span.from), 0)
            .await
            .map_err(PassError::Checkpoint)?;
        // The two may round times otherwise.
        let around = if others { AROUND } else { std::time::Duration::ZERO };
        let wide = Window::new(earlier(span.from, around), later(span.to, around));
        let least = later(later(span.from, INSTANT), around);
        let mut oldest = Oldest::new(wide, KNOWN);
        let objects = held.objects_of(wide).filter(|(_, api)| *api == own || others);
        let mut reads = Marks::new(self, objects.cloned());
        while let Some((api, marks)) = reads.next(|object| oldest.may_be_in(object)).await? {
            oldest.add(marks, api == own, least);
        }
        let to = oldest.limit.map_or(span.to, |limit| earlier(limit, around));
        let span = Window::new(span.from, to.min(span.to));
        let (mut known, mut ids, mut no_ids) = (undated.clone(), Known::default(), true);
        for (mark, is_own) in &oldest.marks {
            if !is_own {
                ids.add(mark);
                no_ids = false;
            } else if mark.time.is_some_and(|time| span.contains(time)) {
                known.add(mark);
            }
        }
        Ok(Archived {
            span,
            known,
            elsewhere: if others { vec![ids, undated] } else { Vec::new() },
            no_ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn mark(number: u8, second: u32, milli: u32) -> Mark {
        Mark {
            time: Some(at(&format!("2026-11-20T00:00:{second:02}.{milli:03}Z"))),
            identity: [number; 16],
            fingerprint: [number; 16],
        }
    }

    fn oldest(most: usize) -> Oldest {
        Oldest::new(
            Window::new(at("2026-11-20T00:00:00Z"), at("2026-11-20T00:01:00Z")),
            most,
        )
    }

    #[test]
    fn the_oldest_are_kept_in_whatever_order_they_come_and_no_instant_is_cut() {
        let least = at("2026-11-20T00:00:00.001Z");
        for turn in 0..6_u8 {
            let mut all: Vec<Mark> = (0..6).map(|n| mark(n, u32::from(n) / 2, 0)).collect();
            all.rotate_left(usize::from(turn));
            let mut oldest = oldest(3);
            for one in all {
                oldest.add(vec![one], true, least);
            }
            // Two events a second: the fourth shares its instant with the third.
            assert_eq!(oldest.limit, Some(at("2026-11-20T00:00:01Z")), "turn {turn}");
            assert_eq!(oldest.marks.len(), 2);
        }
    }

    #[test]
    fn one_instant_is_known_whole_however_many_it_holds() {
        let least = at("2026-11-20T00:00:00.001Z");
        let mut oldest = oldest(3);
        oldest.add((0..9).map(|n| mark(n, 0, 0)).collect(), true, least);
        oldest.add(vec![mark(9, 0, 1)], true, least);
        assert_eq!((oldest.limit, oldest.marks.len()), (Some(least), 9));
    }

    #[test]
    fn as_many_as_may_be_known_are_known_all() {
        let least = at("2026-11-20T00:00:00.001Z");
        let mut oldest = oldest(3);
        oldest.add((0..3).map(|n| mark(n, u32::from(n), 0)).collect(), true, least);
        assert_eq!((oldest.limit, oldest.marks.len()), (None, 3));
    }
}
