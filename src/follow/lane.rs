//! A queue of targets, each in it once, and so many of them at work at once. Knows nothing of the work.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{sync::Notify, time::Instant};
use tracing::Instrument as _;

use crate::target::TargetName;

/// After a panic a target rests for so long.
const AFTER_PANIC: Duration = Duration::from_secs(300);

/// What is to be done with a target whose step has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// Nothing, until it is pushed again.
    Idle,
    /// Another step, behind all others.
    Again,
    /// Another step after this long, whoever pushes it.
    Wait(Duration),
}

pub(super) struct Lane {
    at_once: usize,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<TargetName>,
    waiting: BTreeMap<TargetName, Instant>,
    /// At work; true: pushed meanwhile.
    busy: BTreeMap<TargetName, bool>,
    /// Nobody begins before that.
    held: Option<Instant>,
}

impl Lane {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            queue: Mutex::default(),
            wake: Notify::new(),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Queue) -> T) -> T {
        act(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// There is something to do for a target. One that waits goes on waiting.
    pub(super) fn push(&self, target: &TargetName) {
        self.with(|queue| queue.push(target));
        self.wake.notify_one();
    }

    /// Nothing is begun for so long.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        self.with(|queue| queue.held = queue.held.max(Some(until)));
    }

    /// Does a step for each target in the queue, for ever. A panic ends its step alone.
    pub(super) async fn serve<F: Future<Output = After>>(&self, step: impl Fn(TargetName) -> F) {
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.at_once
                && let Some(target) = self.with(|queue| queue.take(Instant::now()))
            {
                let span = tracing::error_span!("follow", target = %target);
                let work = AssertUnwindSafe(step(target.clone())).catch_unwind();
                let work = async move {
                    let after = work.await.unwrap_or_else(|_| {
                        tracing::error!("following the commits panicked: this is a bug, please report it");
                        After::Wait(AFTER_PANIC)
                    });
                    self.with(|queue| queue.finish(target, after));
                };
                running.push(work.instrument(span));
            }
            let due = self.with(|queue| queue.due());
            let due = due.filter(|_| running.len() < self.at_once);
            let sleep = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(()) = running.next(), if !running.is_empty() => {}
                () = self.wake.notified() => {}
                () = sleep => {}
            }
        }
    }
}

impl Queue {
    fn push(&mut self, target: &TargetName) {
        if let Some(again) = self.busy.get_mut(target) {
            *again = true;
        } else if !self.waiting.contains_key(target) && !self.ready.contains(target) {
            self.ready.push_back(target.clone());
        }
    }

    fn take(&mut self, now: Instant) -> Option<TargetName> {
        if self.held.is_some_and(|held| now < held) {
            return None;
        }
        self.held = None;
        let due = self.waiting.extract_if(.., |_, due| *due <= now);
        self.ready.extend(due.map(|(target, _)| target));
        let target = self.ready.pop_front()?;
        self.busy.insert(target.clone(), false);
        Some(target)
    }

    fn finish(&mut self, target: TargetName, after: After) {
        let pushed = self.busy.remove(&target).unwrap_or_default();
        match after {
            After::Wait(wait) => {
                self.waiting.insert(target, Instant::now() + wait);
            }
            After::Idle if !pushed => {}
            After::Idle | After::Again => self.ready.push_back(target),
        }
    }

    /// When the next target can begin, if none can now.
    fn due(&self) -> Option<Instant> {
        let next = self.waiting.values().min().copied();
        match self.held {
            Some(held) if !self.ready.is_empty() => Some(held),
            Some(held) => next.map(|next| next.max(held)),
            None => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::timeout;

    use super::*;

    fn target(number: usize) -> TargetName {
        format!("t{number}").parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_allowed_are_at_work_and_all_get_their_turn() {
        let lane = Lane::new(3);
        (0..20).for_each(|number| lane.push(&target(number)));
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let steps: Mutex<BTreeMap<TargetName, usize>> = Mutex::default();
        let serving = lane.serve(|target| async {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            let mut steps = steps.lock().unwrap();
            let times = steps.entry(target).or_default();
            *times += 1;
            if *times < 3 { After::Again } else { After::Idle }
        });
        assert!(timeout(Duration::from_secs(60), serving).await.is_err());
        assert_eq!(most.load(Ordering::SeqCst), 3);
        let steps = steps.lock().unwrap();
        assert_eq!((steps.len(), steps.values().sum::<usize>()), (20, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_or_dies_keeps_no_other_waiting() {
        let lane = Lane::new(1);
        (0..3).for_each(|number| lane.push(&target(number)));
        let began = Instant::now();
        let log: Mutex<Vec<(String, u64)>> = Mutex::default();
        let serving = lane.serve(|target| async {
            let target = target;
            let name = target.to_string();
            log.lock()
                .unwrap()
                .push((name.clone(), began.elapsed().as_secs()));
            // Pushed while it waits, it waits all the same.
            lane.push(&self::target(0));
            match name.as_str() {
                "t0" => After::Wait(Duration::from_secs(100)),
                "t1" => panic!("as a bug would"),
                _ => After::Idle,
            }
        });
        assert!(timeout(Duration::from_secs(310), serving).await.is_err());
        let log = log.lock().unwrap();
        let of = |name: &str| -> Vec<u64> {
            log.iter()
                .filter(|(of, _)| of == name)
                .map(|(_, at)| *at)
                .collect()
        };
        assert_eq!(of("t0"), [0, 100, 200, 300]);
        assert_eq!(of("t1"), [0, 300]);
        assert_eq!(of("t2"), [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_is_held_begins_nothing() {
        let lane = Lane::new(2);
        lane.hold(Duration::from_secs(60));
        lane.push(&target(1));
        let began = Instant::now();
        let at = Mutex::new(None);
        let serving = lane.serve(|_| async {
            *at.lock().unwrap() = Some(began.elapsed().as_secs());
            After::Idle
        });
        assert!(timeout(Duration::from_secs(70), serving).await.is_err());
        assert_eq!(*at.lock().unwrap(), Some(60));
    }
}
