//! Counters that many tasks add to and anybody may read: plain atomics, no names, no labels.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of what was observed took how long.
#[derive(Debug)]
pub struct Histogram {
    /// In seconds, ascending.
    bounds: &'static [f64],
    /// One for each bound, and one for what lies above all of them.
    counts: Box<[Counter]>,
    millis: Counter,
}

/// What a histogram showed at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Observed {
    /// For each bound how many were no longer than that.
    pub up_to: Vec<(f64, u64)>,
    /// How many in all.
    pub count: u64,
    /// Of all together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// With these bounds, in seconds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| Counter::default()).collect(),
            millis: Counter::default(),
        }
    }

    /// Counts one more.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = self.bounds.iter().take_while(|bound| seconds > **bound).count();
        self.counts.get(place).into_iter().for_each(|count| count.add(1));
        self.millis
            .add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }

    /// What was observed so far.
    #[must_use]
    pub fn read(&self) -> Observed {
        let mut count = 0;
        let mut up_to = Vec::with_capacity(self.bounds.len());
        for (place, counted) in self.counts.iter().enumerate() {
            count += counted.get();
            up_to.extend(self.bounds.get(place).map(|bound| (*bound, count)));
        }
        Observed {
            up_to,
            count,
            sum: Duration::from_millis(self.millis.get()).as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_observation_is_counted_once_at_the_first_bound_that_holds_it() {
        let histogram = Histogram::new(&[0.1, 1.0, 10.0]);
        for millis in [0, 100, 101, 1_000, 9_999, 60_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let expected = Observed {
            up_to: vec![(0.1, 2), (1.0, 4), (10.0, 5)],
            count: 6,
            sum: 71.2,
        };
        assert_eq!(histogram.read(), expected);
    }
}
