//! What of a window is still to be read, and in parts of which width; pure.

use std::time::Duration;

use crate::{
    clock::Time,
    source::Slice,
    target::second,
    window::{INSTANT, Width, Window, later},
};

/// The last parts of a window are narrower, so that those read side by side end together; but not narrower than this
/// share of what fits, as each costs a request that brings little.
const SMALLEST: f64 = 0.25;
const SECOND: Duration = Duration::from_secs(1);

/// Spans, oldest first, each with the width that fits it.
pub(super) struct Unread {
    spans: Vec<(Window, Width)>,
    /// Parts end at whole seconds: the API knows no others.
    by_seconds: bool,
}

impl Unread {
    /// All of a window; cut at `first`, if given. `by_seconds`: parts end at whole seconds.
    pub(super) fn of(whole: Window, first: Option<Time>, by_seconds: bool) -> Self {
        let cut = first.unwrap_or(whole.from);
        let mut unread = Self {
            spans: Vec::new(),
            by_seconds,
        };
        for span in [Window::new(whole.from, cut), Window::new(cut, whole.to)] {
            unread.insert(span, Width::of(span));
        }
        unread
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Where the oldest of it begins.
    pub(super) fn begins(&self) -> Option<Time> {
        self.spans.first().map(|(span, _)| span.from)
    }

    /// Takes the oldest part, to be read beside `at_once` others, and whether its width is more than a guess.
    pub(super) fn next(&mut self, at_once: usize) -> Option<(Window, bool)> {
        let parts: f64 = self
            .spans
            .iter()
            .map(|(span, width)| width.next_of(*span).1)
            .sum();
        let (span, width) = self.spans.first_mut()?;
        let is_known = width.is_known();
        let mut width = width.next_of(*span).0;
        if let Ok(at_once) = u32::try_from(at_once) {
            width = width.mul_f64((parts / f64::from(at_once)).clamp(SMALLEST, 1.0));
        }
        let (part, rest) = if self.by_seconds {
            let to = second(later(span.from, width)).max(later(second(span.from), SECOND));
            span.split((to - span.from).to_std().unwrap_or_default())
        } else {
            span.split(width)
        };
        *span = rest;
        if rest.is_empty() {
            self.spans.remove(0);
        }
        Some((part, is_known))
    }

    /// A slice was read of what was asked for: the rest of that is unread again.
    pub(super) fn was_read(&mut self, asked: Window, slice: &Slice) {
        let span = slice.span;
        if let Some((_, width)) = self.after(asked.to) {
            width.read(span.width(), slice.fullness);
        }
        for rest in [Window::new(asked.from, span.from), Window::new(span.to, asked.to)] {
            self.insert(rest, Width::like(span.width(), slice.fullness));
        }
    }

    /// A span holds too much: it is to be read in parts of that width. An instant that is too much is read by itself, and
    /// says nothing of the rest: parts as narrow as that would all be shown it, since each is asked for with a margin.
    pub(super) fn is_too_big(&mut self, span: Window, narrow: Duration) {
        if narrow <= INSTANT && !self.by_seconds {
            let (instant, rest) = span.split(INSTANT);
            self.insert(instant, Width::of(instant));
            self.insert(rest, Width::of(rest));
            return;
        }
        if let Some((_, width)) = self.after(span.to).filter(|(_, width)| !width.is_known()) {
            width.shrink(narrow);
        }
        let mut width = Width::of(span);
        width.shrink(narrow);
        self.insert(span, width);
    }

    /// Nothing of a span was read.
    pub(super) fn was_not_read(&mut self, asked: Window) {
        self.insert(asked, Width::of(asked));
    }

    /// What was read has to be read again.
    pub(super) fn put_back(&mut self, slice: &Slice) {
        self.insert(slice.span, Width::like(slice.span.width(), slice.fullness));
    }

    /// What is newer than that is not to be read any more.
    pub(super) fn forget_from(&mut self, end: Time) {
        self.spans.retain(|(span, _)| span.from < end);
    }

    fn after(&mut self, time: Time) -> Option<&mut (Window, Width)> {
        self.spans.iter_mut().find(|(span, _)| span.from >= time)
    }

    fn insert(&mut self, span: Window, width: Width) {
        if !span.is_empty() {
            let at = self.spans.partition_point(|(other, _)| other.from < span.from);
            self.spans.insert(at, (span, width));
        }
    }
}
