//! Where a download goes: stdout, or a file that gets its name only when it is complete.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::PathBuf,
};

use tokio::io::{AsyncWriteExt as _, Stdout, stdout};

use super::CliError;

/// Bytes written at a time.
const PIECE: usize = 64 << 10;

pub(super) struct Sink {
    place: Place,
    bytes: u64,
}

enum Place {
    Stdout(Stdout),
    File(Part),
}

/// A file on its way; removed unless it is finished.
struct Part {
    file: std::fs::File,
    path: PathBuf,
    goal: PathBuf,
    is_finished: bool,
}

impl Sink {
    /// Makes the file, beside the one it is going to be. None: stdout.
    pub(super) fn open(goal: Option<PathBuf>) -> Result<Self, CliError> {
        let place = match goal {
            Some(goal) => Place::File(Part::create(goal)?),
            None => Place::Stdout(stdout()),
        };
        Ok(Self { place, bytes: 0 })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.bytes += bytes.len() as u64;
        for piece in bytes.chunks(PIECE) {
            match &mut self.place {
                Place::File(part) => {
                    let written = part.file.write_all(piece);
                    written.map_err(|source| failed("write", &part.path, source))?;
                }
                Place::Stdout(stdout) => stdout.write_all(piece).await.map_err(CliError::Stdout)?,
            }
            // Whoever wants to stop it may.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Gives the file its name. How many bytes were written.
    pub(super) async fn finish(self) -> Result<u64, CliError> {
        match self.place {
            Place::File(part) => {
                let done = tokio::task::spawn_blocking(move || part.finish()).await;
                done.map_err(|error| CliError::Runtime(io::Error::other(error)))??;
            }
            Place::Stdout(mut stdout) => stdout.flush().await.map_err(CliError::Stdout)?,
        }
        Ok(self.bytes)
    }
}

impl Part {
    fn create(goal: PathBuf) -> Result<Self, CliError> {
        if goal.symlink_metadata().is_ok() {
            return Err(CliError::Exists { path: goal });
        }
        let mut name = OsString::from(&goal);
        name.push(".part");
        let path = PathBuf::from(name);
        let file = std::fs::File::create(&path).map_err(|source| failed("create", &path, source))?;
        Ok(Self {
            file,
            path,
            goal,
            is_finished: false,
        })
    }

    fn finish(mut self) -> Result<(), CliError> {
        let synced = self.file.sync_all();
        synced.map_err(|source| failed("write", &self.path, source))?;
        if self.goal.symlink_metadata().is_ok() {
            return Err(CliError::Exists {
                path: self.goal.clone(),
            });
        }
        let renamed = std::fs::rename(&self.path, &self.goal);
        renamed.map_err(|source| failed("write", &self.goal, source))?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            // Whatever is left of it says by its name that it is not complete.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn failed(verb: &'static str, path: &std::path::Path, source: io::Error) -> CliError {
    CliError::File {
        verb,
        path: path.to_owned(),
        source,
    }
}
