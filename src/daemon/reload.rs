//! A changed configuration takes over between passes; one with mistakes is told and the old one stays.
//!
//! It is read again when a hangup asks for it, and when one of its files, or a certificate that it names, has changed.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tokio::sync::Notify;

use super::{Daemon, Supervisor};
use crate::{error::Chain, settings::Settings};

/// Why a configuration cannot be read.
pub type ReloadError = Box<dyn Error + Send + Sync>;

type Read = dyn Fn() -> Result<Settings, ReloadError> + Send + Sync;

/// Where another configuration comes from.
#[derive(Clone, Default)]
pub struct Reload {
    /// None: there never is another.
    read: Option<Arc<Read>>,
    files: Vec<PathBuf>,
    /// What they looked like before they were first read.
    before: Looks,
}

/// What a file looks like from outside. None: it is not there, or nobody knows.
type Look = Option<(u64, u64, u64, Option<SystemTime>)>;
pub(super) type Looks = BTreeMap<PathBuf, Look>;

impl Reload {
    /// `read` reads the configuration, which stands in `files`. It may block. To be made before the configuration is first
    /// read: what changes from now on is read again.
    pub fn new(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<Settings, ReloadError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Some(Arc::new(read)),
            before: looks(files.clone()),
            files,
        }
    }

    /// What the files looked like before they were first read; to be asked before certificates are.
    pub(super) async fn before(&self, settings: &Settings) -> Looks {
        let mut looks = self.look(settings).await;
        looks.extend(self.before.clone());
        looks
    }

    /// What all files look like now: those of the configuration, and those it names.
    async fn look(&self, settings: &Settings) -> Looks {
        let mut files = self.files.clone();
        files.extend(settings.certificates().cloned());
        let looking = tokio::task::spawn_blocking(move || looks(files));
        looking.await.unwrap_or_default()
    }
}

fn looks(files: Vec<PathBuf>) -> Looks {
    let looks = files.into_iter().map(|file| {
        let look = look(&file);
        (file, look)
    });
    looks.collect()
}

fn look(file: &Path) -> Look {
    let seen = fs::metadata(file).ok()?;
    Some((seen.dev(), seen.ino(), seen.len(), seen.modified().ok()))
}

impl Daemon {
    /// Reads the configuration again whenever that is called for. `seen` is what the files looked like when they were read.
    pub(super) async fn reload(
        self: Arc<Self>,
        reload: Reload,
        mut seen: Looks,
        hangup: Arc<Notify>,
        supervisor: Supervisor,
    ) {
        let Some(read) = reload.read.clone() else { return };
        let mut settings = self.crew.settings();
        // And when they were last looked at, lest one is read half-written.
        let mut last = seen.clone();
        loop {
            let asked = tokio::select! {
                () = hangup.notified() => true,
                () = tokio::time::sleep(self.options.look) => false,
                () = self.stop.cancelled() => return,
            };
            let now = reload.look(&settings).await;
            let changed = now != seen && now == last;
            last.clone_from(&now);
            if !asked && !changed {
                continue;
            }
            let reason = if asked { "SIGHUP" } else { "a file has changed" };
            tracing::info!(reason, "reading the configuration again");
            supervisor.reloading();
            let read = Arc::clone(&read);
            let result = match tokio::task::spawn_blocking(move || read()).await {
                Ok(Ok(settings)) => self.take_over(settings).await,
                Ok(Err(error)) => Err(Chain(&*error).to_string()),
                Err(died) => Err(Chain(&died).to_string()),
            };
            supervisor.ready();
            self.metrics.reloaded(result.is_ok(), self.clock.now());
            self.board.configured(result.as_ref().err().map(String::as_str));
            if let Err(error) = &result {
                tracing::error!(
                    error,
                    hint = "correct it: it is read again when a file changes, and on SIGHUP; `check --offline` tells beforehand",
                    "the configuration cannot be used: the old one stays"
                );
            }
            settings = self.crew.settings();
            seen = reload.look(&settings).await;
            last.clone_from(&seen);
            // What has changed since it was looked at, while it was being read, is read again.
            for (file, look) in &mut seen {
                if let Some(before) = now.get(file) {
                    look.clone_from(before);
                }
            }
        }
    }

    /// Puts valid settings into force.
    async fn take_over(self: &Arc<Self>, mut settings: Settings) -> Result<(), String> {
        let old = self.crew.settings();
        if settings.state_dir != old.state_dir || settings.instance != old.instance {
            tracing::warn!(
                state_dir = %old.state_dir.display(),
                instance = old.instance,
                "`state_dir` and `instance` stay as they were at the start: other ones need a restart"
            );
            settings.state_dir.clone_from(&old.state_dir);
            settings.instance.clone_from(&old.instance);
        }
        let archive = settings.archive.url.clone();
        let changes = self.adopt(settings).await.map_err(|error| {
            let hint = error.hint().map(|hint| format!(" (hint: {hint})"));
            format!("{}{}", Chain(&error), hint.unwrap_or_default())
        })?;
        tracing::info!(
            added = changes.added.told(),
            removed = changes.removed.told(),
            changed = changes.changed.told(),
            sections = changes.sections.told(),
            "the configuration was read again"
        );
        if archive != old.archive.url {
            tracing::warn!(
                before = %old.archive.url,
                now = %archive,
                "the archive is another one from now on"
            );
        }
        Ok(())
    }
}
