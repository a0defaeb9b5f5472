//! What can go wrong with the archive's store.

use std::{error::Error, io, path::PathBuf};

use super::StoreError;
use crate::error::Action;

/// Why the archive could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not a URL of an archive.
    #[error(
        "open the archive `{url}`: there is `file:///path`, `s3://bucket/prefix`, `az://container/prefix`, \
         `abfss://container@account.dfs.core.windows.net/prefix`, `gs://bucket/prefix`"
    )]
    Url {
        /// The URL.
        url: String,
    },
    /// The directory of a `file://` archive.
    #[error("open the archive directory `{}`", path.display())]
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An object store could not be opened. No server was asked.
    #[error("open the archive `{place}`")]
    Open {
        /// The archive.
        place: String,
        /// Why not.
        #[source]
        source: Box<StoreError>,
    },
    /// The store overwrote what it was asked to create.
    #[error("use the archive `{place}`: its store does not refuse to create an object that exists")]
    NotConditional {
        /// The archive.
        place: String,
    },
    /// The store refused for want of permission.
    #[error("{verb} `{key}` in the archive: permission denied")]
    Denied {
        /// What was tried.
        verb: &'static str,
        /// The object or prefix.
        key: String,
        /// What the store said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// Anything else the store said.
    #[error("{verb} `{key}` in the archive")]
    Store {
        /// What was tried.
        verb: &'static str,
        /// The object or prefix.
        key: String,
        /// What the store said.
        #[source]
        source: Box<object_store::Error>,
    },
}

impl ArchiveError {
    pub(super) fn store(verb: &'static str, key: &str, source: object_store::Error) -> Self {
        use object_store::Error::{PermissionDenied, Unauthenticated};
        let (key, source) = (key.to_owned(), Box::new(source));
        let denied = matches!(*source, PermissionDenied { .. } | Unauthenticated { .. })
            || matches!(
                io_kind(&source),
                Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
            );
        if denied {
            Self::Denied { verb, key, source }
        } else {
            Self::Store { verb, key, source }
        }
    }

    /// Whether trying again at once is pointless.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Url { .. }
            | Self::Root { .. }
            | Self::Open { .. }
            | Self::NotConditional { .. }
            | Self::Denied { .. } => true,
            Self::Store { source, .. } => matches!(io_kind(source), Some(io::ErrorKind::StorageFull)),
        }
    }

    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Url { .. } | Self::Open { .. } | Self::NotConditional { .. } | Self::Denied { .. } => {
                Action::Stop
            }
            Self::Root { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => Action::Stop,
                _ => Action::NextTick,
            },
            Self::Store { .. } => Action::NextTick,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Url { .. } => Some("see `archive.url` in the configuration reference".to_owned()),
            Self::Open { source, .. } => source.hint(),
            Self::NotConditional { .. } => Some(
                "use a store with conditional writes: without them two exporters overwrite each other"
                    .to_owned(),
            ),
            Self::Root { path, .. } => Some(format!("the exporter's user must own `{}`", path.display())),
            Self::Denied { verb, .. } => Some(format!(
                "the exporter's identity needs the right to {verb} objects"
            )),
            Self::Store { source, .. } => match io_kind(source) {
                Some(io::ErrorKind::StorageFull) => {
                    Some("the disk is full: make room, nothing is lost".to_owned())
                }
                _ => None,
            },
        }
    }
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
