//! How far a walk has come, and where it ends: the older rest of its span may be given to another.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{clock::Time, window::Window};

/// The course of a walk over a span, from its newest event on.
#[derive(Debug)]
pub struct Course(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// What is to be read: its beginning moves when the rest is given away.
    span: Window,
    /// All that is newer was read.
    reached: Time,
    pages: u32,
}

impl Course {
    /// Nothing was read yet.
    #[must_use]
    pub fn over(span: Window) -> Self {
        Self(Mutex::new(State {
            span,
            reached: span.to,
            pages: 0,
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
        state.reached = state.reached.min(oldest);
        state.pages = state.pages.saturating_add(1);
    }

    /// How many pages are still to be read, if they are as full as those before.
    #[must_use]
    pub fn rest(&self) -> f64 {
        let State { span, reached, pages } = *self.state();
        let read = Window::new(reached, span.to).width().as_secs_f64();
        let rest = Window::new(span.from, reached).width().as_secs_f64();
        if read > 0.0 {
            f64::from(pages) * rest / read
        } else {
            0.0
        }
    }

    /// Gives the older half of the rest away, which is then to be read by another.
    #[must_use]
    pub fn give_half(&self) -> Window {
        let mut state = self.state();
        let rest = Window::new(state.span.from, state.reached);
        let (half, _) = rest.split(rest.width() / 2);
        state.span.from = half.to;
        half
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::window::later;

    #[test]
    fn the_older_half_of_what_is_left_is_given_away_and_the_parts_touch() {
        let at = |second| {
            later(
                "2026-11-01T00:00:00Z".parse().unwrap(),
                Duration::from_secs(second),
            )
        };
        let course = Course::over(Window::new(at(0), at(1000)));
        assert!(course.rest() < f64::EPSILON, "nothing is known yet");
        (1..=4).for_each(|page| course.came_to(at(1000 - 50 * page)));
        assert!((course.rest() - 16.0).abs() < 0.01, "{}", course.rest());
        assert_eq!(course.give_half(), Window::new(at(0), at(400)));
        assert_eq!(course.span(), Window::new(at(400), at(1000)));
        assert_eq!(course.give_half(), Window::new(at(400), at(600)));
        // What it was shown beyond its end changes nothing.
        course.came_to(at(100));
        assert_eq!(course.span(), Window::new(at(600), at(1000)));
        assert!(course.rest() < f64::EPSILON && course.give_half().width() <= Duration::from_millis(1));
    }
}
