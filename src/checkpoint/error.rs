//! What can go wrong with the state directory.

use std::{io, path::PathBuf};

use crate::error::Action;

/// Why the checkpoint could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another exporter holds the state directory.
    #[error("take the state directory `{}`: another exporter is using it", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be made, read or written.
    #[error("use the state directory `{}`", path.display())]
    Directory {
        /// The directory or a file in it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database could not read or write its files.
    #[error("use the checkpoint database `{}`", path.display())]
    Database {
        /// Its directory.
        path: PathBuf,
        /// What it said.
        #[source]
        source: sled::Error,
    },
    /// Stored bytes are not what was stored. Handled by putting the database aside.
    #[error("read the checkpoint: {what} is damaged")]
    Damaged {
        /// What could not be read.
        what: String,
    },
    /// The database was put aside while it was in use.
    #[error("use the checkpoint `{}`: it was damaged and has been put aside", path.display())]
    PutAside {
        /// Where it was.
        path: PathBuf,
    },
    /// The thread that ran the step died.
    #[error("use the checkpoint: its thread died")]
    Died(#[source] tokio::task::JoinError),
}

impl CheckpointError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Directory { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists
                | io::ErrorKind::ReadOnlyFilesystem => Action::Stop,
                _ => Action::NextTick,
            },
            Self::InUse { .. }
            | Self::Database { .. }
            | Self::Damaged { .. }
            | Self::PutAside { .. }
            | Self::Died(_) => Action::NextTick,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { .. } => Some(
                "stop the other exporter, or give this one its own `state_dir` and `instance`".to_owned(),
            ),
            Self::Directory { path, source } => Some(match source.kind() {
                io::ErrorKind::StorageFull => "the disk is full: make room, nothing is lost".to_owned(),
                _ => format!(
                    "the exporter's user must be able to write `{}`; see `state_dir`",
                    path.display()
                ),
            }),
            Self::Database { path, .. } => Some(format!(
                "is the disk of `{}` full or gone? Nothing is lost: the archive is the truth",
                path.display()
            )),
            Self::Damaged { .. } | Self::PutAside { .. } | Self::Died(_) => {
                Some("the next pass rebuilds the checkpoint from the archive".to_owned())
            }
        }
    }
}
