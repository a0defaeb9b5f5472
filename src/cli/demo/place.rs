//! The demo's directory: claimed only where it is empty or an earlier demo's, and what is written into it.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use uipath_audit_simulator::Simulator;
use url::Url;

use super::history::{FORMAT, History, STREAMS};
use crate::{
    cli::{CliError, out},
    clock::spell,
    commit::Tool,
};

const MARKER: &str = "demo.json";

/// The demo's directory, absolute.
pub(super) struct Place {
    directory: PathBuf,
    shown: PathBuf,
}

impl Place {
    /// Makes the directory where there is none.
    pub(super) fn claim(directory: &Path) -> Result<Self, CliError> {
        let shown = directory.to_owned();
        let unusable = |verb| {
            let path = shown.clone();
            move |source| CliError::File { verb, path, source }
        };
        let directory = std::path::absolute(directory).map_err(unusable("find"))?;
        if directory.to_str().is_none() {
            return Err(CliError::Path { path: shown });
        }
        fs::create_dir_all(&directory).map_err(unusable("make the directory"))?;
        let mut entries = fs::read_dir(&directory).map_err(unusable("read the directory"))?;
        if entries.next().is_some() && !directory.join(MARKER).is_file() {
            return Err(CliError::Foreign {
                path: shown,
                problem: "it is neither empty nor that of an earlier demo".to_owned(),
            });
        }
        Ok(Self { directory, shown })
    }

    /// What an earlier demo here lived through.
    pub(super) fn history(&self) -> Result<Option<History>, CliError> {
        let path = self.directory.join(MARKER);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(CliError::File {
                    verb: "read",
                    path,
                    source,
                });
            }
        };
        let foreign = |problem| CliError::Foreign {
            path: self.shown.clone(),
            problem,
        };
        let history: History = serde_json::from_slice(&text)
            .map_err(|error| foreign(format!("its `{MARKER}` is unreadable: {error}")))?;
        if history.format != FORMAT || history.version != Tool::this().version {
            return Err(foreign("it was made by another version".to_owned()));
        }
        Ok(Some(history))
    }

    /// Writes what is needed to go on later: the history first, so that what is archived can always be told again.
    pub(super) fn write(&self, history: &History, simulator: &Simulator) -> Result<(), CliError> {
        // Plain structs of strings and numbers cannot fail to serialize.
        let marker = serde_json::to_vec_pretty(history).unwrap_or_default();
        replace(&self.directory.join(MARKER), &marker, false)?;
        replace(&self.secret(), simulator.client_secret().as_bytes(), true)?;
        let config = self.toml(history, simulator);
        replace(&self.config(), config.as_bytes(), false)
    }

    /// The configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.directory.join("exporter.toml")
    }

    /// The archive.
    pub(super) fn archive(&self) -> PathBuf {
        self.shown.join("archive")
    }

    fn secret(&self) -> PathBuf {
        self.directory.join("secret")
    }

    /// A path in it as a person would type it here.
    pub(super) fn typed(&self, path: &str) -> String {
        out::quoted(&self.shown.join(path).to_string_lossy())
    }

    /// The directory as it was named.
    pub(super) fn show(&self) -> String {
        self.shown.display().to_string()
    }

    fn toml(&self, history: &History, simulator: &Simulator) -> String {
        let archive = Url::from_directory_path(self.directory.join("archive"));
        // The path is absolute, so that it has a URL.
        let archive = archive.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let since = history.since().map(spell).unwrap_or_default();
        let mut text = format!(
            "\
# What `demo` used. Its simulator is gone: `cat`, `verify` and `status` work, `once` needs the demo.
state_dir = {}
instance = \"demo\"

[archive]
url = {}

[connections.simulator]
url = {}

[connections.simulator.auth.client_credentials]
client_id = {}
client_secret = {{ file = {} }}

[defaults]
start = {}
retention = \"91d\"
settle = \"5s\"
",
            string(&self.directory.join("state").to_string_lossy()),
            string(&archive.unwrap_or_default()),
            string(&simulator.url()),
            string(&simulator.client_id()),
            string(&self.secret().to_string_lossy()),
            string(&since),
        );
        for stream in &STREAMS {
            text.push_str(&format!(
                "\n[[targets]]\nname = {}\norganization = {}\n",
                string(stream.name),
                string(stream.organization)
            ));
            if let Some(tenant) = stream.tenant {
                text.push_str(&format!("tenant = {}\n", string(tenant)));
            }
        }
        text
    }
}

/// A TOML basic string: JSON's escapes are TOML's.
fn string(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// Writes a file beside its place, then moves it there: it is whole or not there.
fn replace(path: &Path, content: &[u8], private: bool) -> Result<(), CliError> {
    let write = || {
        let new = path.with_extension("new");
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        if private {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        options.open(&new)?.write_all(content)?;
        fs::rename(&new, path)
    };
    write().map_err(|source| CliError::File {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}
