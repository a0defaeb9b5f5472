//! The catalogue of event sources, targets and types: what the GUIDs mean at a time.

use bytes::Bytes;
use serde::Deserialize;

use crate::source::SourceError;

/// What `query/sources` answered: its bytes, and the tree in them.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The server's bytes.
    pub raw: Bytes,
    /// The tree.
    pub sources: Vec<EventSource>,
}

/// A source, such as `Identity`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSource {
    /// GUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its targets (categories).
    #[serde(default)]
    pub event_targets: Vec<EventTarget>,
}

/// A target, such as `Authentication`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTarget {
    /// GUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its types (activities).
    #[serde(default)]
    pub event_types: Vec<EventType>,
}

/// A type, such as `User Login`.
#[derive(Clone, Debug, Deserialize)]
pub struct EventType {
    /// GUID.
    pub id: String,
    /// Name.
    pub name: String,
}

/// The levels of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Sources.
    Source,
    /// Targets.
    Target,
    /// Types.
    Type,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "the source",
            Self::Target => "the target",
            Self::Type => "the type",
        }
    }
}

impl Catalog {
    /// Reads a reply: a bare list of sources.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(raw: Bytes) -> Result<Self, serde_json::Error> {
        let sources = serde_json::from_slice(raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&raw))?;
        Ok(Self { raw, sources })
    }

    /// The GUIDs that a name or GUID stands for on a level: several where a name occurs under several parents.
    ///
    /// # Errors
    /// If there is none; the nearest names are told.
    pub fn resolve(&self, level: Level, wanted: &str) -> Result<Vec<String>, SourceError> {
        let entries = self.entries(level);
        let found: Vec<String> = entries
            .iter()
            .filter(|(id, name)| id.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(wanted))
            .map(|(id, _)| (*id).to_owned())
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let mut known: Vec<&str> = entries.iter().map(|(_, name)| *name).collect();
        known.sort_by_key(|name| std::cmp::Reverse(likeness(name, wanted)));
        known.dedup();
        known.truncate(3);
        let known = known.into_iter().map(|name| format!("`{name}`")).collect();
        Err(SourceError::Filter {
            kind: level.name(),
            name: wanted.to_owned(),
            known,
        })
    }

    fn entries(&self, level: Level) -> Vec<(&str, &str)> {
        let targets = self.sources.iter().flat_map(|source| &source.event_targets);
        match level {
            Level::Source => self
                .sources
                .iter()
                .map(|source| (&*source.id, &*source.name))
                .collect(),
            Level::Target => targets.map(|target| (&*target.id, &*target.name)).collect(),
            Level::Type => targets
                .flat_map(|target| &target.event_types)
                .map(|kind| (&*kind.id, &*kind.name))
                .collect(),
        }
    }
}

/// How many pairs of neighbouring letters two names share.
fn likeness(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let pairs: Vec<&[u8]> = b.as_bytes().windows(2).collect();
    a.as_bytes()
        .windows(2)
        .filter(|pair| pairs.contains(pair))
        .count()
}
