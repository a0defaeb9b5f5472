//! A place for an archive on any kind of store: the way the exporter goes there, on which things go wrong, and another
//! one, on which nothing does.
//!
//! Only this file knows how the kinds differ: a history that runs on one runs on all.

use std::{collections::BTreeMap, sync::Arc};

use object_store::{ObjectStore, local::LocalFileSystem, memory::InMemory};
use tempfile::TempDir;
use uipath_audit_exporter::settings::{ArchiveSettings, Compression};
use url::Url;

use crate::store::{Fault, Kind, Line, Which};

mod tests;

/// The kinds of store that archives lie in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceKind {
    Memory,
    File,
}

impl PlaceKind {
    pub const ALL: [Self; 2] = [Self::Memory, Self::File];
}

/// A fresh bucket, container or directory, which goes with it.
pub struct Place {
    line: Arc<Line>,
    store: Arc<dyn ObjectStore>,
    url: Url,
    _directory: Option<TempDir>,
}

impl Place {
    pub async fn of(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Memory => Self::on(Arc::new(InMemory::new()), "memory:///".parse().unwrap(), None),
            PlaceKind::File => {
                let directory = tempfile::tempdir().unwrap();
                let store = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
                let url = Url::from_directory_path(directory.path()).unwrap();
                Self::on(Arc::new(store), url, Some(directory))
            }
        }
    }

    fn on(store: Arc<dyn ObjectStore>, url: Url, directory: Option<TempDir>) -> Self {
        Self {
            line: Line::to(&store),
            store,
            url,
            _directory: directory,
        }
    }

    /// The exporter's way: faults happen on it, and it keeps a log. Always the same one; a further [`Line`] may be put
    /// on top of it, for gates.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.line) as _
    }

    /// The same objects without faults, to see what is there.
    pub fn direct(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// How a user would configure it. Opened, it is what [`Self::store`] gives, but for memory (another, empty one) and
    /// a directory (without faults).
    pub fn settings(&self) -> ArchiveSettings {
        ArchiveSettings {
            url: self.url.clone(),
            csv: false,
            compression: Compression::Zstd,
            max_events: 10_000,
            max_bytes: 16 << 20,
            max_buffered: 64 << 20,
            options: BTreeMap::new(),
            ca_file: None,
            tags: BTreeMap::new(),
        }
    }

    /// These operations go wrong. A store's client may try again by itself: each try is an operation.
    pub fn fail(&self, kind: Kind, which: Which, fault: Fault) {
        self.line.fail(kind, which, fault);
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        self.line.mend();
    }

    /// Does the puts that came late. Returns how many found their place free.
    pub async fn land(&self) -> usize {
        self.line.land().await
    }

    /// The operations so far, those with faults included: what was asked, of which key or prefix.
    pub fn log(&self) -> Vec<(Kind, String)> {
        self.line.log()
    }

    /// The operations so far, of one kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.line.count_of(kind)
    }
}
