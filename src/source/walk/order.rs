//! In what order of time the pages of a walk come, and what of its span lies behind it; pure.

use std::collections::VecDeque;

use super::{Direction, MARGIN, OUTSIDE};
use crate::{
    clock::Time,
    event::floor,
    window::{INSTANT, Window, earlier, later},
};

/// The times on the pages of a walk in one direction.
#[derive(Default)]
pub(super) struct Order {
    /// Pages in a row that lay wholly before, or after, what was asked for.
    before: usize,
    after: usize,
    /// The oldest and the newest time on each of the last pages that held any.
    pages: VecDeque<(Time, Time)>,
    /// The oldest and the newest time of the span on the pages before those.
    passed: Option<(Time, Time)>,
    /// A page held what belongs pages before it: the server goes by another order than that of time.
    is_mixed: bool,
}

impl Order {
    /// The walk begins again, the other way.
    pub(super) fn turn(&mut self) {
        *self = Self {
            is_mixed: self.is_mixed,
            ..Self::default()
        };
    }

    /// Notes the oldest and the newest time on a page.
    pub(super) fn note(&mut self, (oldest, newest): (Time, Time), span: Window, direction: Direction) {
        let (from, to) = (earlier(span.from, MARGIN), later(span.to, MARGIN));
        self.before = if newest < from { self.before + 1 } else { 0 };
        self.after = if oldest > to { self.after + 1 } else { 0 };
        if let Some((first, last)) = self.passed {
            self.is_mixed |= match direction {
                Direction::Previous => newest.min(span.to) > later(first, MARGIN),
                Direction::Next => oldest.max(span.from) < earlier(last, MARGIN),
            };
        }
        self.pages.push_front((oldest, newest));
        if self.pages.len() > OUTSIDE
            && let Some((oldest, newest)) = self.pages.pop_back()
        {
            // A time far off says nothing of the order.
            let inside = [oldest, newest].into_iter().filter(|time| span.contains(*time));
            let passed = self.passed.into_iter().flat_map(|(first, last)| [first, last]);
            self.passed = spread(inside.chain(passed));
        }
    }

    /// Whether a page held what belongs pages before it.
    pub(super) fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// The directions in which nothing more of the span can come.
    pub(super) fn ends(&self) -> Vec<Direction> {
        let ends = [(self.before, Direction::Previous), (self.after, Direction::Next)];
        ends.into_iter()
            .filter_map(|(pages, direction)| (pages >= OUTSIDE).then_some(direction))
            .collect()
    }

    /// The part of the span that a walk in this direction would have ended with by now, had no more been asked for: the
    /// last pages lie wholly beyond it. None where the order of pages is not that of time: the rest of it may be anywhere.
    pub(super) fn complete_part(&self, span: Window, direction: Direction) -> Option<Window> {
        if self.pages.len() < OUTSIDE || self.is_mixed {
            return None;
        }
        let (oldest, newest) = spread(self.pages.iter().flat_map(|(oldest, newest)| [*oldest, *newest]))?;
        Some(match direction {
            Direction::Previous => {
                Window::new(later(floor(newest), MARGIN + INSTANT).max(span.from), span.to)
            }
            Direction::Next => Window::new(span.from, earlier(floor(oldest), MARGIN).min(span.to)),
        })
    }
}

/// The first and the last of some times.
pub(super) fn spread(times: impl Iterator<Item = Time>) -> Option<(Time, Time)> {
    times.fold(None, |spread, time| {
        let (first, last) = spread.unwrap_or((time, time));
        Some((first.min(time), last.max(time)))
    })
}
