//! All targets of a configuration, opened: what `run` and `once` have in common.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    archive::{Archive, ArchiveError},
    checkpoint::{Checkpoint, CheckpointError},
    clock::Clock,
    error::Action,
    event::hex,
    export::{Exporter, Shared, Tallies},
    settings::{ConnectionSettings, Settings},
    source::{
        Source,
        http::{Connection, HttpError},
    },
    target::{Target, TargetName},
};

/// Passes through one connection that may be beginning at once. The connection itself bounds no more than requests to the
/// server: a thousand passes that are due together would each take memory, and all turn to the archive.
const BEGINNERS: usize = 64;

/// What targets share, opened: state directory, archive, connections.
pub struct Fleet {
    /// Archive, checkpoint, clock, memory budget.
    pub shared: Shared,
    connections: BTreeMap<String, Arc<Line>>,
    targets: Vec<Target>,
    /// Of the archive's certificate files, when it was opened.
    roots: Fingerprint,
}

/// A connection, opened when it is first needed.
struct Line {
    settings: ConnectionSettings,
    open: Mutex<Option<(Connection, Fingerprint)>>,
    turns: Arc<Semaphore>,
}

/// What certificate files held. None: there are none, or one cannot be read.
type Fingerprint = Option<[u8; 32]>;

/// Why the targets cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The state directory.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// The archive's store.
    #[error(transparent)]
    Archive(ArchiveError),
    /// A connection's certificate files.
    #[error(transparent)]
    Connection(HttpError),
    /// The address of the HTTP server.
    #[error("listen on {address}, which is `http.listen`")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Checkpoint(error) => error.action(),
            Self::Archive(error) => error.action(),
            Self::Connection(error) => error.action(),
            Self::Listen { .. } => Action::Stop,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Checkpoint(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::Connection(error) => error.hint(),
            Self::Listen { source, .. } => Some(listening(source.kind()).to_owned()),
        }
    }
}

fn listening(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "another process listens there: stop it, or write another port",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address, or not yet: write one that it has, `127.0.0.1` for this machine alone or \
             `0.0.0.0` for all of its addresses"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are for the system's administrator: write a higher one"
        }
        _ => "write another address",
    }
}

impl Fleet {
    /// Takes the state directory, opens archive and connections. Sends nothing to any server. Blocking.
    ///
    /// # Errors
    /// If any of them cannot be opened.
    pub fn open(settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        let checkpoint = Checkpoint::open(&settings.state_dir).map_err(OpenError::Checkpoint)?;
        let archive = Archive::open(&settings.archive).map_err(OpenError::Archive)?;
        Self::assemble(settings, clock, checkpoint, archive)
    }

    /// [`Fleet::open`] with the state directory and the archive opened already.
    ///
    /// # Errors
    /// If a connection's certificate files cannot be read.
    pub fn assemble(
        settings: &Settings,
        clock: Clock,
        checkpoint: Checkpoint,
        archive: Archive,
    ) -> Result<Self, OpenError> {
        let fleet = Self::unconnected(settings, clock, checkpoint, archive);
        for line in fleet.connections.values() {
            line.connect(&fleet.shared)?;
        }
        Ok(fleet)
    }

    /// [`Fleet::assemble`] without a look at the connections: each is opened when a target first needs it.
    #[must_use]
    pub fn unconnected(settings: &Settings, clock: Clock, checkpoint: Checkpoint, archive: Archive) -> Self {
        let roots = fingerprint([&settings.archive.ca_file]);
        let shared = Shared {
            archive,
            checkpoint,
            clock,
            // Rounded up, as slices are: one of them always fits.
            budget: budget(settings),
            blocks: Arc::default(),
            settings: Arc::new(settings.archive.clone()),
            instance: settings.instance.as_str().into(),
            run: hex(&rand::random::<[u8; 4]>()).into(),
            proofs: Arc::default(),
            tallies: Tallies::default(),
        };
        let lines = settings.connections.iter();
        Self {
            shared,
            connections: lines
                .map(|(name, settings)| (name.clone(), Line::of(settings)))
                .collect(),
            targets: settings.targets.clone(),
            roots,
        }
    }

    /// The fleet of a changed configuration. What has not changed stays open and shared: the archive, connections with
    /// their tokens and limits. What has changed is opened, certificates that were replaced among it. Another
    /// `state_dir` or `instance` is not looked at. Blocking.
    ///
    /// # Errors
    /// If something that has changed cannot be opened.
    pub fn renewed(&self, settings: &Settings) -> Result<Self, OpenError> {
        let roots = fingerprint([&settings.archive.ca_file]);
        let mut shared = self.shared.clone();
        if *shared.settings != settings.archive || roots != self.roots {
            shared.archive = Archive::open(&settings.archive).map_err(OpenError::Archive)?;
            shared.proofs = Arc::default();
            if shared.settings.max_buffered != settings.archive.max_buffered {
                // Passes that still run keep to the old one.
                shared.budget = budget(settings);
                let all = settings.archive.max_buffered.div_ceil(1024);
                shared.tallies.buffers(&shared.budget, all);
            }
            shared.settings = Arc::new(settings.archive.clone());
        }
        let mut connections = BTreeMap::new();
        for (name, settings) in &settings.connections {
            let known = self.connections.get(name);
            let line = match known.filter(|line| line.settings == *settings && !line.is_stale()) {
                Some(line) => Arc::clone(line),
                None => {
                    let line = Line::of(settings);
                    line.connect(&shared)?;
                    line
                }
            };
            connections.insert(name.clone(), line);
        }
        Ok(Self {
            shared,
            connections,
            targets: settings.targets.clone(),
            roots,
        })
    }

    /// How many requests its connections have sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let requests = |line: &Arc<Line>| {
            let open = line.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.as_ref()
                .map_or(0, |(connection, _)| connection.stats().requests)
        };
        self.connections.values().map(requests).sum()
    }

    /// Whether a target of this connection finds the same archive and connection in another fleet.
    #[must_use]
    pub fn is_same_for(&self, connection: &str, other: &Self) -> bool {
        let ours = self.connections.get(connection);
        let theirs = other.connections.get(connection);
        Arc::ptr_eq(&self.shared.settings, &other.shared.settings)
            && matches!((ours, theirs), (Some(ours), Some(theirs)) if Arc::ptr_eq(ours, theirs))
    }

    /// The same, counting there. To be told before anything of it is used.
    #[must_use]
    pub fn counting_in(mut self, tallies: Tallies) -> Self {
        let all = self.shared.settings.max_buffered.div_ceil(1024);
        tallies.buffers(&self.shared.budget, all);
        self.shared.tallies = tallies;
        self
    }

    /// The targets, in the order of the configuration.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// A source for each target whose connection is open or can be opened.
    pub fn sources(&self) -> impl Iterator<Item = (&Target, Source)> {
        self.targets.iter().filter_map(|target| {
            // The configuration was checked: every target's connection exists.
            let line = self.connections.get(&target.connection)?;
            let connection = line.connect(&self.shared).ok()?.of(&target.name);
            Some((target, Source::of(target, connection)))
        })
    }

    /// An exporter for each target, or for the named ones.
    #[must_use]
    pub fn exporters(&self, only: &[TargetName]) -> Vec<Exporter> {
        self.targets
            .iter()
            .filter(|target| only.is_empty() || only.contains(&target.name))
            .filter_map(|target| self.exporter(target).ok().flatten())
            .collect()
    }

    /// Waits until the target may begin a pass: first come, first served among those of its connection. None if there is no
    /// such connection, which a checked configuration rules out.
    pub async fn turn(&self, target: &Target) -> Option<OwnedSemaphorePermit> {
        let line = self.connections.get(&target.connection)?;
        // Fails only when the semaphore is closed, which nobody does.
        Arc::clone(&line.turns).acquire_owned().await.ok()
    }

    /// A target's exporter; opens its connection if that was not done yet. None if there is no such connection, which a
    /// checked configuration rules out. Reads certificate files: blocking.
    ///
    /// # Errors
    /// If the connection's certificate files cannot be read.
    pub fn exporter(&self, target: &Target) -> Result<Option<Exporter>, OpenError> {
        let Some(line) = self.connections.get(&target.connection) else {
            return Ok(None);
        };
        let connection = line.connect(&self.shared)?.of(&target.name);
        let source = Source::of(target, connection.clone());
        let store = Source::before_retention(target, connection);
        let at_once = line.settings.max_concurrent_requests;
        Ok(Some(Exporter::new(
            self.shared.clone(),
            target.clone(),
            source,
            store,
            at_once,
        )))
    }
}

impl Line {
    fn of(settings: &ConnectionSettings) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.clone(),
            open: Mutex::default(),
            turns: Arc::new(Semaphore::new(BEGINNERS)),
        })
    }

    fn connect(&self, shared: &Shared) -> Result<Connection, OpenError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((connection, _)) = &*open {
            return Ok(connection.clone());
        }
        let files = self.fingerprint();
        let traffic = shared.tallies.of_connection(&self.settings.name);
        let connection =
            Connection::open(&self.settings, shared.clock.clone(), traffic).map_err(OpenError::Connection)?;
        Ok(open.insert((connection, files)).0.clone())
    }

    /// Whether it was opened with other certificates than there are now.
    fn is_stale(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref()
            .is_some_and(|(_, files)| *files != self.fingerprint())
    }

    fn fingerprint(&self) -> Fingerprint {
        fingerprint([&self.settings.ca_file, &self.settings.client_certificate])
    }
}

/// The memory for slices, in KiB. Rounded up, as slices are: one of them always fits.
fn budget(settings: &Settings) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(settings.archive.max_buffered.div_ceil(1024)))
}

fn fingerprint<'a>(files: impl IntoIterator<Item = &'a Option<PathBuf>>) -> Fingerprint {
    let mut hash = None;
    for file in files.into_iter().flatten() {
        let bytes = std::fs::read(file).ok()?;
        let hash: &mut Sha256 = hash.get_or_insert_default();
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    }
    hash.map(|hash| hash.finalize().into())
}
