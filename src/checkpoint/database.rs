//! The database's files: opened with every precaution, synced for real, put aside when damaged.

use std::{
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::CheckpointError;

/// Default would be 1 GiB.
const CACHE_BYTES: u64 = 1 << 20;

/// An open database. Blocking.
pub(super) struct Database {
    directory: PathBuf,
    open: Option<sled::Db>,
    quarantined: Arc<AtomicU32>,
}

impl Database {
    pub(super) fn open(directory: &Path, quarantined: Arc<AtomicU32>) -> Result<Self, CheckpointError> {
        let mut database = Self {
            directory: directory.to_owned(),
            open: None,
            quarantined,
        };
        database.reopen()?;
        Ok(database)
    }

    fn path(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }

    /// Opens the database; puts a damaged one aside and opens an empty one.
    fn reopen(&mut self) -> Result<(), CheckpointError> {
        let path = self.path();
        match open(&path) {
            Ok(open) => {
                self.open = Some(open);
                Ok(())
            }
            Err(Trouble::System(error)) => Err(error),
            Err(Trouble::Damage(what)) => {
                self.put_aside(&what)?;
                self.open = Some(open_or_fail(&path)?);
                Ok(())
            }
        }
    }

    /// Runs a step for somebody who loaded in that generation. Damage puts the database aside.
    pub(super) fn guarded<T>(
        &mut self,
        generation: u32,
        step: impl FnOnce(&Self) -> Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        if self.open.is_none() {
            self.reopen()?;
        }
        if generation != self.quarantined.load(Ordering::SeqCst) {
            return Err(CheckpointError::PutAside { path: self.path() });
        }
        let what = match catch_unwind(AssertUnwindSafe(|| step(self))) {
            Ok(Err(CheckpointError::Damaged { what })) => what,
            Ok(Err(CheckpointError::Database {
                source: sled::Error::Corruption { .. },
                ..
            })) => "a page".to_owned(),
            Ok(Err(CheckpointError::Database {
                source: sled::Error::ReportableBug(what),
                ..
            })) => what,
            Ok(result) => return result,
            Err(_) => "the database panicked: it".to_owned(),
        };
        self.put_aside(&what)?;
        self.reopen()?;
        Err(CheckpointError::PutAside { path: self.path() })
    }

    /// Renames the database away, for a person to look at.
    fn put_aside(&mut self, what: &str) -> Result<(), CheckpointError> {
        if let Some(open) = self.open.take() {
            // Closing a damaged database may panic.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(open)));
        }
        let path = self.path();
        let aside = (0..)
            .map(|n: u32| self.directory.join(format!("checkpoint.damaged-{n}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| path.clone());
        fs::rename(&path, &aside).map_err(|source| CheckpointError::Directory { path, source })?;
        self.quarantined.fetch_add(1, Ordering::SeqCst);
        tracing::warn!(aside = %aside.display(), "the checkpoint is damaged ({what}): put aside, rebuilding from the archive");
        Ok(())
    }

    pub(super) fn tree(&self) -> Result<&sled::Db, CheckpointError> {
        self.open
            .as_ref()
            .ok_or_else(|| CheckpointError::PutAside { path: self.path() })
    }

    pub(super) fn error(&self, source: sled::Error) -> CheckpointError {
        CheckpointError::Database {
            path: self.path(),
            source,
        }
    }

    /// Applies a batch, all of it or nothing, and makes it durable.
    pub(super) fn apply(&self, batch: sled::Batch) -> Result<(), CheckpointError> {
        let tree = self.tree()?;
        tree.apply_batch(batch).map_err(|source| self.error(source))?;
        tree.flush().map_err(|source| self.error(source))?;
        // sled's flush only starts the writing: wait for the disk ourselves.
        sync(&self.path().join("db"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(open)));
        }
    }
}

enum Trouble {
    Damage(String),
    System(CheckpointError),
}

fn open(path: &Path) -> Result<sled::Db, Trouble> {
    let new = !path.exists();
    remove_unfinished_snapshots(path);
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .print_profile_on_drop(false);
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    let open = match opened {
        Err(_) => return Err(Trouble::Damage("it panicked when opened".to_owned())),
        Ok(Ok(open)) => open,
        Ok(Err(source)) => return Err(judge(path, source)),
    };
    if new && let Some(parent) = path.parent() {
        sync(path).and_then(|()| sync(parent)).map_err(Trouble::System)?;
    }
    Ok(open)
}

fn open_or_fail(path: &Path) -> Result<sled::Db, CheckpointError> {
    open(path).map_err(|trouble| match trouble {
        Trouble::System(error) => error,
        Trouble::Damage(what) => CheckpointError::Damaged { what },
    })
}

/// Whether the database's files are damaged, or the system is in trouble.
fn judge(path: &Path, source: sled::Error) -> Trouble {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    match &source {
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            Trouble::System(CheckpointError::InUse {
                path: path.to_owned(),
            })
        }
        sled::Error::Io(error)
            if !matches!(
                error.kind(),
                InvalidData | InvalidInput | NotFound | UnexpectedEof
            ) =>
        {
            Trouble::System(CheckpointError::Database {
                path: path.to_owned(),
                source,
            })
        }
        _ => Trouble::Damage(source.to_string()),
    }
}

/// A kill while sled writes a snapshot leaves a file that would keep it from opening for ever.
fn remove_unfinished_snapshots(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"))
        {
            let removed = fs::remove_file(entry.path());
            tracing::debug!(file = ?name, ok = removed.is_ok(), "removed an unfinished snapshot of the checkpoint");
        }
    }
}

fn sync(path: &Path) -> Result<(), CheckpointError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| CheckpointError::Directory {
            path: path.to_owned(),
            source,
        })
}
