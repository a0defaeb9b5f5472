//! A target: one audit stream, and how often and how far back it is read.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Time,
    event::{Schema, floor},
    schedule::Schedule,
    window::earlier,
};

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

/// Which API a target is read through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `query/events` of the unified logs experience.
    Unified,
    /// `auditlogs` of the classic logs experience.
    Classic,
    /// `query/downloadeventsfromlongtermstore`: days that are over, kept for years.
    LongTerm,
    /// `query/downloadevents`: the server's own CSV of a span.
    UnifiedCsv,
    /// `auditlogs/download`: the server's own CSV of the newest records.
    ClassicCsv,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unified,
        Self::Classic,
        Self::LongTerm,
        Self::UnifiedCsv,
        Self::ClassicCsv,
    ];

    /// The name in configuration, keys and commits.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unified => "unified",
            Self::Classic => "classic",
            Self::LongTerm => "long_term",
            Self::UnifiedCsv => "unified_csv",
            Self::ClassicCsv => "classic_csv",
        }
    }

    /// How its records are spelled. None: it brings files, which are archived as they are.
    #[must_use]
    pub fn schema(self) -> Option<Schema> {
        match self {
            Self::Unified => Some(Schema::Unified),
            Self::Classic => Some(Schema::Classic),
            Self::LongTerm => Some(Schema::LongTerm),
            Self::UnifiedCsv | Self::ClassicCsv => None,
        }
    }

    /// Whether commits read through `self` may stand in the chain of a target that is configured for `api`: what the
    /// live API no longer shows is read from the long-term store.
    #[must_use]
    pub fn serves(self, api: Self) -> bool {
        self == api || (self == Self::LongTerm && api == Self::Unified)
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
    /// Only events that hold this text in their details or client info (the server's `searchTerm`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
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

impl Pace {
    /// When a target of that API and schedule period takes over where nothing is configured: see
    /// [`Target::takeover_after`].
    #[must_use]
    pub fn usual_takeover(&self, api: Api, period: Duration) -> Duration {
        let quiet = match api {
            Api::LongTerm => self.empty_commit_every + DAY,
            _ => self.empty_commit_every,
        };
        (period * 3).max(quiet + period)
    }
}

/// How the classic API is asked: its address differs by platform and version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Classic {
    /// The language of messages, such as `en`. None: the server's choice, which may change.
    pub language: Option<String>,
    /// The parameter `api-version`.
    pub api_version: Option<String>,
    /// Whether the organization stands in the path.
    pub organization_in_path: bool,
    /// The organization's GUID, for servers that want it at the end of the path.
    pub partition_global_id: Option<String>,
}

impl Default for Classic {
    fn default() -> Self {
        Self {
            language: Some("en".to_owned()),
            api_version: None,
            organization_in_path: true,
            partition_global_id: None,
        }
    }
}

/// One audit stream of one organization or tenant.
#[derive(Clone, PartialEq, Debug)]
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
    /// How the classic API is asked.
    pub classic: Classic,
    /// Whether what lies before `retention` is read from the long-term store. For the unified API, without a filter.
    pub long_term: bool,
    /// How far passes read.
    pub pace: Pace,
    /// When passes run.
    pub schedule: Schedule,
    /// When the archive is compared with the server. None: when a person says so.
    pub reconcile: Option<Reconcile>,
}

/// Comparing the archive with the server, time and again.
#[derive(Clone, PartialEq, Debug)]
pub struct Reconcile {
    /// When.
    pub schedule: Schedule,
    /// How far back from then.
    pub back: Duration,
}

impl Target {
    /// How old another exporter's head must be before this one takes over: as configured, or the longest of
    /// three schedule periods and `empty_commit_every` plus one period. The long-term store brings days alone: a head of
    /// it may be a day older.
    #[must_use]
    pub fn takeover_after(&self, now: Time) -> Duration {
        self.pace
            .takeover_after
            .unwrap_or_else(|| self.pace.usual_takeover(self.api, self.schedule.period(now)))
    }

    /// Up to when events are read at `now`: what is younger may still change.
    ///
    /// The long-term store lags the live API by up to 48 hours and answers whole days. A file cannot be compared with
    /// what is archived already, so that one is asked for only when a lookback would be over.
    #[must_use]
    pub fn settled(&self, now: Time) -> Time {
        let Pace { settle, lookback, .. } = self.pace;
        match self.api {
            Api::Unified | Api::Classic => floor(earlier(now, settle)),
            Api::LongTerm => day(earlier(now, settle.max(LONG_TERM_LAG))),
            Api::UnifiedCsv => second(earlier(now, settle.max(lookback))),
            Api::ClassicCsv => second(earlier(now, settle)),
        }
    }

    /// How far a pass reads back behind what is archived; `daily`: the first pass of a UTC day.
    #[must_use]
    pub fn lookback(&self, daily: bool) -> Duration {
        let pace = &self.pace;
        match self.api {
            Api::Unified | Api::Classic if daily => pace.lookback_daily.max(pace.lookback),
            Api::Unified | Api::Classic => pace.lookback,
            Api::LongTerm if daily => pace.lookback_daily,
            Api::LongTerm | Api::UnifiedCsv | Api::ClassicCsv => Duration::ZERO,
        }
    }

    /// The APIs through which its commits may have been read.
    pub fn apis(&self) -> impl Iterator<Item = Api> {
        let target = self.api;
        Api::ALL.into_iter().filter(move |api| api.serves(target))
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// How far the long-term store lags the live API, at most.
pub const LONG_TERM_LAG: Duration = Duration::from_secs(48 * 3600);

/// How long the long-term store keeps an event, at least: two years, and five on Enterprise plans.
pub const LONG_TERM_RETENTION: Duration = Duration::from_secs(730 * 86_400);

/// The UTC day's beginning.
#[must_use]
pub fn day(time: Time) -> Time {
    time.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
}

/// The second's beginning.
#[must_use]
pub fn second(time: Time) -> Time {
    use chrono::SubsecRound as _;
    time.trunc_subsecs(0)
}

/// For tests: a target of an organization `acme`, read through that API.
#[cfg(test)]
pub(crate) fn test_target(api: Api) -> Target {
    let (name, schedule) = (
        "acme".parse().unwrap(),
        Schedule::new("0 0 * * * *", "UTC").unwrap(),
    );
    let day = Duration::from_secs(24 * 3600);
    Target {
        name,
        connection: "cloud".to_owned(),
        organization: "acme".to_owned(),
        tenant: None,
        api,
        filter: None,
        classic: Classic::default(),
        long_term: true,
        pace: Pace {
            start: Start::Ago(day * 90),
            retention: day * 90,
            settle: Duration::ZERO,
            lookback: Duration::ZERO,
            lookback_daily: Duration::ZERO,
            empty_commit_every: day,
            takeover_after: None,
        },
        schedule,
        reconcile: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_gets_days_alone_is_not_taken_over_before_the_next_day() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for (api, hours) in [(Api::Unified, 4), (Api::LongTerm, 28)] {
            let mut target = test_target(api);
            target.pace.empty_commit_every = Duration::from_secs(3 * 3600);
            assert_eq!(
                target.takeover_after(now),
                Duration::from_secs(hours * 3600),
                "{api:?}"
            );
        }
    }
}
