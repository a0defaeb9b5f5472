//! All targets of a configuration, opened: what `run` and `once` have in common.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    archive::{Archive, ArchiveError},
    checkpoint::{Checkpoint, CheckpointError},
    clock::Clock,
    error::Action,
    event::hex,
    export::{Exporter, Shared},
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
    connections: BTreeMap<String, Line>,
    targets: Vec<Target>,
}

/// A connection, opened when it is first needed.
struct Line {
    settings: ConnectionSettings,
    open: Mutex<Option<Connection>>,
    turns: Arc<Semaphore>,
}

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
}

impl OpenError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Checkpoint(error) => error.action(),
            Self::Archive(error) => error.action(),
            Self::Connection(error) => error.action(),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Checkpoint(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::Connection(error) => error.hint(),
        }
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
            line.connect(&fleet.shared.clock)?;
        }
        Ok(fleet)
    }

    /// [`Fleet::assemble`] without a look at the connections: each is opened when a target first needs it.
    #[must_use]
    pub fn unconnected(settings: &Settings, clock: Clock, checkpoint: Checkpoint, archive: Archive) -> Self {
        let line = |settings: &ConnectionSettings| Line {
            settings: settings.clone(),
            open: Mutex::default(),
            turns: Arc::new(Semaphore::new(BEGINNERS)),
        };
        let shared = Shared {
            archive,
            checkpoint,
            clock,
            // Rounded up, as slices are: one of them always fits.
            budget: Arc::new(Semaphore::new(settings.archive.max_buffered.div_ceil(1024))),
            settings: Arc::new(settings.archive.clone()),
            instance: settings.instance.as_str().into(),
            run: hex(&rand::random::<[u8; 4]>()).into(),
            proofs: Arc::default(),
        };
        let lines = settings.connections.iter();
        Self {
            shared,
            connections: lines
                .map(|(name, settings)| (name.clone(), line(settings)))
                .collect(),
            targets: settings.targets.clone(),
        }
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
            let connection = line.connect(&self.shared.clock).ok()?;
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

    /// Waits until the target may begin a pass: first come, first served among those of its connection. Whoever takes long
    /// should let go of the turn meanwhile. None if there is no such connection, which a checked configuration rules out.
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
        let connection = line.connect(&self.shared.clock)?;
        let source = Source::of(target, connection.clone());
        let store = Source::before_retention(target, connection);
        let ahead = line.settings.max_concurrent_requests;
        Ok(Some(Exporter::new(
            self.shared.clone(),
            target.clone(),
            source,
            store,
            ahead,
        )))
    }
}

impl Line {
    fn connect(&self, clock: &Clock) -> Result<Connection, OpenError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let connection = Connection::open(&self.settings, clock.clone()).map_err(OpenError::Connection)?;
        Ok(open.insert(connection).clone())
    }
}
