//! All targets of a configuration, opened: what `run` and `once` have in common.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{OnceCell, Semaphore};

use crate::{
    archive::{Archive, ArchiveError},
    checkpoint::{Checkpoint, CheckpointError},
    clock::Clock,
    error::Action,
    event::hex,
    export::{Exporter, Shared},
    settings::Settings,
    source::{
        Source,
        http::{Connection, HttpError},
    },
    target::{Target, TargetName},
};

/// What targets share, opened: state directory, archive, connections.
pub struct Fleet {
    /// Archive, checkpoint, clock, memory budget.
    pub shared: Shared,
    connections: BTreeMap<String, (Connection, usize)>,
    targets: Vec<Target>,
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
            Self::Connection(error) => error.hint().map(str::to_owned),
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
        let mut connections = BTreeMap::new();
        for (name, settings) in &settings.connections {
            let connection = Connection::open(settings, clock.clone()).map_err(OpenError::Connection)?;
            connections.insert(name.clone(), (connection, settings.max_concurrent_requests));
        }
        let shared = Shared {
            archive,
            checkpoint,
            clock,
            budget: Arc::new(Semaphore::new(settings.archive.max_buffered / 1024)),
            settings: Arc::new(settings.archive.clone()),
            instance: settings.instance.as_str().into(),
            run: hex(&rand::random::<[u8; 4]>()).into(),
            probed: Arc::new(OnceCell::new()),
        };
        Ok(Self {
            shared,
            connections,
            targets: settings.targets.clone(),
        })
    }

    /// The targets, in the order of the configuration.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// A source for each target.
    pub fn sources(&self) -> impl Iterator<Item = (&Target, Source)> {
        self.targets.iter().filter_map(|target| {
            // The configuration was checked: every target's connection exists.
            let (connection, _) = self.connections.get(&target.connection)?;
            Some((target, Source::of(target, connection.clone())))
        })
    }

    /// An exporter for each target, or for the named ones.
    #[must_use]
    pub fn exporters(&self, only: &[TargetName]) -> Vec<Exporter> {
        self.sources()
            .filter(|(target, _)| only.is_empty() || only.contains(&target.name))
            .map(|(target, source)| {
                let ahead = self
                    .connections
                    .get(&target.connection)
                    .map_or(1, |(_, most)| *most);
                Exporter::new(self.shared.clone(), target.clone(), source, ahead)
            })
            .collect()
    }
}
