//! Whether the daemon does what it is there for. One that does not is to be killed and started anew, which loses nothing.
//!
//! A target that fails is no reason: only what a restart could mend is. Two things are: a target whose pass is overdue
//! and does not start, and work under way of which nothing has moved for long, over all targets together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Daemon;
use crate::clock::Time;

/// So often it looks.
const EVERY: Duration = Duration::from_secs(5);
/// A look that is this old was the last one: nothing runs any more.
const STALE: Duration = Duration::from_secs(60);
/// A pass may start this much later than it is due, as when the machine was suspended,
const LATE: Duration = Duration::from_secs(60);
/// and nothing may move for so long: longer than any request's budget, and than a file may take.
const STILL: Duration = Duration::from_secs(45 * 60);

/// What the last look showed.
#[derive(Default)]
pub(super) struct Pulse(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    looked: Option<Instant>,
    /// The target that has been overdue for longest, and since when this is so.
    overdue: Option<(String, Instant)>,
    /// What had happened by then, and when that was first seen.
    moved: Option<(u64, Instant)>,
    /// How many targets have something under way.
    busy: usize,
}

/// What a look shows.
#[derive(Clone, Default, Debug)]
pub(super) struct Seen {
    /// Targets whose due time has passed, without anything under way; and those that nobody works for any more.
    pub(super) overdue: Vec<String>,
    /// Grows with everything that happens.
    pub(super) moved: u64,
    /// Targets that have something under way.
    pub(super) busy: usize,
}

impl Pulse {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, seen: &Seen, now: Instant) {
        self.with(|inner| {
            inner.looked = Some(now);
            let still = inner
                .overdue
                .take()
                .filter(|(name, _)| seen.overdue.contains(name));
            inner.overdue = still.or_else(|| seen.overdue.first().map(|name| (name.clone(), now)));
            if seen.busy == 0 || inner.moved.is_none_or(|(moved, _)| moved != seen.moved) {
                inner.moved = Some((seen.moved, now));
            }
            inner.busy = seen.busy;
        });
    }

    /// Why it is to be started anew. None: it is alive.
    pub(super) fn trouble(&self, now: Instant) -> Option<String> {
        self.with(|inner| {
            let since = |then: Instant| now.saturating_duration_since(then);
            // Before the first look it has just begun.
            let looked = inner.looked?;
            if since(looked) > STALE {
                return Some(format!("nothing was looked after for {:?}", since(looked)));
            }
            if let Some((name, then)) = inner.overdue.as_ref().filter(|(_, then)| since(*then) > LATE) {
                return Some(format!(
                    "the pass of `{name}` has been overdue for {} s and does not start",
                    since(*then).as_secs()
                ));
            }
            let (_, then) = inner
                .moved
                .filter(|(_, then)| inner.busy > 0 && since(*then) > STILL)?;
            Some(format!(
                "{} targets have something under way, and nothing has moved for {} s",
                inner.busy,
                since(then).as_secs()
            ))
        })
    }
}

impl Daemon {
    /// Looks again and again until it is time to stop.
    pub(super) async fn take_pulse(self: Arc<Self>) {
        let mut told = false;
        loop {
            let mut seen = self.board.pulse(self.clock.now());
            seen.moved += self.crew.requests();
            seen.overdue.extend(self.crew.deserted());
            let before = self.pulse.trouble(Instant::now());
            self.pulse.note(&seen, Instant::now());
            let trouble = self.pulse.trouble(Instant::now()).or(before);
            if let Some(trouble) = trouble.as_ref().filter(|_| !told) {
                tracing::error!(
                    trouble,
                    hint = "restart it, as systemd's watchdog and /livez have it done; please report this",
                    "the daemon is stuck"
                );
            }
            told = trouble.is_some();
            if self
                .stop
                .run_until_cancelled(tokio::time::sleep(EVERY))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Why the daemon is to be started anew. None: it is alive. Stopping, it is.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.stop.is_cancelled() {
            return None;
        }
        self.pulse.trouble(Instant::now())
    }
}

/// Whether a due time has passed.
pub(super) fn is_past(due: Option<Time>, now: Time) -> bool {
    due.is_some_and(|due| due <= now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Pulse, Seen};

    const MINUTE: Duration = Duration::from_secs(60);

    fn seen(overdue: &[&str], moved: u64, busy: usize) -> Seen {
        Seen {
            overdue: overdue.iter().map(|name| (*name).to_owned()).collect(),
            moved,
            busy,
        }
    }

    /// Looks every 5 seconds at what `show` says of that second; what was wrong at the end.
    fn watch(seconds: u64, show: impl Fn(u64) -> Seen) -> Option<String> {
        let (pulse, start) = (Pulse::default(), Instant::now());
        assert_eq!(pulse.trouble(start), None);
        for second in (0..=seconds).step_by(5) {
            pulse.note(&show(second), start + Duration::from_secs(second));
        }
        pulse.trouble(start + Duration::from_secs(seconds))
    }

    #[test]
    fn a_pass_that_is_overdue_and_does_not_start_is_trouble_after_a_minute() {
        assert_eq!(watch(55, |_| seen(&["acme"], 0, 0)), None);
        let trouble = watch(70, |_| seen(&["acme"], 0, 0)).unwrap();
        assert!(trouble.contains("`acme` has been overdue for 70 s"), "{trouble}");
        // Ever other ones are late: somebody works them off.
        let one_by_one = |second: u64| seen(&[&format!("target-{}", second / 30)], second, 3);
        assert_eq!(watch(600, one_by_one), None);
        // Who was first starts at last, another has waited as long: from then on.
        let first_starts = |second: u64| {
            if second < 50 {
                seen(&["a", "b"], 0, 0)
            } else {
                seen(&["b"], 1, 1)
            }
        };
        assert_eq!(watch(100, first_starts), None);
        assert!(watch(120, first_starts).is_some());
    }

    #[test]
    fn work_of_which_nothing_moves_is_trouble_in_the_end_but_rest_is_none() {
        assert_eq!(watch(3600, |_| seen(&[], 7, 0)), None);
        assert_eq!(watch(44 * 60, |_| seen(&[], 7, 2)), None);
        let trouble = watch(46 * 60, |_| seen(&[], 7, 2)).unwrap();
        assert!(
            trouble.starts_with("2 targets have something under way"),
            "{trouble}"
        );
        assert_eq!(watch(5 * 3600, |second| seen(&[], second / 1800, 2)), None);
        // It has just begun.
        assert_eq!(
            watch(3600, |second| seen(&[], 7, usize::from(second > 3000))),
            None
        );
    }

    #[test]
    fn when_nobody_looks_any_more_nothing_runs() {
        let (pulse, start) = (Pulse::default(), Instant::now());
        pulse.note(&Seen::default(), start);
        assert_eq!(pulse.trouble(start + MINUTE), None);
        assert!(pulse.trouble(start + MINUTE + MINUTE).is_some());
    }
}
