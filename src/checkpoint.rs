//! The local memory of each target's head and recent events. A cache: the archive is the truth.
//!
//! The only file that names `sled`, with the files below it. Everything here may be lost at any time: a missing or
//! damaged checkpoint is put aside and rebuilt from the archive, never taken for "nothing was exported yet".

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Time, spelled},
    commit::{Commit, Origin},
    event::Mark,
    target::{Api, TargetName},
    window::Window,
};

mod database;
mod days;
mod error;
mod known;
mod lock;
mod record;

use database::Database;
pub use days::{Announced, Followed};
pub use error::CheckpointError;
pub use known::{Known, Sum};

/// What is remembered of a target once it has a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// Where commit 0's window begins (the oldest commit's, if older ones have expired); where another API took over, the
    /// window of its first commit. Nothing before it is read back.
    #[serde(with = "spelled")]
    pub origin: Time,
    /// The API that the newest window was read through.
    pub api: Api,
    /// Up to here the archive is complete.
    #[serde(with = "spelled")]
    pub coverage_end: Time,
    /// Every archived event from here on is known.
    #[serde(with = "spelled")]
    pub known_from: Time,
    /// SHA-256 of the newest file of the server's own that is archived; None: none is, or nobody knows any more.
    #[serde(default)]
    pub file: Option<String>,
    /// The last commit.
    pub head: Head,
    /// The UTC day whose long lookback has been done.
    pub long_lookback_done: Option<NaiveDate>,
    /// What the known events add up to: tells when some were lost.
    pub known: Sum,
}

/// The last commit of a target, as far as the next pass needs it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its epoch.
    pub epoch: u64,
    /// Who wrote it.
    pub instance: String,
    /// Which process wrote it.
    pub run: String,
    /// When it was written.
    #[serde(with = "spelled")]
    pub committed_at: Time,
    /// Where its events came from.
    pub source: Origin,
    /// The catalogue it names.
    pub catalog: Option<String>,
    /// The exclusion rules it names.
    #[serde(default)]
    pub rules: Option<String>,
    /// The newest commit up to it that holds events without a time.
    pub last_undated: Option<u64>,
}

impl Memory {
    /// What is remembered once that commit, of these bytes, is in the archive too.
    #[must_use]
    pub fn after(&self, commit: &Commit, sha256: String) -> Self {
        let mut memory = self.clone();
        memory.head = Head::of(commit, sha256);
        if let Some(file) = commit.file() {
            memory.file = Some(file.sha256.clone());
        }
        if commit.is_chained() {
            if commit.source.api != memory.api {
                // Another API begins here: nothing before it is known in its spelling.
                (memory.origin, memory.known_from) = (commit.window.from, commit.window.from);
                memory.api = commit.source.api;
            }
            memory.coverage_end = commit.window.to;
        }
        memory
    }
}

impl Head {
    /// The head that a commit is, once it exists with these bytes.
    #[must_use]
    pub fn of(commit: &Commit, sha256: String) -> Self {
        Self {
            number: commit.number,
            sha256,
            epoch: commit.epoch,
            instance: commit.instance.clone(),
            run: commit.run.clone(),
            committed_at: commit.committed_at,
            source: commit.source.clone(),
            catalog: commit.catalog.clone(),
            rules: commit.rules.clone(),
            last_undated: commit.last_undated(),
        }
    }
}

/// Objects that may lie in the archive without a commit that names them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Intents {
    /// The slice that was being committed.
    pub open: Option<Intent>,
    /// Objects whose number is closed and whose commit does not name them: to be deleted.
    pub sweep: BTreeSet<String>,
}

/// What a target has a schedule for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Reading on from where the archive ends.
    Pass,
    /// Comparing the archive with the server.
    Comparison,
}

/// A slice that was about to be committed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// The number of its commit.
    pub number: u64,
    /// The span that was read for it, lookback included. None: known only from objects found in the archive.
    pub read: Option<Window>,
    /// All data objects that any try for this number may have created.
    pub keys: BTreeSet<String>,
}

/// The open database of all targets. Cheap to clone; the state directory is free again when the last clone is gone.
#[derive(Clone)]
pub struct Checkpoint(Arc<Inner>);

struct Inner {
    // Declared before the lock, so that it is closed before the lock is let go.
    database: Mutex<Database>,
    directory: PathBuf,
    quarantined: Arc<AtomicU32>,
    _lock: lock::Lock,
}

impl Checkpoint {
    /// Takes the state directory and opens the database in it. Blocking.
    ///
    /// # Errors
    /// If another exporter holds the directory, or it cannot be written. A damaged database is put aside, not an error.
    pub fn open(directory: &Path) -> Result<Self, CheckpointError> {
        let lock = lock::Lock::take(directory)?;
        let quarantined = Arc::new(AtomicU32::new(0));
        let database = Database::open(directory, Arc::clone(&quarantined))?;
        Ok(Self(Arc::new(Inner {
            quarantined,
            database: Mutex::new(database),
            directory: directory.to_owned(),
            _lock: lock,
        })))
    }

    /// Whether an exporter holds that state directory now.
    #[must_use]
    pub fn is_held(directory: &Path) -> bool {
        lock::is_held(directory)
    }

    /// The state directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// How often a damaged database was put aside since this process opened it.
    #[must_use]
    pub fn quarantined(&self) -> u32 {
        self.0.quarantined.load(Ordering::SeqCst)
    }

    /// The part of it that belongs to one target.
    #[must_use]
    pub fn of(&self, target: &TargetName) -> TargetCheckpoint {
        TargetCheckpoint {
            whole: self.clone(),
            target: target.clone(),
            generation: self.quarantined(),
        }
    }
}

/// What is remembered of one target.
pub struct TargetCheckpoint {
    whole: Checkpoint,
    target: TargetName,
    /// How often the database had been put aside when this target was loaded: later, what it holds is incomplete.
    generation: u32,
}

impl TargetCheckpoint {
    /// What is remembered. None: nothing, or it was damaged; ask the archive.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn load(&mut self) -> Result<(Option<Memory>, Intents), CheckpointError> {
        self.generation = self.whole.quarantined();
        let target = self.target.clone();
        let loaded = self.run(move |database| record::load(database, &target)).await;
        if !matches!(loaded, Err(CheckpointError::PutAside { .. })) {
            return loaded;
        }
        self.generation = self.whole.quarantined();
        let target = self.target.clone();
        self.run(move |database| record::load(database, &target)).await
    }

    /// Makes an intent durable.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn intend(&self, intents: &Intents) -> Result<(), CheckpointError> {
        let (target, intents) = (self.target.clone(), intents.clone());
        self.run(move |database| record::save(database, &target, None, &intents, Vec::new(), None))
            .await
    }

    /// Remembers a commit in one durable step: the head, the events it wrote, what is to be swept. Events before
    /// `horizon` are forgotten. Returns what is remembered, with the new sum of known events.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn remember(
        &self,
        mut memory: Memory,
        intents: &Intents,
        marks: Vec<Mark>,
        horizon: Time,
    ) -> Result<Memory, CheckpointError> {
        let (target, intents) = (self.target.clone(), intents.clone());
        memory.known_from = memory.known_from.max(horizon);
        self.run(move |database| {
            record::save(
                database,
                &target,
                Some(&mut memory),
                &intents,
                marks,
                Some(horizon),
            )?;
            Ok(memory)
        })
        .await
    }

    /// Replaces all that is remembered, as after reading it from the archive.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn replace(
        &mut self,
        memory: Option<Memory>,
        intents: &Intents,
        marks: Vec<Mark>,
    ) -> Result<Option<Memory>, CheckpointError> {
        self.generation = self.whole.quarantined();
        let (target, intents) = (self.target.clone(), intents.clone());
        self.run(move |database| record::replace(database, &target, memory, &intents, marks))
            .await
    }

    /// The known events of a span, and all that have no time. Where there are more than `limit`, only those of an older
    /// part of the span, which is returned with them; that part is a millisecond wide at least.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn known(&self, span: Window, limit: usize) -> Result<(Known, Window), CheckpointError> {
        let target = self.target.clone();
        self.run(move |database| known::within(database, &target, span, limit))
            .await
    }

    /// Every mark, in order: for tests and for `recover` to compare.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn marks(&self) -> Result<Vec<Mark>, CheckpointError> {
        let target = self.target.clone();
        self.run(move |database| known::all(database, &target)).await
    }

    /// What is remembered, without a look at the known events: for people to see, not to build a pass on.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn peek(&self) -> Result<Option<Memory>, CheckpointError> {
        let target = self.target.clone();
        self.run_in(self.whole.quarantined(), move |database| {
            record::peek(database, &target)
        })
        .await
    }

    /// The due time that was served last. It is this machine's own affair: no archive can bring it back.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn due(&self, task: Task) -> Result<Option<Time>, CheckpointError> {
        let target = self.target.clone();
        self.run_in(self.whole.quarantined(), move |database| {
            record::due(database, &target, task)
        })
        .await
    }

    /// Makes durable which due time has been served.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub async fn note_due(&self, task: Task, served: Time) -> Result<(), CheckpointError> {
        let target = self.target.clone();
        self.run_in(self.whole.quarantined(), move |database| {
            record::note_due(database, &target, task, served)
        })
        .await
    }

    /// Runs a step on the database where blocking is fine. Damage found on the way puts the database aside; from then
    /// on every step fails until the target has been loaded anew.
    async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Database) -> Result<T, CheckpointError> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        self.run_in(self.generation, step).await
    }

    async fn run_in<T: Send + 'static>(
        &self,
        generation: u32,
        step: impl FnOnce(&Database) -> Result<T, CheckpointError> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        let inner = Arc::clone(&self.whole.0);
        let blocking = tokio::task::spawn_blocking(move || {
            let mut database = inner.database.lock().unwrap_or_else(PoisonError::into_inner);
            database.guarded(generation, step)
        });
        blocking.await.map_err(CheckpointError::Died)?
    }
}
