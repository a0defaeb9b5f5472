//! Servers that refuse, as far as a limiter can tell.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, timeout};

use crate::limiter::Limiter;

/// What a server counts by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Tokens, of which so many can be saved up.
    Bucket(f64),
    /// Windows of so many seconds.
    Fixed(f64),
    /// The last so many seconds.
    Sliding(f64),
    /// Requests at once: so many seconds are spent on each.
    AtOnce(usize),
}

/// What a refusal says of when to come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// Whole seconds, rounded up.
    Seconds,
    /// The exact time.
    Exactly,
    /// Nothing.
    Nothing,
    /// Zero seconds.
    Zero,
    /// The next whole second, even where that is a second too many.
    Generously,
}

#[derive(Clone, Debug)]
pub(super) struct Server(Arc<Mutex<State>>);

struct State {
    kind: Kind,
    per_second: f64,
    told: Told,
    began: Instant,
    /// Seconds since then, of the last look at the bucket.
    looked: f64,
    tokens: f64,
    /// The window, and how many it has seen.
    window: (f64, f64),
    seen: VecDeque<f64>,
    at_once: usize,
    latency: Duration,
    dice: u64,
    /// Of each reply: when, and whether it admitted.
    replies: Vec<(f64, bool)>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} of {}/s, telling {:?}",
            self.kind, self.per_second, self.told
        )
    }
}

impl Server {
    pub(super) fn new(kind: Kind, per_second: f64, told: Told, latency_ms: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            kind,
            per_second,
            told,
            began: Instant::now(),
            looked: 0.0,
            tokens: if let Kind::Bucket(burst) = kind {
                burst
            } else {
                0.0
            },
            window: (-1.0, 0.0),
            seen: VecDeque::new(),
            at_once: 0,
            latency: Duration::from_millis(latency_ms),
            dice: 1,
            replies: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn allow(&self, per_second: f64) {
        self.state().per_second = per_second;
    }

    /// A request and its reply. Refused: what the reply says of when to come back.
    pub(super) async fn ask(&self) -> Result<(), Option<Duration>> {
        let half = self.state().half();
        sleep(half).await;
        let answer = self.state().answer();
        if let (Ok(()), Kind::AtOnce(_)) = (&answer, self.kind()) {
            let busy = self.state().latency;
            sleep(busy).await;
            self.state().at_once -= 1;
        }
        let half = self.state().half();
        sleep(half).await;
        let mut state = self.state();
        let now = state.now();
        state.replies.push((now, answer.is_ok()));
        answer
    }

    fn kind(&self) -> Kind {
        self.state().kind
    }

    /// Somebody else asks, so often, for so many seconds, and takes what there is.
    pub(super) async fn neighbour(&self, per_second: f64, time: u64) {
        let asking = async {
            loop {
                sleep(Duration::from_secs_f64(per_second.recip())).await;
                let _taken = self.state().answer();
            }
        };
        let _: Result<(), _> = timeout(Duration::from_secs(time), asking).await;
    }

    /// Replies that admitted, and all others, from one second to another.
    pub(super) fn replies(&self, from: u64, to: u64) -> (f64, f64) {
        let state = self.state();
        let within = |at: f64| at >= from as f64 && at < to as f64;
        let count = |ok| {
            let replies = state.replies.iter();
            replies
                .filter(|(at, admitted)| within(*at) && *admitted == ok)
                .count() as f64
        };
        (count(true), count(false))
    }

    /// The share of what was allowed that was used, and the share of replies that refused.
    pub(super) fn figures(&self, from: u64, to: u64) -> (f64, f64) {
        let (admitted, refused) = self.replies(from, to);
        let allowed = self.state().per_second * (to - from) as f64;
        (admitted / allowed, refused / (admitted + refused).max(1.0))
    }
}

impl State {
    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Half of the latency, a tenth more or less.
    fn half(&mut self) -> Duration {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let random = (self.dice >> 40) as f64 / (1_u64 << 24) as f64;
        match self.kind {
            // Not even the network lets requests come closer together than they started.
            Kind::Bucket(burst) if burst <= 1.0 => self.latency / 2,
            // It is the server that takes its time: what is at once here is at once there.
            Kind::AtOnce(_) => Duration::from_micros(500),
            _ => self.latency.mul_f64(0.9 + random / 5.0) / 2,
        }
    }

    fn answer(&mut self) -> Result<(), Option<Duration>> {
        let wait = match self.kind {
            Kind::Bucket(burst) => self.take(burst),
            Kind::Fixed(window) => self.count(window),
            Kind::Sliding(window) => self.slide(window),
            Kind::AtOnce(most) => self.enter(most),
        };
        let Some(wait) = wait else {
            return Ok(());
        };
        Err(match self.told {
            Told::Seconds => Some(wait.ceil()),
            Told::Generously => Some(wait.floor() + 1.0),
            Told::Exactly => Some(wait),
            Told::Zero => Some(0.0),
            Told::Nothing => None,
        }
        .map(Duration::from_secs_f64))
    }

    fn take(&mut self, burst: f64) -> Option<f64> {
        let now = self.now();
        self.tokens = (self.tokens + (now - self.looked) * self.per_second).min(burst);
        self.looked = now;
        if self.tokens >= 1.0 - 1e-9 {
            self.tokens -= 1.0;
            return None;
        }
        Some((1.0 - self.tokens) / self.per_second)
    }

    fn count(&mut self, window: f64) -> Option<f64> {
        // Windows begin when it suits them.
        let now = self.now() + window * 0.37;
        let number = (now / window).floor();
        if number > self.window.0 {
            self.window = (number, 0.0);
        }
        if self.window.1 < (self.per_second * window).round() {
            self.window.1 += 1.0;
            return None;
        }
        Some((number + 1.0) * window - now)
    }

    fn slide(&mut self, window: f64) -> Option<f64> {
        let now = self.now();
        while self.seen.front().is_some_and(|seen| *seen <= now - window) {
            self.seen.pop_front();
        }
        if (self.seen.len() as f64) < (self.per_second * window).round() {
            self.seen.push_back(now);
            return None;
        }
        self.seen.front().map(|seen| seen + window - now)
    }

    fn enter(&mut self, most: usize) -> Option<f64> {
        if self.at_once < most {
            self.at_once += 1;
            return None;
        }
        Some(1.0)
    }
}

/// So many readers of one target read for so many seconds, and always want more.
pub(super) async fn read(limiter: &Limiter, server: &Server, readers: usize, time: u64) {
    let lane: Arc<str> = Arc::from("acme");
    let readers = (0..readers).map(|_| async {
        loop {
            let permit = limiter.acquire(&lane).await;
            match server.ask().await {
                Ok(()) => permit.succeeded(),
                Err(wait) => drop(permit.throttled(wait)),
            }
        }
    });
    let mut readers: FuturesUnordered<_> = readers.collect();
    let _: Result<Option<()>, _> = timeout(Duration::from_secs(time), readers.next()).await;
}
