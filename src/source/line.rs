//! What the API requests and the token requests of one connection share: the wire, the tries, the counters.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    body::Intake,
    http::{HttpError, Place},
    refusal::{Refusal, Said},
    traffic::Traffic,
    wire::{Answer, Ask, Wire},
};
use crate::{
    clock::Clock,
    error::{Action, Chain},
    retry::{self, Backoff, Budget},
};

/// After this long without a throttled reply the next one is worth a warning again.
const QUIET: Duration = Duration::from_secs(10 * 60);

/// What was sent and how it went. Token requests count too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Requests sent.
    pub requests: u64,
    /// Of these, those that repeated a failed one.
    pub retries: u64,
    /// Replies that asked for fewer requests.
    pub throttled: u64,
}

/// A connection's wire, with a memory of what was sent over it.
pub(super) struct Line {
    name: String,
    wire: Wire,
    clock: Clock,
    budget: Budget,
    backoff: Backoff,
    traffic: Arc<Traffic>,
    last_throttled: Mutex<Option<Instant>>,
    /// When we last said what rate was learned, and which.
    last_learned: Mutex<Option<(Instant, f64)>>,
}

impl Line {
    pub(super) fn new(
        name: String,
        wire: Wire,
        clock: Clock,
        budget: Budget,
        backoff: Backoff,
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            name,
            wire,
            clock,
            budget,
            backoff,
            traffic,
            last_throttled: Mutex::new(None),
            last_learned: Mutex::new(None),
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn quickest(&self) -> Duration {
        self.traffic.quickest()
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            requests: self.traffic.sent.get(),
            retries: self.traffic.retries(),
            throttled: self.traffic.throttled(),
        }
    }

    /// Sends one request. Replies that ask to come back later are errors here, all others the caller's to judge.
    pub(super) async fn ask(&self, ask: Ask<'_>, intake: Intake<'_>) -> Result<Answer, HttpError> {
        let at = Place::from(ask.url());
        let answer = {
            let mut under_way = self.traffic.begin();
            under_way.is_page = matches!(ask, Ask::Get { .. });
            let answer = self.wire.exchange(ask, intake).await;
            under_way.status = answer.as_ref().ok().map(|answer| answer.status);
            answer
        };
        let answer = answer.map_err(|source| HttpError::Broken {
            at: at.clone(),
            source,
        })?;
        if !matches!(answer.status, 408 | 429 | 500..) {
            return Ok(answer);
        }
        // The server's own clock, where it says: a date is then right however our clocks differ.
        let now = answer.date.unwrap_or_else(|| self.clock.now());
        let wait = answer
            .retry_after
            .as_deref()
            .and_then(|value| retry::retry_after(value, now));
        let refusal = refusal(&answer, ask);
        if throttles(answer.status, wait) {
            self.note_throttled(&at, &refusal, wait);
        }
        Err(HttpError::Unavailable { at, refusal, wait })
    }

    fn note_throttled(&self, at: &Place, refusal: &Refusal, wait: Option<Duration>) {
        self.traffic.throttled.add(1);
        let now = Instant::now();
        let before = self
            .last_throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(now);
        if before.is_none_or(|before| now.duration_since(before) > QUIET) {
            let wait = wait.map(|wait| wait.as_secs());
            warn!(connection = self.name, %at, status = refusal.status, retry_after_s = wait, "throttled: asking less often");
        }
    }

    /// The server was found to allow so many requests per second: told once in a while, and when it is another rate.
    pub(super) fn note_learned(&self, rate: f64) {
        let now = Instant::now();
        let mut last = self.last_learned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |(at, said): (Instant, f64)| {
            let is_other = rate > said * 1.5 || rate * 1.5 < said;
            now.duration_since(at) > if is_other { QUIET / 10 } else { QUIET }
        };
        if last.is_none_or(is_old) {
            *last = Some((now, rate));
            info!(
                connection = self.name,
                requests_per_second = rounded(rate),
                "learned how often the server lets us ask"
            );
        }
    }

    /// Tries of one request. Its budget begins with the first [`Tries::begin`].
    pub(super) fn tries(&self) -> Tries<'_> {
        Tries {
            line: self,
            sent: 0,
            begun: None,
            waited: None,
        }
    }

    /// Tries of a download: what it takes the server to put a file together is not counted, only the waits between.
    pub(super) fn patient_tries(&self) -> Tries<'_> {
        Tries {
            waited: Some(Duration::ZERO),
            ..self.tries()
        }
    }
}

/// To two places behind the point.
fn rounded(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

/// What a refusal says, without the secrets that were sent.
pub(super) fn refusal(answer: &Answer, ask: Ask<'_>) -> Refusal {
    let said = Said {
        status: answer.status,
        request_id: answer.request_id.as_deref(),
        challenge: answer.challenge.as_deref(),
        body: &answer.body,
    };
    Refusal::read(said, ask.secret())
}

/// Whether a reply asks for fewer requests, rather than for this one again.
pub(super) fn throttles(status: u16, wait: Option<Duration>) -> bool {
    status == 429 || (status == 503 && wait.is_some())
}

/// The tries of one request: how many, since when, and whether there may be another.
pub(super) struct Tries<'a> {
    line: &'a Line,
    sent: u32,
    begun: Option<Instant>,
    /// Where the waits alone count: how long they were.
    waited: Option<Duration>,
}

impl Tries<'_> {
    /// Counts a request that is about to be sent.
    pub(super) fn begin(&mut self) {
        if self.sent > 0 {
            self.line.traffic.retries.add(1);
        }
        self.sent += 1;
        self.begun.get_or_insert_with(Instant::now);
    }

    /// Requests sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// Waits until the next try is due.
    ///
    /// # Errors
    /// When there is none: the failure is final, or the budget is spent.
    pub(super) async fn again(&mut self, failure: HttpError) -> Result<(), HttpError> {
        if failure.action() != Action::Retry {
            return Err(failure);
        }
        let (budget, after) = (self.line.budget, self.waited.unwrap_or_else(|| self.after()));
        let asked = failure.wait();
        let left = budget.retry_for.saturating_sub(after);
        if let Some(wait) = asked.filter(|wait| *wait > left) {
            return Err(HttpError::WaitTooLong {
                wait,
                left,
                source: Box::new(failure),
            });
        }
        let Some(wait) = self
            .line
            .backoff
            .wait(budget, self.sent, after, asked, rand::random())
        else {
            return Err(self.gave_up(failure));
        };
        debug!(connection = self.line.name, tries = self.sent, wait_ms = wait.as_millis(), reason = %Chain(&failure), "trying again");
        tokio::time::sleep(wait).await;
        self.waited = self.waited.map(|waited| waited + wait);
        Ok(())
    }

    /// Whether another try may follow at once, after a failure that waiting does not mend.
    ///
    /// # Errors
    /// When the tries are used up.
    pub(super) fn at_once(&self, failure: HttpError) -> Result<(), HttpError> {
        if self.sent >= self.line.budget.tries {
            return Err(self.gave_up(failure));
        }
        debug!(connection = self.line.name, tries = self.sent, reason = %Chain(&failure), "trying again with a fresh token");
        Ok(())
    }

    fn gave_up(&self, failure: HttpError) -> HttpError {
        HttpError::GaveUp {
            tries: self.sent,
            after: self.after(),
            source: Box::new(failure),
        }
    }

    fn after(&self) -> Duration {
        self.begun.map(|begun| begun.elapsed()).unwrap_or_default()
    }
}
