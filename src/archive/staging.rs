//! Half-written files of a `file://` archive: the store writes `name#1` and links it to `name`, so that a kill in
//! between leaves `name#1` behind, which no listing shows.

use std::{fs, path::Path};

use super::Archive;

impl Archive {
    /// Removes what kills left beside objects below `prefix` whose number `closed` accepts. Does nothing on other stores.
    ///
    /// Only for numbers whose commit exists: nobody has business writing those any more.
    pub async fn sweep_staging(&self, prefix: &str, closed: impl Fn(u64) -> bool + Send + 'static) {
        let Some(root) = self.root.clone() else { return };
        let below = root.join(prefix);
        let swept = tokio::task::spawn_blocking(move || sweep(&below, &closed)).await;
        if let Err(error) = swept {
            tracing::warn!(%error, prefix, "sweeping half-written files died");
        }
    }
}

fn sweep(directory: &Path, closed: &dyn Fn(u64) -> bool) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep(&path, closed);
            continue;
        }
        let stale = entry.file_name().to_str().is_some_and(|name| {
            let digits = name.get(..20).and_then(|number| number.parse().ok());
            name.contains('#') && digits.is_some_and(closed)
        });
        if stale {
            let removed = fs::remove_file(&path);
            tracing::debug!(path = %path.display(), ok = removed.is_ok(), "removed a half-written file");
        }
    }
}
