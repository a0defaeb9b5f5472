//! What the daemon shows Prometheus: numbers that are counted where things happen, read and spelled when somebody asks.
//!
//! Nothing is worked out before that, so that being watched by nobody costs nothing. Labels are names out of the
//! configuration and fixed words: never an address, never a message.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;

use crate::{
    clock::Time,
    count::Counter,
    export::{Tallies, Tally},
    schedule::Schedule,
    settings::Settings,
    status::{LastComparison, LastPass, PassResult, Status},
    target::{Api, LONG_TERM_LAG, Pace, Target, TargetName},
};

mod certificate;
mod connections;
mod expiry;
mod machine;
mod page;
mod process;
mod targets;

use expiry::{Credentials, Expiry};
use page::Page;

/// Files of certificates and tokens are looked at again after this long.
const REREAD: TimeDelta = TimeDelta::minutes(1);
/// A long-term store shows whole days.
const DAY: Duration = Duration::from_secs(86_400);
/// So many schedules are looked through for one that was measured already.
const ALIKE: usize = 16;

/// All metrics of a process. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    tallies: Tallies,
    setup: Mutex<Setup>,
    /// Whether the configuration was taken over when it was last read again, and when that was.
    reload: Mutex<Option<(bool, Time)>>,
    deliveries: [Counter; Delivery::ALL.len()],
    expiries: Mutex<Option<(Time, Vec<Expiry>)>>,
    /// Of the last text, in bytes: the next one needs as much memory.
    length: AtomicUsize,
}

/// What is configured, as far as it is shown.
#[derive(Default)]
struct Setup {
    targets: BTreeMap<String, Shown>,
    credentials: Credentials,
    /// Index and number.
    shard: Option<(u64, u64)>,
    webhook: bool,
}

/// A target, as far as its status does not tell.
struct Shown {
    connection: String,
    api: Api,
    pace: Pace,
    /// What is younger than this may be left for a later pass.
    settle: Duration,
    compares: bool,
    schedule: Arc<Measured>,
    tally: Arc<Tally>,
    ends: Arc<Ends>,
}

/// A schedule, measured when that is first asked for.
struct Measured {
    schedule: Schedule,
    period: OnceLock<Duration>,
}

/// What became of a target's passes and comparisons, and what the webhook still owes.
#[derive(Default)]
struct Ends {
    passes: [Counter; RESULTS.len()],
    comparisons: [Counter; RESULTS.len()],
    missed: Counter,
    last_compared: Mutex<Option<Time>>,
    pending: Mutex<Option<u64>>,
}

const RESULTS: [(PassResult, &str); 4] = [
    (PassResult::Done, "done"),
    (PassResult::Interrupted, "interrupted"),
    (PassResult::Standby, "standby"),
    (PassResult::Failed, "failed"),
];

/// What became of one try to announce a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Delivery {
    /// Taken.
    Delivered,
    /// Answered, but not taken.
    Refused,
    /// Not answered.
    Failed,
}

impl Delivery {
    const ALL: [Self; 3] = [Self::Delivered, Self::Refused, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metrics {
    /// Where targets and connections are counted: for `Fleet::counting_in`.
    #[must_use]
    pub fn tallies(&self) -> &Tallies {
        &self.0.tallies
    }

    /// Shows what these settings have and nothing else; what was there before goes on counting. `targets`: those that
    /// run here. `shard`: index and number of it, if they are but a share of all.
    pub fn configure(&self, settings: &Settings, targets: &[Target], shard: Option<(u64, u64)>) {
        let names = targets.iter().map(|target| target.name.clone()).collect();
        let connections = settings.connections.keys().cloned().collect();
        self.0.tallies.keep(&names, &connections);
        let credentials = Credentials::of(settings);
        let mut setup = lock(&self.0.setup);
        let mut before = std::mem::take(&mut setup.targets);
        let mut schedules: Vec<Arc<Measured>> = Vec::new();
        for target in targets {
            let ends = before.remove(target.name.as_str()).map(|shown| shown.ends);
            let shown = Shown {
                connection: target.connection.clone(),
                api: target.api,
                pace: target.pace.clone(),
                settle: settle(target),
                compares: target.reconcile.is_some(),
                schedule: measured(&mut schedules, &target.schedule),
                tally: self.0.tallies.of(&target.name),
                ends: ends.unwrap_or_default(),
            };
            setup.targets.insert(target.name.to_string(), shown);
        }
        (setup.credentials, setup.shard) = (credentials, shard);
        setup.webhook = settings.webhook.is_some();
        drop(setup);
        *lock(&self.0.expiries) = None;
    }

    /// The configuration was read again. `successful`: it was taken over.
    pub fn reloaded(&self, successful: bool, now: Time) {
        *lock(&self.0.reload) = Some((successful, now));
    }

    /// A pass is over.
    pub fn passed(&self, target: &TargetName, pass: &LastPass) {
        if let Some(ends) = self.ends(target) {
            count(&ends.passes, pass.result);
            ends.missed.add(pass.missed);
        }
    }

    /// A comparison is over.
    pub fn compared(&self, target: &TargetName, comparison: &LastComparison) {
        if let Some(ends) = self.ends(target) {
            count(&ends.comparisons, comparison.result);
            if comparison.result == PassResult::Done {
                *lock(&ends.last_compared) = Some(comparison.at);
            }
        }
    }

    /// A try to announce a commit is over.
    pub fn announced(&self, delivery: Delivery) {
        let all = Delivery::ALL.iter().zip(&self.0.deliveries);
        let counted = all.filter(|(one, _)| **one == delivery);
        counted.for_each(|(_, count)| count.add(1));
    }

    /// So many commits of a target are still to be announced by this process.
    pub fn owes(&self, target: &TargetName, commits: u64) {
        if let Some(ends) = self.ends(target) {
            *lock(&ends.pending) = Some(commits);
        }
    }

    fn ends(&self, target: &TargetName) -> Option<Arc<Ends>> {
        let setup = lock(&self.0.setup);
        let shown = setup.targets.get(target.as_str());
        shown.map(|shown| Arc::clone(&shown.ends))
    }

    /// The text for Prometheus, as everything is `now`. Blocking: reads small files once a minute, and the first time
    /// after a [`Metrics::configure`] schedules are measured, about a millisecond each.
    #[must_use]
    pub fn text(&self, status: &Status, now: Time) -> String {
        let mut page = Page::of_bytes(self.0.length.load(Ordering::Relaxed));
        let expiries = self.expiries(now);
        self.measure(now);
        let setup = lock(&self.0.setup);
        process::write(&mut page, &self.0, &setup, status);
        process::write_expiries(&mut page, &expiries);
        connections::write(&mut page, &self.0.tallies, &setup, status);
        targets::write(&mut page, &setup, status, now);
        let text = page.text();
        self.0.length.store(text.len(), Ordering::Relaxed);
        text
    }

    /// Measures schedules while nobody waits for a lock.
    fn measure(&self, now: Time) {
        let schedule = |shown: &Shown| Arc::clone(&shown.schedule);
        let all: Vec<_> = lock(&self.0.setup).targets.values().map(schedule).collect();
        for one in all {
            one.period(now);
        }
    }

    fn expiries(&self, now: Time) -> Vec<Expiry> {
        let mut known = lock(&self.0.expiries);
        if let Some((at, expiries)) = &*known
            && (*at..*at + REREAD).contains(&now)
        {
            return expiries.clone();
        }
        let credentials = lock(&self.0.setup).credentials.clone();
        let expiries = credentials.look();
        *known = Some((now, expiries.clone()));
        expiries
    }
}

fn count(counters: &[Counter; RESULTS.len()], result: PassResult) {
    let all = RESULTS.iter().zip(counters);
    let counted = all.filter(|((one, _), _)| *one == result);
    counted.for_each(|(_, count)| count.add(1));
}

/// How young events may be that a pass leaves for later ones: see [`Target::settled`].
fn settle(target: &Target) -> Duration {
    let pace = &target.pace;
    match target.api {
        Api::Unified | Api::Classic | Api::ClassicCsv => pace.settle,
        Api::UnifiedCsv => pace.settle.max(pace.lookback),
        Api::LongTerm => pace.settle.max(LONG_TERM_LAG) + DAY,
    }
}

/// Many targets have one schedule: it is measured once.
fn measured(all: &mut Vec<Arc<Measured>>, schedule: &Schedule) -> Arc<Measured> {
    let mut latest = all.iter().rev().take(ALIKE);
    if let Some(same) = latest.find(|one| one.schedule == *schedule) {
        return Arc::clone(same);
    }
    let new = Arc::new(Measured {
        schedule: schedule.clone(),
        period: OnceLock::new(),
    });
    all.push(Arc::clone(&new));
    new
}

impl Measured {
    fn period(&self, now: Time) -> Duration {
        *self.period.get_or_init(|| self.schedule.period(now))
    }
}

impl Shown {
    fn period(&self, now: Time) -> Duration {
        self.schedule.period(now)
    }

    fn takeover_after(&self, now: Time) -> Duration {
        let usual = || self.pace.usual_takeover(self.api, self.period(now));
        self.pace.takeover_after.unwrap_or_else(usual)
    }
}
