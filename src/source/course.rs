//! How far a walk has come, and where it ends: the older rest of its span may be given to another.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{clock::Time, window::Window};

/// A rest that is narrower than this is not given away: each half would be shown what lies within a second of it, too.
const NARROW: Duration = Duration::from_secs(10);
/// Half of the pages that who keeps the newer half reads beyond it, less half of what comes half empty at the older end.
const BEYOND: f64 = 0.75;
/// So many pages tell how much time the next will span.
const LATE: u32 = 4;

/// The course of a walk over a span, from its newest event on.
#[derive(Debug)]
pub struct Course(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// What is to be read: its beginning moves when the rest is given away.
    span: Window,
    /// All that is newer was read.
    reached: Time,
    /// How much time a page spans, of late; zero before there was one.
    page: Duration,
    /// Pages come in no order of time: what is left may be anywhere.
    wanders: bool,
}

impl Course {
    /// Nothing was read yet.
    #[must_use]
    pub fn over(span: Window) -> Self {
        Self(Mutex::new(State {
            span,
            reached: span.to,
            page: Duration::ZERO,
            wanders: false,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be read.
    #[must_use]
    pub fn span(&self) -> Window {
        self.state().span
    }

    /// A page was read whose oldest event has that time.
    pub(super) fn came_to(&self, oldest: Time) {
        let mut state = self.state();
        // A page of what lies beyond says nothing of what is left.
        if oldest < state.span.to {
            let width = Window::new(oldest, state.reached).width();
            state.page = if state.page.is_zero() {
                width
            } else {
                (state.page * (LATE - 1) + width) / LATE
            };
            state.reached = state.reached.min(oldest);
        }
    }

    /// Pages turned out to come in no order of time.
    pub(super) fn wanders(&self) {
        self.state().wanders = true;
    }

    /// How many pages are still to be read that could be given away, if they span as much as those of late: nights
    /// and days differ.
    #[must_use]
    pub fn rest(&self) -> f64 {
        let State {
            span,
            reached,
            page,
            wanders,
        } = *self.state();
        let rest = Window::new(span.from, reached).width();
        if wanders || rest < NARROW || page.is_zero() {
            return 0.0;
        }
        rest.as_secs_f64() / page.as_secs_f64()
    }

    /// Gives the older half of the rest away, which is then to be read by another: a little more than half, since who keeps
    /// the newer one has to see two pages that lie beyond it.
    #[must_use]
    pub fn give_half(&self) -> Window {
        let mut state = self.state();
        let rest = Window::new(state.span.from, state.reached);
        let given = rest.width() / 2 + state.page.mul_f64(BEYOND);
        let (half, _) = rest.split(given.min(rest.width() * 3 / 4));
        state.span.from = half.to;
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sample::at;

    #[test]
    fn the_older_half_of_what_is_left_is_given_away_and_the_parts_touch() {
        let course = Course::over(Window::new(at(0), at(1000)));
        assert!(course.rest() < f64::EPSILON, "nothing is known yet");
        (1..=5).for_each(|page| course.came_to(at(1000 - 40 * page)));
        assert!((course.rest() - 20.0).abs() < 0.01, "{}", course.rest());
        // Half, and as much as makes good for the two pages beyond that the other still has to see.
        assert_eq!(course.give_half(), Window::new(at(0), at(430)));
        assert_eq!(course.span(), Window::new(at(430), at(1000)));
        assert_eq!(course.give_half(), Window::new(at(430), at(645)));
        // What it was shown beyond its end changes nothing.
        course.came_to(at(100));
        assert_eq!(course.span(), Window::new(at(645), at(1000)));
        assert!(course.rest() < f64::EPSILON && course.give_half().width() <= Duration::from_millis(1));
    }

    #[test]
    fn what_is_left_is_told_by_the_last_pages() {
        let course = Course::over(Window::new(at(0), at(10_000)));
        // A quiet night, and then a busy day.
        (1..=2).for_each(|page| course.came_to(at(10_000 - 4_000 * page)));
        assert!(course.rest() < 1.0);
        (1..=10).for_each(|page| course.came_to(at(2_000 - 10 * page)));
        assert!(course.rest() > 5.0, "{}", course.rest());
    }

    #[test]
    fn a_burst_and_what_is_in_no_order_are_not_given_away() {
        let burst = Course::over(Window::new(at(0), at(12)));
        (0..50).for_each(|_| burst.came_to(at(13)));
        burst.came_to(at(9));
        assert!(burst.rest() < f64::EPSILON, "{}", burst.rest());
        let course = Course::over(Window::new(at(0), at(1000)));
        course.came_to(at(900));
        assert!(course.rest() > 8.0);
        course.wanders();
        assert!(course.rest() < f64::EPSILON);
    }
}
