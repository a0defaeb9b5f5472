//! The commit record: what a slice holds, its place in the chain, its canonical bytes; pure.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::{Time, spelled},
    event::hex,
    target::{Api, Filter},
    window::Window,
};

/// The value of `format` in every commit that this version writes and reads.
pub const FORMAT: &str = "uipath-audit-exporter/commit/1";

/// What a commit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something was written, be it only late events.
    Events,
    /// Nothing happened in the window: proven.
    Empty,
    /// Found by a later comparison with the server; outside the chain of windows.
    Backfill,
    /// An admitted hole, with its reason.
    Gap,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Events, Self::Empty, Self::Backfill, Self::Gap];

    /// The name in commits.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Empty => "empty",
            Self::Backfill => "backfill",
            Self::Gap => "gap",
        }
    }
}

/// A numbered, immutable record in the archive: this slice is complete, here are its objects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commit {
    /// Always [`FORMAT`].
    pub format: String,
    /// The target's name.
    pub target: String,
    /// From 0, without holes.
    pub number: u64,
    /// Counts the owners of the target: higher wins.
    pub epoch: u64,
    /// The setting `instance` of the writer.
    pub instance: String,
    /// Random for each process.
    pub run: String,
    /// What it is for.
    pub kind: Kind,
    /// Why a gap is one.
    pub reason: Option<String>,
    /// The span of event time that is complete with this commit.
    pub window: Window,
    /// From where on events were read again; `window.from` where there was no lookback.
    #[serde(with = "spelled")]
    pub lookback_from: Time,
    /// How many events.
    pub counts: Counts,
    /// Events without a readable time.
    pub undated: Undated,
    /// The data objects, in the order of their keys.
    pub objects: Vec<Object>,
    /// Key of the catalogue in force, if one was read.
    pub catalog: Option<String>,
    /// Key of the exclusion rules in force, if any were read: events that they name were not recorded.
    #[serde(default)]
    pub rules: Option<String>,
    /// Where the events came from.
    pub source: Origin,
    /// What wrote the commit.
    pub tool: Tool,
    /// When it was written, by the writer's clock.
    #[serde(with = "spelled")]
    pub committed_at: Time,
    /// SHA-256 of the previous commit's bytes; None in commit 0.
    pub previous_sha256: Option<String>,
}

/// Counts of events. `pulled` = `written` + `duplicate`; `late` and `conflict` are among `written`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Shown by the server within the span read.
    pub pulled: u64,
    /// Archived by this commit.
    pub written: u64,
    /// Already archived, or shown more than once.
    pub duplicate: u64,
    /// Older than the window: they came late.
    pub late: u64,
    /// Same id as another event, other content.
    pub conflict: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.pulled += other.pulled;
        self.written += other.written;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.conflict += other.conflict;
    }
}

/// Events without a readable time: they lie in no window, so that the commits that hold any are linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Undated {
    /// How many this commit archived.
    pub events: u64,
    /// The newest earlier commit that archived any.
    pub previous: Option<u64>,
}

/// One data object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Its key in the archive.
    pub key: String,
    /// `jsonl`, `csv` or `raw`.
    pub format: String,
    /// How many events (not lines of text); in `raw`, how many rows without the header.
    pub events: u64,
    /// Size as stored.
    pub bytes: u64,
    /// SHA-256 of the stored bytes.
    pub sha256: String,
    /// SHA-256 of the uncompressed bytes.
    pub content_sha256: String,
    /// The time of the first event that has one, as the server spelled it.
    pub first: Option<String>,
    /// The time of the last event that has one, as the server spelled it.
    pub last: Option<String>,
    /// CSV cells that got a leading `'` so that no spreadsheet runs them.
    pub defused_cells: u64,
}

/// Where a commit's events came from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The endpoint, without parameters.
    pub url: String,
    /// The API.
    pub api: Api,
    /// The API that the target is configured for, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_api: Option<Api>,
    /// What of the stream was read.
    pub filter: Option<Filter>,
    /// HTTP requests sent for this commit, repeats included.
    pub requests: u64,
    /// Pages read.
    pub pages: u64,
}

impl Origin {
    /// The API that the target was configured for.
    #[must_use]
    pub fn configured(&self) -> Api {
        self.target_api.unwrap_or(self.api)
    }
}

/// What wrote a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// Version of the exporter.
    pub version: String,
    /// Git commit it was built from, if known.
    pub git: Option<String>,
}

impl Tool {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git: option_env!("BUILD_GIT").map(str::to_owned),
        }
    }
}

/// Why bytes are no commit record.
#[derive(Debug, thiserror::Error)]
pub enum BadCommit {
    /// Not JSON, or a key is missing or of the wrong kind.
    #[error("read the commit record")]
    Syntax(#[source] serde_json::Error),
    /// Written by a newer version.
    #[error("read the commit record: its format is `{0}`, this version reads `{FORMAT}`")]
    Format(String),
}

impl Commit {
    /// The record's canonical bytes: one line of JSON with a line feed.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        // Serializing plain structs of strings and numbers into memory cannot fail.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        Bytes::from(line)
    }

    /// Reads a record. Unknown keys are ignored.
    ///
    /// # Errors
    /// If it is none that this version understands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadCommit> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(BadCommit::Syntax)?;
        if head.format != FORMAT {
            return Err(BadCommit::Format(head.format));
        }
        serde_json::from_slice(bytes).map_err(BadCommit::Syntax)
    }

    /// Whether its window is a link of the chain of windows.
    #[must_use]
    pub fn is_chained(&self) -> bool {
        match self.kind {
            Kind::Events | Kind::Empty | Kind::Gap => true,
            Kind::Backfill => false,
        }
    }

    /// The file of the server's own that it holds.
    #[must_use]
    pub fn file(&self) -> Option<&Object> {
        self.objects.iter().find(|object| object.format == "raw")
    }

    /// The newest commit up to this one that holds events without a time.
    #[must_use]
    pub fn last_undated(&self) -> Option<u64> {
        if self.undated.events > 0 {
            Some(self.number)
        } else {
            self.undated.previous
        }
    }
}

/// What makes an endpoint's stream, on whatever host: organization and tenant, as names or GUIDs, and the service. Lower
/// case. Of an address without such a service its whole path.
#[must_use]
pub fn stream_of(endpoint: &str) -> String {
    let lower = endpoint.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').collect();
    let found = [("tenantaudit_", 2), ("orgaudit_", 1)]
        .into_iter()
        .find_map(|(service, names)| {
            let at = parts.iter().position(|part| *part == service)?;
            parts.get(at.checked_sub(names)?..=at)
        });
    // Without scheme, slashes and host: a server may move.
    let path = || parts.get(3..).unwrap_or_default().join("/");
    found.map_or_else(path, |parts| parts.join("/"))
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::stream_of;

    #[test]
    fn a_stream_is_its_organization_tenant_and_service() {
        let stream = "acme/production/tenantaudit_";
        for endpoint in [
            "https://cloud.uipath.com/acme/production/tenantaudit_/api/query/events",
            "https://suite.example/base/ACME/production/tenantaudit_/api/query/events",
            "http://127.0.0.1:1/acme/production/tenantaudit_/api/query/downloadeventsfromlongtermstore",
        ] {
            assert_eq!(stream_of(endpoint), stream);
        }
        assert_eq!(
            stream_of("http://127.0.0.1:1/acme/orgaudit_/api/query/events"),
            "acme/orgaudit_"
        );
        assert_ne!(
            stream_of("https://suite.example/acme/audit_/api/auditlogs"),
            stream_of("https://suite.example/other/audit_/api/auditlogs")
        );
    }
}
