//! A target: one audit stream, and how often and how far back it is read.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{clock::Time, schedule::Schedule};

/// A target's name: `[a-z]([a-z0-9._-]{0,61}[a-z0-9])?`. It names the stream in the archive for ever.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct TargetName(String);

/// A name that breaks the rule of [`TargetName`].
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is no target name: 1 to 63 of a-z 0-9 . _ -, first a letter, last a letter or digit")]
pub struct BadTargetName {
    name: String,
}

impl FromStr for TargetName {
    type Err = BadTargetName;

    fn from_str(name: &str) -> Result<Self, BadTargetName> {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = name.as_bytes();
        let good = bytes.len() <= 63
            && bytes.first().is_some_and(u8::is_ascii_lowercase)
            && bytes.last().is_some_and(plain)
            && bytes.iter().all(|b| plain(b) || b"._-".contains(b));
        if good {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadTargetName {
                name: name.to_owned(),
            })
        }
    }
}

impl TargetName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which API a target is read through. Others of the interface (`classic`, …) get an arm here each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `query/events` of the unified logs experience.
    Unified,
}

impl Api {
    /// The name in configuration, keys and commits.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unified => "unified",
        }
    }
}

/// What of a stream is read. Names or GUIDs, as configured.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Event sources.
    pub sources: Vec<String>,
    /// Event targets (categories).
    pub targets: Vec<String>,
    /// Event types (activities).
    pub types: Vec<String>,
    /// Ids of acting users.
    pub users: Vec<String>,
    /// Only events of this status.
    pub status: Option<Status>,
}

/// An event's outcome, as the API encodes it: 0 succeeded, 1 failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// 0.
    Succeeded,
    /// 1.
    Failed,
}

/// Where a target without any commit begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At this time.
    At(Time),
    /// This long before the first pass.
    Ago(Duration),
}

/// How far a pass reads, and when it writes; see the configuration reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Where a target without any commit begins; ignored afterwards.
    pub start: Start,
    /// What the server still shows. An empty span older than this is a gap.
    pub retention: Duration,
    /// Events younger than this are left for the next pass.
    pub settle: Duration,
    /// How far back every pass reads again for late events.
    pub lookback: Duration,
    /// How far back the first pass of each UTC day reads.
    pub lookback_daily: Duration,
    /// How much empty time may pass before a commit proves it.
    pub empty_commit_every: Duration,
    /// How old another exporter's head must be before this one takes over. None: see [`Target::takeover_after`].
    pub takeover_after: Option<Duration>,
}

/// One audit stream of one organization or tenant.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name, for ever.
    pub name: TargetName,
    /// The name of its connection.
    pub connection: String,
    /// Organization, name or GUID, as in the URL.
    pub organization: String,
    /// Tenant, name or GUID. None: the organization's own stream.
    pub tenant: Option<String>,
    /// The API it is read through.
    pub api: Api,
    /// What of the stream is read. None: everything.
    pub filter: Option<Filter>,
    /// How far passes read.
    pub pace: Pace,
    /// When passes run.
    pub schedule: Schedule,
}

impl Target {
    /// How old another exporter's head must be before this one takes over: as configured, or the longest of
    /// three schedule periods and `empty_commit_every` plus one period.
    #[must_use]
    pub fn takeover_after(&self, now: Time) -> Duration {
        self.pace.takeover_after.unwrap_or_else(|| {
            let period = self.schedule.period(now);
            (period * 3).max(self.pace.empty_commit_every + period)
        })
    }
}
