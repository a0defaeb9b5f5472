//! Where words for the user go: stderr, above progress bars where there are any, or the log.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use indicatif::MultiProgress;
use url::Url;

use super::{
    CliError,
    args::{Common, LogFormat},
};
use crate::{
    archive::Archive,
    clock::Clock,
    config,
    error::Chain,
    observe::{self, Stderr},
    settings::{ArchiveSettings, Settings},
    target::TargetName,
};

/// What all commands need: configuration files, the clock, and a way to talk.
pub(super) struct Console {
    common: Common,
    /// The time of day.
    pub(super) clock: Clock,
    /// Only where a person watches.
    bars: Option<MultiProgress>,
}

impl Console {
    /// Sets up logging. Where bars tell a person what happens, the log is quiet below warnings unless asked.
    pub(super) fn open(common: &Common, has_bars: bool) -> Result<Self, CliError> {
        let watched = has_bars && !common.json() && io::stderr().is_terminal();
        let bars = watched.then(MultiProgress::new);
        let stderr = bars.clone().map_or_else(Stderr::default, Stderr::above);
        let usual = if watched { "warn" } else { "info" };
        let format = match common.log_format {
            LogFormat::Text => observe::LogFormat::Text,
            LogFormat::Json => observe::LogFormat::Json,
        };
        observe::init(format, common.log.as_deref().unwrap_or(usual), stderr).map_err(CliError::Log)?;
        Ok(Self {
            common: common.clone(),
            clock: Clock::system(),
            bars,
        })
    }

    /// The bars, where a person watches.
    pub(super) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    /// Whether stderr holds JSON lines.
    pub(super) fn json(&self) -> bool {
        self.common.json()
    }

    /// The configuration files, as named.
    pub(super) fn files(&self) -> String {
        if self.common.config.is_empty() {
            return config::DEFAULT_FILE.to_owned();
        }
        let files: Vec<String> = self
            .common
            .config
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        files.join(", ")
    }

    /// The configuration files that are read.
    pub(super) fn config_files(&self) -> Vec<PathBuf> {
        if self.common.config.is_empty() {
            return vec![config::DEFAULT_FILE.into()];
        }
        self.common.config.clone()
    }

    /// Reads the configuration again, as [`Console::settings_and_warnings`] does.
    pub(super) fn reader(
        &self,
    ) -> impl Fn() -> Result<(Settings, Vec<config::Warning>), config::ConfigError> + Send + Sync + 'static
    {
        let files = self.common.config.clone();
        move || config::load(&files, config::environment())
    }

    /// The configuration, checked, and what is unwise in it.
    pub(super) fn settings_and_warnings(&self) -> Result<(Settings, Vec<config::Warning>), CliError> {
        config::load(&self.common.config, config::environment()).map_err(CliError::Config)
    }

    /// The configuration, checked. Warnings go to the log.
    pub(super) fn settings(&self) -> Result<Settings, CliError> {
        let (settings, warnings) = self.settings_and_warnings()?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(settings)
    }

    /// How to read an archive that is named on the command line: an object store with the options of a configuration
    /// for such a store, if there is one, else with what the environment says.
    pub(super) fn settings_of(&self, url: &Url) -> Result<ArchiveSettings, CliError> {
        let plain = ArchiveSettings::to_read(url.clone());
        if url.scheme() == "file" {
            return Ok(plain);
        }
        let is_there = Path::new(config::DEFAULT_FILE).exists();
        let configured = match (self.common.config.is_empty(), is_there) {
            (false, _) => self.settings()?,
            (true, false) => return Ok(plain),
            (true, true) => match self.settings() {
                Ok(settings) => settings,
                Err(error) => {
                    let error = Chain(&error).to_string();
                    tracing::warn!(
                        error,
                        "the configuration is not used: the archive is opened without it"
                    );
                    return Ok(plain);
                }
            },
        };
        if configured.archive.url.scheme() != url.scheme() {
            return Ok(plain);
        }
        Ok(ArchiveSettings {
            options: configured.archive.options,
            ca_file: configured.archive.ca_file,
            ..plain
        })
    }

    /// Something a person should read: a line on stderr, or in the log where machines read it.
    pub(super) fn note(&self, text: &str) {
        if self.json() {
            tracing::info!("{text}");
        } else {
            self.line(text);
        }
    }

    /// A target failed. `what` reads on after "failed to".
    pub(super) fn problem(&self, target: &TargetName, what: &str, hint: Option<&str>) {
        if self.json() {
            tracing::error!(target = %target, hint, "failed to {what}");
            return;
        }
        self.line(&format!("target {target}: failed to {what}"));
        if let Some(hint) = hint {
            self.line(&format!("  hint: {hint}"));
        }
    }

    /// A line on stderr, above the bars.
    pub(super) fn line(&self, text: &str) {
        let write = || {
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr().lock(), "{text}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Refuses names that the configuration does not have.
pub(super) fn known_targets(settings: &Settings, wanted: &[TargetName]) -> Result<(), CliError> {
    let known: Vec<TargetName> = settings
        .targets
        .iter()
        .map(|target| target.name.clone())
        .collect();
    let unknown: Vec<TargetName> = wanted
        .iter()
        .filter(|name| !known.contains(name))
        .cloned()
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(CliError::UnknownTarget { unknown, known })
    }
}

/// An archive to be read: unlike one to be written, it is not made where there is none.
pub(super) fn readable(settings: &ArchiveSettings) -> Result<Archive, CliError> {
    if let Ok(path) = settings.url.to_file_path()
        && !path.is_dir()
    {
        return Err(CliError::NoArchive { path });
    }
    Archive::open_to_read(settings).map_err(CliError::Archive)
}
