//! Reads the configuration: built-in defaults < files in order < environment, into checked [`Settings`].
//!
//! Every mistake is reported in one go, with its path and what would be right. Nothing here prints a value
//! that could be a secret. Tables of several layers are merged key by key; lists are replaced as a whole.
//! The only file that names the `config` crate: `reader` and the sections see no more than its tree of values.

#[cfg(test)]
mod mistakes_tests;
mod outward;
#[cfg(test)]
mod outward_tests;
mod reader;
mod sections;
#[cfg(test)]
mod stores_tests;
mod targets;
#[cfg(test)]
mod tests;
mod units;
mod values;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use ::config::{Config, Environment, FileFormat, Format as _, Map, Source, Value, ValueKind};

use crate::settings::Settings;
use reader::{Notes, Table};
pub use units::{UnitError, parse_age_or_time, parse_duration};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "/etc/uipath-audit-exporter/exporter.toml";

/// Variables of ours begin with this: `UIPATH_AUDIT__ARCHIVE__URL` is `archive.url`.
const PREFIX: &str = "UIPATH_AUDIT__";

/// Something a user has to correct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where: a setting (`targets[3].schedule`), or a file or variable that could not be read.
    pub path: String,
    /// What is wrong, and what would be right. Reads on after the path.
    pub problem: String,
}

/// Something a user may want to correct; it stops nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Which setting.
    pub path: String,
    /// What is unwise about it. Reads on after the path.
    pub problem: String,
}

/// A configuration that cannot be used: every mistake in it, at least one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("read the configuration: {} mistake{}{}", mistakes.len(), plural(mistakes), lines(mistakes))]
pub struct ConfigError {
    /// All of them, in the order of the reference configuration.
    pub mistakes: Vec<Mistake>,
}

fn plural(mistakes: &[Mistake]) -> &'static str {
    if mistakes.len() == 1 { "" } else { "s" }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// The variables of this process that configure us, for [`load`].
///
/// A value that is not UTF-8 keeps a replacement character, which [`load`] refuses.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        is_ours(&name).then(|| (name, value.to_string_lossy().into_owned()))
    })
}

fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Reads `files` (or [`DEFAULT_FILE`] when there are none; TOML or YAML by extension), lays the environment
/// over them, and checks everything. Variables of others and empty ones are passed over.
///
/// # Errors
/// With every mistake. A file that cannot be parsed hides the mistakes of the settings.
pub fn load(
    files: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(Settings, Vec<Warning>), ConfigError> {
    let default = [PathBuf::from(DEFAULT_FILE)];
    let files = if files.is_empty() { &default } else { files };
    let mut mistakes = Vec::new();
    let mut sources = Config::builder();
    for file in files {
        match read_file(file) {
            Ok(values) => sources = sources.add_source(Layer(values)),
            Err(problem) => mistakes.push(Mistake {
                path: file.display().to_string(),
                problem,
            }),
        }
    }
    let ours: BTreeMap<String, String> = environment
        .filter(|(name, value)| is_ours(name) && !value.is_empty())
        .collect();
    // One source for each variable, so that the order does not depend on a hash; a table's own name comes
    // after its parts, so that `…__ARCHIVE=x` beside `…__ARCHIVE__URL=…` is seen.
    for (name, value) in ours.into_iter().rev() {
        if let Some(problem) = unusable(&name, &value) {
            mistakes.push(Mistake { path: name, problem });
            continue;
        }
        let variable = Environment::with_prefix(PREFIX.trim_end_matches('_'))
            .separator("__")
            .source(Some(Map::from([(name, value)])));
        sources = sources.add_source(variable);
    }
    match sources.build() {
        Ok(merged) if mistakes.is_empty() => check(&merged.cache, files),
        Ok(_) => Err(ConfigError { mistakes }),
        Err(error) => {
            mistakes.push(Mistake {
                path: "configuration".to_owned(),
                problem: error.to_string(),
            });
            Err(ConfigError { mistakes })
        }
    }
}

fn unusable(name: &str, value: &str) -> Option<String> {
    if name.contains(['[', '.']) {
        return Some(
            "is no setting: entries of lists cannot be set from the environment, name a file".to_owned(),
        );
    }
    value.contains('\u{FFFD}').then(|| "is not UTF-8".to_owned())
}

/// A file's values.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn read_file(path: &Path) -> Result<Map<String, Value>, String> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let format = match extension {
        Some("toml") => FileFormat::Toml,
        Some("yaml" | "yml") => FileFormat::Yaml,
        _ => return Err("has none of the known extensions `.toml`, `.yaml`, `.yml`".to_owned()),
    };
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file: name yours with `--config FILE`".to_owned(),
        std::io::ErrorKind::InvalidData => "is not UTF-8".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    format
        .parse(Some(&path.display().to_string()), text)
        .map_err(|error| syntax(&error.to_string()))
}

/// A parser's message without the line that it quotes, which may hold a secret.
fn syntax(message: &str) -> String {
    let Some(rest) = message.strip_prefix("TOML parse error at ") else {
        return format!("is not well-formed: {message}");
    };
    let lines: Vec<&str> = rest.lines().collect();
    let quoted = lines.iter().rposition(|line| line.trim_start().starts_with('|'));
    let (place, what) = lines.split_at(quoted.map_or(1, |last| last + 1).min(lines.len()));
    let place = place.first().copied().unwrap_or_default();
    format!("is not well-formed: {place}: {}", what.join("; "))
}

fn check(merged: &Value, files: &[PathBuf]) -> Result<(Settings, Vec<Warning>), ConfigError> {
    let notes = Notes::new(files.iter().map(|file| file.display().to_string()).collect());
    let settings = Table::root(merged, &notes, sections::settings);
    let (mistakes, warnings) = notes.into_parts();
    match settings {
        Some(settings) if mistakes.is_empty() => Ok((settings, warnings)),
        _ => Err(ConfigError { mistakes }),
    }
}
