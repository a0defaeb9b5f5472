//! The lock on a state directory: one exporter at a time.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    time::Duration,
};

use super::CheckpointError;

/// Whoever asks whether the lock is held takes it for an instant: so often, and so long, a taken lock is tried again.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// Held for as long as the value lives; the system lets go of it when the process dies.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Self, CheckpointError> {
        let unusable = |source| CheckpointError::Directory {
            path: directory.to_owned(),
            source,
        };
        fs::create_dir_all(directory).map_err(unusable)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))
            .map_err(unusable)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(PAUSE),
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
            }
        }
        Err(CheckpointError::InUse {
            path: directory.to_owned(),
        })
    }
}

/// Whether anybody holds a state directory.
pub(super) fn is_held(directory: &Path) -> bool {
    let Ok(file) = File::open(directory.join("lock")) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
