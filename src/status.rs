//! How each target is doing: what the daemon writes down for `status` and whoever else asks. Plain data and its file.
//!
//! Must not hold anything about a person: names of targets, times, counts and errors alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{Checkpoint, Memory},
    clock::{Time, spelled},
    commit::Counts,
    error::Action,
    export::Seen,
};

mod comparison;
mod configuration;
mod maybe;
mod report;
mod standing_by;
mod webhook;
mod words;

pub use comparison::{LastComparison, Side};
pub use configuration::{Configuration, Problem};
pub use report::Report;
pub use standing_by::StandingBy;
pub use webhook::WebhookStatus;
pub use words::span;

/// The file's name in the state directory.
const FILE: &str = "status.json";

/// A process and its targets.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Of this program.
    pub version: String,
    /// The setting.
    pub instance: String,
    /// Random for each process, as in its commits. None before the archive is open.
    pub run: Option<String>,
    /// Process id.
    pub pid: u32,
    /// When the process started.
    #[serde(with = "spelled")]
    pub started_at: Time,
    /// When all this was so.
    #[serde(with = "spelled")]
    pub written_at: Time,
    /// The share of the targets that is run here, as in `0/2`. None: all.
    #[serde(default)]
    pub shard: Option<String>,
    /// Which configuration is in force.
    #[serde(default)]
    pub configuration: Configuration,
    /// In the order of the configuration.
    pub targets: Vec<TargetStatus>,
}

/// A target.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its name.
    pub target: String,
    /// What it is doing.
    pub state: State,
    /// For whom and until when, in [`State::Standby`] alone.
    #[serde(default)]
    pub standing_by: Option<StandingBy>,
    /// Its head in the archive, as far as it is known here.
    pub last_commit: Option<LastCommit>,
    /// Up to here commits say that the archive is complete.
    #[serde(with = "maybe")]
    pub coverage_end: Option<Time>,
    /// Up to here everything was read, committed or not: where the last successful pass's window ended.
    #[serde(with = "maybe")]
    pub read_to: Option<Time>,
    /// How far `read_to` lay behind when this was written. See [`TargetStatus::lag`].
    pub lag_seconds: Option<i64>,
    /// When a pass last succeeded, in this process.
    #[serde(with = "maybe")]
    pub last_success: Option<Time>,
    /// The last pass.
    pub last_pass: Option<LastPass>,
    /// When the next pass starts. None while one runs.
    #[serde(with = "maybe")]
    pub next_run: Option<Time>,
    /// The last comparison with the server, in this process.
    #[serde(default)]
    pub last_comparison: Option<LastComparison>,
    /// When the next one starts, where they have a schedule. None: not known, it waits for a pass, or one runs.
    #[serde(default, with = "maybe")]
    pub next_comparison: Option<Time>,
    /// Announcements of its commits. None: not made, or not by this exporter.
    #[serde(default)]
    pub webhook: Option<WebhookStatus>,
    /// How many passes in a row have failed.
    pub failures: u64,
    /// The last failure, be it over or not.
    pub last_error: Option<LastError>,
    /// How far the running pass is. None: no pass is under way.
    pub progress: Option<Progress>,
}

/// What a target is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting for its next due time; all is well.
    #[default]
    Idle,
    /// A pass is under way, and the last one was well; or a comparison is.
    Running,
    /// At its last look another exporter owned it.
    Standby,
    /// The last pass failed; a later one, perhaps under way, may succeed.
    Failing,
    /// The last pass failed, and passes will fail until a person acts. They are tried all the same.
    NeedsPerson,
}

/// The last commit of a target.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastCommit {
    /// Its number.
    pub number: u64,
    /// Who wrote it.
    pub instance: String,
    /// When.
    #[serde(with = "spelled")]
    pub at: Time,
}

/// A pass that is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastPass {
    /// When it began.
    #[serde(with = "spelled")]
    pub at: Time,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub result: PassResult,
    /// Events; of a failed pass, none.
    pub counts: Counts,
    /// Commits; of a failed pass, none.
    pub commits: u64,
    /// Requests.
    pub requests: u64,
    /// Pages.
    pub pages: u64,
    /// How many due times it made up for.
    pub missed: u64,
    /// The server's clock minus ours, in seconds.
    pub skew_seconds: Option<i64>,
}

/// What became of a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassResult {
    /// The target is up to date.
    Done,
    /// Stopped before its end.
    Interrupted,
    /// Another exporter owns the target.
    Standby,
    /// See the error.
    Failed,
}

/// A failure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastError {
    /// The error and what caused it.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// When.
    #[serde(with = "spelled")]
    pub at: Time,
    /// What it takes.
    pub action: Needs,
}

/// What a failure takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Another try, which will come.
    NextPass,
    /// A person.
    Person,
}

/// How far a pass is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Where the archive was complete when it began.
    #[serde(with = "maybe")]
    pub from: Option<Time>,
    /// What it reads up to.
    #[serde(with = "maybe")]
    pub to: Option<Time>,
    /// Up to here the archive is complete now.
    #[serde(with = "maybe")]
    pub covered: Option<Time>,
    /// Up to here events were read.
    #[serde(with = "maybe")]
    pub read: Option<Time>,
    /// Events received.
    pub pulled: u64,
    /// Events archived.
    pub written: u64,
    /// Commits made.
    pub commits: u64,
}

/// Why the status could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The file is there but cannot be read.
    #[error("read the status file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not what this version writes.
    #[error("understand the status file `{}`", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl Status {
    /// What was last written down in a state directory; None if nothing ever was.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(state_dir: &Path) -> Result<Option<Self>, StatusError> {
        let path = state_dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StatusError::File { path, source }),
        };
        match serde_json::from_slice(&bytes) {
            Ok(status) => Ok(Some(status)),
            Err(source) => Err(StatusError::Content { path, source }),
        }
    }

    /// Whether an exporter holds that state directory now: if not, what is written there is history.
    #[must_use]
    pub fn is_live(state_dir: &Path) -> bool {
        Checkpoint::is_held(state_dir)
    }

    /// Puts itself in the place of what was written before, all at once. Blocking.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        let draft = state_dir.join("status.json.new");
        let mut bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        bytes.push(b'\n');
        fs::write(&draft, bytes)?;
        fs::rename(&draft, state_dir.join(FILE))
    }

    /// Says when all this is so, and how far targets lie behind by then.
    pub fn stamp(&mut self, now: Time) {
        self.written_at = now;
        for target in &mut self.targets {
            target.lag_seconds = target.lag(now);
        }
    }
}

impl TargetStatus {
    /// How many seconds lie between the end of what was read and now. None before anything was read.
    #[must_use]
    pub fn lag(&self, now: Time) -> Option<i64> {
        self.read_to.map(|read_to| (now - read_to).num_seconds().max(0))
    }

    /// Takes over what the checkpoint knows of the archive, which may be another exporter's work.
    pub fn see(&mut self, memory: &Memory) {
        self.last_commit = Some(LastCommit {
            number: memory.head.number,
            instance: memory.head.instance.clone(),
            at: memory.head.committed_at,
        });
        self.coverage_end = Some(memory.coverage_end);
        self.read_to = self.read_to.max(Some(memory.coverage_end));
    }
}

impl From<Action> for Needs {
    fn from(action: Action) -> Self {
        match action {
            Action::Retry | Action::NextTick => Self::NextPass,
            Action::Stop => Self::Person,
        }
    }
}

impl From<Seen> for Progress {
    fn from(seen: Seen) -> Self {
        Self {
            from: seen.from,
            to: seen.to,
            covered: seen.covered,
            read: seen.read,
            pulled: seen.pulled,
            written: seen.written,
            commits: seen.commits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Configuration, LastError, Needs, Progress, State, Status, TargetStatus};
    use crate::clock::Time;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_written_is_read_again_and_nothing_is_no_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Status::read(directory.path()).unwrap().is_none());
        assert!(!Status::is_live(directory.path()));
        let mut status = Status {
            version: "0.1.0".to_owned(),
            instance: "audit-1".to_owned(),
            run: None,
            pid: 7,
            started_at: time("2026-11-21T10:00:00Z"),
            written_at: time("2026-11-21T10:00:00Z"),
            shard: None,
            configuration: Configuration::default(),
            targets: vec![TargetStatus {
                target: "acme".to_owned(),
                state: State::NeedsPerson,
                read_to: Some(time("2026-11-21T09:58:00Z")),
                last_error: Some(LastError {
                    message: "read events".to_owned(),
                    hint: None,
                    at: time("2026-11-21T10:00:01Z"),
                    action: Needs::Person,
                }),
                progress: Some(Progress::default()),
                ..TargetStatus::default()
            }],
        };
        status.stamp(time("2026-11-21T10:00:02.500Z"));
        assert_eq!(status.targets[0].lag_seconds, Some(122));
        status.write(directory.path()).unwrap();
        assert_eq!(Status::read(directory.path()).unwrap().as_ref(), Some(&status));
        let text = std::fs::read_to_string(directory.path().join("status.json")).unwrap();
        for part in [
            r#""state":"needs_person""#,
            r#""read_to":"2026-11-21T09:58:00.000Z""#,
            r#""last_commit":null"#,
            r#""action":"person""#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // An older version wrote less.
        let mut older: serde_json::Value = serde_json::from_str(&text).unwrap();
        for name in ["shard", "configuration"] {
            assert!(older.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        let target = older["targets"][0].as_object_mut().unwrap();
        assert!(target.remove("standing_by").is_some());
        std::fs::write(directory.path().join("status.json"), older.to_string()).unwrap();
        assert_eq!(Status::read(directory.path()).unwrap(), Some(status));
        std::fs::write(directory.path().join("status.json"), "{").unwrap();
        assert!(Status::read(directory.path()).is_err());
    }
}
