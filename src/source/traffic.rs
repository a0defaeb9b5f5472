//! What went over a connection, counted: requests by how they were answered and how long that took.
//!
//! It outlives the connection: one that is opened anew under the same name goes on counting.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    count::{Counter, Histogram},
    limiter::Limiter,
};

/// Answers that are told by their status, in ascending order; others by its first digit.
const STATUSES: [(u16, &str); 19] = [
    (200, "200"),
    (202, "202"),
    (204, "204"),
    (302, "302"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
];
/// By the first digit, and what has no complete answer.
const OTHERS: [&str; 7] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other", "none"];
/// In seconds. A file may take minutes.
const TOOK: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
/// The quickest page of late counts as so much slower with each page after it.
const FADING: f64 = 1.1;

/// What went over a connection since the process started. Token requests count too.
#[derive(Debug)]
pub struct Traffic {
    pub(super) sent: Counter,
    pub(super) retries: Counter,
    pub(super) throttled: Counter,
    answers: [Counter; STATUSES.len()],
    others: [Counter; OTHERS.len()],
    took: Histogram,
    /// How long a page takes when nothing holds it up, about: the quickest of late. None: there was none yet.
    quickest: Mutex<Option<Duration>>,
    /// Of the connection that is open now.
    limiter: Mutex<Option<Limiter>>,
}

/// A request. It is counted when it ends, also if nobody waits for its answer any more.
pub(super) struct UnderWay<'a> {
    traffic: &'a Traffic,
    began: Instant,
    /// Of the answer, once a complete one came.
    pub(super) status: Option<u16>,
    /// What was asked for is neither a token nor a file that is made first.
    pub(super) is_page: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.traffic.answered(self.status, took);
        if self.is_page && self.status == Some(200) {
            self.traffic.paged(took);
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            sent: Counter::default(),
            retries: Counter::default(),
            throttled: Counter::default(),
            answers: Default::default(),
            others: Default::default(),
            took: Histogram::new(TOOK),
            quickest: Mutex::default(),
            limiter: Mutex::default(),
        }
    }
}

impl Traffic {
    /// A request begins.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.sent.add(1);
        UnderWay {
            traffic: self,
            began: Instant::now(),
            status: None,
            is_page: false,
        }
    }

    fn paged(&self, took: Duration) {
        let mut quickest = self.quickest.lock().unwrap_or_else(PoisonError::into_inner);
        *quickest = Some(quickest.map_or(took, |before| took.min(before.mul_f64(FADING))));
    }

    fn answered(&self, status: Option<u16>, took: Duration) {
        self.took.observe(took);
        let exact = STATUSES.iter().zip(&self.answers);
        let exact = exact.filter(|((code, _), _)| Some(*code) == status);
        let class = match status {
            None => "none",
            Some(100..200) => "1xx",
            Some(200..300) => "2xx",
            Some(300..400) => "3xx",
            Some(400..500) => "4xx",
            Some(500..600) => "5xx",
            Some(_) => "other",
        };
        let other = OTHERS.iter().zip(&self.others);
        let other = other.filter(|(name, _)| **name == class).map(|(_, count)| count);
        if let Some(count) = exact.map(|(_, count)| count).chain(other).next() {
            count.add(1);
        }
    }

    pub(super) fn limited_by(&self, limiter: &Limiter) {
        *self.limiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(limiter.clone());
    }

    /// Each kind of answer, and how many requests had it.
    pub fn answers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let exact = STATUSES.iter().map(|(_, name)| *name).zip(&self.answers);
        let others = OTHERS.into_iter().zip(&self.others);
        exact.chain(others).map(|(name, count)| (name, count.get()))
    }

    /// How long requests took, from sending to the end of the body.
    #[must_use]
    pub fn took(&self) -> &Histogram {
        &self.took
    }

    /// How long a page takes when nothing here or there holds it up: the quickest of late. Zero before the first.
    #[must_use]
    pub fn quickest(&self) -> Duration {
        let quickest = self.quickest.lock().unwrap_or_else(PoisonError::into_inner);
        quickest.unwrap_or_default()
    }

    /// Requests that repeated a failed one.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.get()
    }

    /// Answers that asked for fewer requests.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.throttled.get()
    }

    /// How many requests are under way, and how many may be. None: the connection was never opened.
    #[must_use]
    pub fn under_way(&self) -> Option<(usize, usize)> {
        let limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter
            .as_ref()
            .map(|limiter| (limiter.in_flight(), limiter.limit()))
    }

    /// How many requests may start in a second, as learned from the server. None: it never asked for fewer.
    #[must_use]
    pub fn learned_rate(&self) -> Option<f64> {
        let limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.as_ref().and_then(Limiter::rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_counted_under_one_name_and_names_are_few() {
        let traffic = Traffic::default();
        let codes = [200, 201, 299, 304, 307, 418, 429, 503, 599, 100, 600, 65_535];
        for code in codes {
            traffic.answered(Some(code), Duration::ZERO);
        }
        traffic.answered(None, Duration::from_secs(1));
        let counted: Vec<_> = traffic.answers().filter(|(_, count)| *count > 0).collect();
        let expected = [
            ("200", 1),
            ("304", 1),
            ("429", 1),
            ("503", 1),
            ("1xx", 1),
            ("2xx", 2),
            ("3xx", 1),
            ("4xx", 1),
            ("5xx", 1),
            ("other", 2),
            ("none", 1),
        ];
        assert_eq!(counted, expected);
        assert_eq!(traffic.took().read().count, 13);
        (0..=u16::MAX).for_each(|code| traffic.answered(Some(code), Duration::ZERO));
        assert_eq!(traffic.answers().count(), STATUSES.len() + OTHERS.len());
    }

    #[test]
    fn a_server_is_as_far_away_as_its_quickest_pages_of_late_tell() {
        let traffic = Traffic::default();
        let paged = |millis| traffic.paged(Duration::from_millis(millis));
        assert_eq!(traffic.quickest(), Duration::ZERO);
        [100, 900, 110, 105].into_iter().for_each(paged);
        let far = traffic.quickest();
        assert!(
            far >= Duration::from_millis(100) && far < Duration::from_millis(130),
            "{far:?}"
        );
        paged(2);
        assert_eq!(traffic.quickest(), Duration::from_millis(2));
        (0..60).for_each(|_| paged(100));
        assert_eq!(traffic.quickest(), Duration::from_millis(100), "it moved away");
    }
}
