//! Why a command could not begin, in words for the person who typed it.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
};

use super::{Exit, health::HealthError};
use crate::{
    archive::ArchiveError, cat::CatError, config::ConfigError, error::Chain, fleet::OpenError,
    observe::LogError, source::SourceError, status::StatusError, target::TargetName, verify::VerifyError,
};

/// Why a command could not begin, or ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Mistakes in the configuration.
    #[error(transparent)]
    Config(ConfigError),
    /// State directory, archive or a connection's files.
    #[error(transparent)]
    Open(OpenError),
    /// The archive, where nothing else is needed.
    #[error(transparent)]
    Archive(ArchiveError),
    /// A local archive that is to be read.
    #[error("read the archive `{}`: there is no such directory", path.display())]
    NoArchive {
        /// Its directory.
        path: PathBuf,
    },
    /// The archive could not be checked.
    #[error(transparent)]
    Verify(VerifyError),
    /// Events could not be written, or not all.
    #[error(transparent)]
    Cat(CatError),
    /// What the daemon wrote down.
    #[error(transparent)]
    Status(StatusError),
    /// The daemon is not well, or not there.
    #[error(transparent)]
    Health(HealthError),
    /// `--log` makes no sense.
    #[error(transparent)]
    Log(LogError),
    /// A name that the configuration does not have.
    #[error("find {} in the configuration", quoted(unknown))]
    UnknownTarget {
        /// As given.
        unknown: Vec<TargetName>,
        /// What there is.
        known: Vec<TargetName>,
    },
    /// `--from` is not before `--to`.
    #[error("read the span: `--from` is not before `--to`")]
    EmptySpan,
    /// A command of a later version.
    #[error("run `{command}`: it is not in this version")]
    NotYet {
        /// The command.
        command: &'static str,
    },
    /// A target's catalogue.
    #[error("read the catalogue of the target {target}")]
    Source {
        /// The target.
        target: TargetName,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// A download.
    #[error("download from the target {target}")]
    Download {
        /// The target.
        target: TargetName,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// A download would overwrite a file.
    #[error("write `{}`: there is such a file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another span than a day, where the server has days alone.
    #[error("download from the target {target}: the long-term store gives whole UTC days, one at a time")]
    NotADay {
        /// The target.
        target: TargetName,
    },
    /// Files that cannot be joined.
    #[error("join the files of the target {target}: their headers differ")]
    Headers {
        /// The target.
        target: TargetName,
    },
    /// An API without a catalogue.
    #[error("read the catalogue of the target {target}: only targets of the unified API have one")]
    NoCatalog {
        /// The target.
        target: TargetName,
    },
    /// The demo's directory holds something else.
    #[error("use the directory `{}` for the demo: {problem}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What it holds.
        problem: String,
    },
    /// A path that cannot be written into a configuration file.
    #[error("use the directory `{}` for the demo: its path is not UTF-8", path.display())]
    Path {
        /// The directory.
        path: PathBuf,
    },
    /// A file of the demo, or the daemon's status.
    #[error("{verb} `{}`", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The simulator's address.
    #[error("listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Threads or signal handlers.
    #[error("start")]
    Runtime(#[source] io::Error),
    /// Stdout; a closed pipe is no error.
    #[error("write to stdout")]
    Stdout(#[source] io::Error),
}

impl CliError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(_) => Some(
                "the reference, `config/exporter.toml` in the project, explains every setting".to_owned(),
            ),
            Self::Open(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::Source { source, .. } | Self::Download { source, .. } => source.hint(),
            Self::Exists { .. } => Some("name another one with `--output`, or remove it".to_owned()),
            Self::NotADay { .. } => Some("such as `--from 2026-11-20 --to 2026-11-21`".to_owned()),
            Self::Headers { .. } => Some("download a shorter span".to_owned()),
            Self::UnknownTarget { known, .. } => Some(format!("it has {}", quoted(known))),
            Self::EmptySpan => {
                Some("such as `--from 36h --to 12h`, or `--from 2026-11-01 --to 2026-12-01`".to_owned())
            }
            Self::Foreign { .. } => Some("name another one with `--directory`".to_owned()),
            Self::Path { .. } => Some("name another one with `--directory`".to_owned()),
            Self::Listen { .. } => {
                Some("is it running already? `--listen 127.0.0.1:0` takes any free port".to_owned())
            }
            Self::Health(error) => error.hint(),
            Self::Verify(error) => error.hint(),
            Self::Cat(error) => error.hint(),
            Self::NoArchive { .. } => {
                Some("is `archive.url` right? The first pass makes the archive".to_owned())
            }
            Self::NoCatalog { .. } => None,
            Self::NotYet { .. } => Some("`--help` lists what there is".to_owned()),
            Self::Status(_) | Self::Log(_) | Self::File { .. } | Self::Runtime(_) | Self::Stdout(_) => None,
        }
    }

    /// Prints it to stderr, once, with its whole chain and the hint.
    pub fn report(&self, json: bool) {
        // Before logging is set up there is nothing but plain text.
        if json && !matches!(self, Self::Log(_)) {
            let exit = Exit::from(self).code();
            tracing::error!(hint = self.hint(), exit, "failed to {}", Chain(self));
            return;
        }
        let mut stderr = io::stderr().lock();
        // Nobody is left to tell when this fails.
        let _ = writeln!(stderr, "error: failed to {}", Chain(self));
        if let Some(hint) = self.hint() {
            let _ = writeln!(stderr, "hint: {hint}");
        }
    }
}

/// `a`, `b` and `c`.
fn quoted(names: &[TargetName]) -> String {
    let mut text = String::new();
    for (n, name) in names.iter().enumerate() {
        let between = match n {
            0 => "",
            _ if n + 1 == names.len() => " and ",
            _ => ", ",
        };
        text.push_str(between);
        text.push_str(&format!("`{name}`"));
    }
    text
}
