//! What was done for each target and went over each connection, counted from the start of the process on.
//!
//! Counts what has happened: a commit once it is in the archive, whatever becomes of the pass that made it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use tokio::sync::Semaphore;

use crate::{
    clock::Time,
    commit::{Commit, Kind},
    count::{Counter, Histogram},
    event::Mark,
    source::Traffic,
    target::TargetName,
};

/// In seconds: lookbacks are chosen by it.
const LATENESS: &[f64] = &[60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 172_800.0, 604_800.0];
/// No time.
const NEVER: i64 = i64::MIN;

/// What was done for one target.
#[derive(Debug)]
pub struct Tally {
    commits: [Counter; Kind::ALL.len()],
    /// Events archived.
    pub written: Counter,
    /// Events shown again that are archived already.
    pub duplicate: Counter,
    /// Of those archived, older than the window they were found in.
    pub late: Counter,
    /// Of those archived, another version of an archived one.
    pub conflict: Counter,
    /// Stored bytes of data objects and commit records.
    pub bytes: Counter,
    /// How often what is remembered was read from the archive again.
    pub rebuilds: Counter,
    /// The number after the newest commit that was counted: none counts twice.
    next: AtomicU64,
    newest_event: Moment,
    last_gap: Moment,
    last_rebuild: Moment,
    /// How long after its time an event was archived that came late. Few targets ever have one.
    lateness: OnceLock<Histogram>,
}

/// A time that may not have come yet.
#[derive(Debug)]
struct Moment(AtomicI64);

impl Default for Moment {
    fn default() -> Self {
        Self(AtomicI64::new(NEVER))
    }
}

impl Moment {
    fn see(&self, time: Time) {
        self.0.fetch_max(time.timestamp_millis(), Ordering::Relaxed);
    }

    fn get(&self) -> Option<Time> {
        Time::from_timestamp_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            commits: Default::default(),
            written: Counter::default(),
            duplicate: Counter::default(),
            late: Counter::default(),
            conflict: Counter::default(),
            bytes: Counter::default(),
            rebuilds: Counter::default(),
            next: AtomicU64::new(0),
            newest_event: Moment::default(),
            last_gap: Moment::default(),
            last_rebuild: Moment::default(),
            lateness: OnceLock::new(),
        }
    }
}

impl Tally {
    /// A commit of this process is in the archive. Told twice, it counts once.
    pub(super) fn committed(&self, commit: &Commit, marks: &[Mark], covered: Time) {
        if self.next.fetch_max(commit.number + 1, Ordering::Relaxed) > commit.number {
            return;
        }
        let counted = Kind::ALL.iter().zip(&self.commits);
        let counted = counted.filter(|(kind, _)| **kind == commit.kind);
        counted.for_each(|(_, count)| count.add(1));
        self.written.add(commit.counts.written);
        self.late.add(commit.counts.late);
        self.conflict.add(commit.counts.conflict);
        let objects: u64 = commit.objects.iter().map(|object| object.bytes).sum();
        self.bytes.add(objects + commit.to_bytes().len() as u64);
        if commit.kind == Kind::Gap {
            self.last_gap.see(commit.committed_at);
        }
        if marks.is_empty() && commit.counts.written > 0 {
            // Of files, and of what is adopted, no event's time is known here.
            self.newest_event.see(commit.window.to.min(commit.committed_at));
        }
        for time in marks.iter().filter_map(|mark| mark.time) {
            self.newest_event.see(time.min(commit.committed_at));
            // What lies before it was complete already.
            if let Ok(late) = (covered - time).to_std()
                && time < covered
            {
                self.lateness
                    .get_or_init(|| Histogram::new(LATENESS))
                    .observe(late);
            }
        }
    }

    /// What is remembered was read from the archive again.
    pub(super) fn rebuilt(&self, now: Time) {
        self.rebuilds.add(1);
        self.last_rebuild.see(now);
    }

    /// Commits by kind.
    pub fn commits(&self) -> impl Iterator<Item = (Kind, u64)> {
        let counted = Kind::ALL.into_iter().zip(&self.commits);
        counted.map(|(kind, count)| (kind, count.get()))
    }

    /// The time of the newest event that was archived, no later than its commit.
    #[must_use]
    pub fn newest_event(&self) -> Option<Time> {
        self.newest_event.get()
    }

    /// When a gap was last admitted.
    #[must_use]
    pub fn last_gap(&self) -> Option<Time> {
        self.last_gap.get()
    }

    /// When what is remembered was last read from the archive again.
    #[must_use]
    pub fn last_rebuild(&self) -> Option<Time> {
        self.last_rebuild.get()
    }

    /// How far behind the end of what was complete events lay that came late or were found missing, if any did.
    #[must_use]
    pub fn lateness(&self) -> Option<&Histogram> {
        self.lateness.get()
    }
}

/// All that is counted in a process. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Tallies(Arc<Inner>);

#[derive(Default)]
struct Inner {
    targets: Mutex<BTreeMap<TargetName, Arc<Tally>>>,
    connections: Mutex<BTreeMap<String, Arc<Traffic>>>,
    buffers: Mutex<Option<Buffers>>,
}

/// The memory for slices.
#[derive(Clone)]
struct Buffers {
    /// In KiB, what is free.
    free: Arc<Semaphore>,
    /// In KiB, all of it.
    all: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tallies {
    /// That of a target; it begins at nothing.
    #[must_use]
    pub fn of(&self, target: &TargetName) -> Arc<Tally> {
        Arc::clone(lock(&self.0.targets).entry(target.clone()).or_default())
    }

    /// That of a connection; it begins at nothing.
    #[must_use]
    pub fn of_connection(&self, name: &str) -> Arc<Traffic> {
        Arc::clone(lock(&self.0.connections).entry(name.to_owned()).or_default())
    }

    /// All connections, by name.
    #[must_use]
    pub fn connections(&self) -> BTreeMap<String, Arc<Traffic>> {
        lock(&self.0.connections).clone()
    }

    /// These are all there are: others are forgotten, and begin anew if they should come back.
    pub fn keep(&self, targets: &BTreeSet<TargetName>, connections: &BTreeSet<String>) {
        lock(&self.0.targets).retain(|name, _| targets.contains(name));
        let mut all = lock(&self.0.connections);
        all.retain(|name, _| connections.contains(name));
        for name in connections {
            all.entry(name.clone()).or_default();
        }
    }

    /// Where the memory for slices is taken from: `all` KiB.
    pub fn buffers(&self, free: &Arc<Semaphore>, all: usize) {
        let free = Arc::clone(free);
        *lock(&self.0.buffers) = Some(Buffers { free, all });
    }

    /// Bytes that slices take in memory, and how many they may take.
    #[must_use]
    pub fn buffered(&self) -> Option<(usize, usize)> {
        let buffers = lock(&self.0.buffers).clone()?;
        let taken = buffers.all.saturating_sub(buffers.free.available_permits());
        Some((taken * 1024, buffers.all * 1024))
    }
}
