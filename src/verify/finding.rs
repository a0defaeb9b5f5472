//! What can be wrong with an archive, in words and for machines; pure.

use std::fmt;

use serde::Serialize;

use crate::{
    clock::{Time, spell, spelled},
    window::Window,
};

/// Something that is wrong with the archive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Key of the object that shows it: a commit, a data object, a catalogue.
    pub key: String,
    /// What is wrong with it.
    #[serde(flatten)]
    pub problem: Problem,
    /// The same in words.
    pub message: String,
    /// What a person can do.
    pub hint: &'static str,
}

/// What is wrong with an object. `recorded` is what a commit says, `found` what is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// It is not there.
    #[error("it is missing: {because}")]
    Missing {
        /// How that is known.
        because: String,
    },
    /// It cannot be read as what it should be.
    #[error("it cannot be read: {because}")]
    Unreadable {
        /// Why not.
        because: String,
    },
    /// It is not what was recorded of it.
    #[error("its {what} is {found}, recorded is {recorded}")]
    Differs {
        /// Which property.
        what: &'static str,
        /// As recorded.
        recorded: String,
        /// As found.
        found: String,
    },
    /// A commit that no exporter writes: it contradicts itself.
    #[error("it contradicts itself: {because}")]
    Contradiction {
        /// How.
        because: String,
    },
    /// A window begins before the end of the one before it.
    #[error("its window begins at {}, but the commits before it reach to {}", spell(*.from), spell(*.covered))]
    Overlap {
        /// Where the window begins.
        #[serde(with = "spelled")]
        from: Time,
        /// Where the windows before it end.
        #[serde(with = "spelled")]
        covered: Time,
    },
    /// A span that no commit covers and no gap admits.
    #[error("nothing covers {} to {} before it, and no gap admits that", spell(.span.from), spell(.span.to))]
    Hole {
        /// The span.
        span: Window,
    },
    /// Lines of a data object that should not be there.
    #[error("{what} ({lines} of them, the first is line {line})")]
    Lines {
        /// What is wrong with them.
        what: &'static str,
        /// The first such line, from 1.
        line: u32,
        /// How many there are.
        lines: u64,
    },
    /// Events that the archive holds twice.
    #[error(
        "{events} of its events are archived twice: the one in line {line} is line {other_line} of `{other}` too"
    )]
    ArchivedTwice {
        /// How many.
        events: u64,
        /// The first of them, from 1.
        line: u32,
        /// Where the same event was archived before.
        other: String,
        /// Its line there, from 1.
        other_line: u32,
    },
}

impl Problem {
    /// The exit code that it asks for: 10 altered or missing, 11 a hole.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::Differs { .. }
            | Self::Contradiction { .. }
            | Self::Overlap { .. }
            | Self::Lines { .. }
            | Self::ArchivedTwice { .. } => 10,
            Self::Hole { .. } => 11,
        }
    }

    /// What a person can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "bring it back from an object version, a replica or a backup, byte for byte: `reconcile` does not build on what is not whole; a new target of another name archives what the server still shows"
            }
            Self::Unreadable { .. } | Self::Differs { .. } | Self::Lines { .. } => {
                "keep what is there as evidence, find out who wrote it, and bring the original back from an object version, a replica or a backup"
            }
            Self::Contradiction { .. } | Self::Overlap { .. } => {
                "no exporter writes this: find out who did, and bring the original back from an object version, a replica or a backup"
            }
            Self::Hole { .. } => {
                "`reconcile` archives what the server still shows of this span; the hole itself stays, as no commit is ever changed"
            }
            Self::ArchivedTwice { .. } => {
                "readers should count such an event once; please report it as a bug"
            }
        }
    }

    pub(crate) fn differs(what: &'static str, recorded: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::Differs {
            what,
            recorded: recorded.to_string(),
            found: found.to_string(),
        }
    }

    pub(crate) fn contradiction(because: impl Into<String>) -> Self {
        Self::Contradiction {
            because: because.into(),
        }
    }

    /// The finding that an object has this problem.
    pub(crate) fn of(self, key: impl Into<String>) -> Finding {
        Finding {
            key: key.into(),
            message: self.to_string(),
            hint: self.hint(),
            problem: self,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.problem.exit_code() {
            11 => "HOLE",
            _ => match self.problem {
                Problem::Missing { .. } => "MISSING",
                _ => "ALTERED",
            },
        };
        write!(
            f,
            "{word} `{}`: {}\n    hint: {}",
            self.key, self.message, self.hint
        )
    }
}

/// Something worth knowing that is no alteration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The oldest commits are gone, as a lifecycle rule makes them go.
    Expired {
        /// The oldest commit there is.
        oldest: u64,
    },
    /// Data objects of commits before the first one checked.
    Before {
        /// How many.
        objects: u64,
    },
    /// Data objects that no commit names: a crash left them, readers of the commits never see them.
    Unreferenced {
        /// How many.
        objects: u64,
        /// The first.
        key: String,
    },
    /// Data objects of the commit after the last: it may be under way.
    UnderWay {
        /// How many.
        objects: u64,
    },
    /// Objects that no exporter names so.
    Foreign {
        /// How many.
        objects: u64,
        /// The first.
        key: String,
    },
    /// Data objects of a target without any commit.
    NoCommits {
        /// The target.
        target: String,
        /// How many.
        objects: u64,
    },
    /// Commits that were written before the one before them, by the writers' clocks.
    ClockWentBack {
        /// How many.
        commits: u64,
    },
    /// Events that the server showed with other content than before. Each version is archived.
    Conflicts {
        /// How many.
        events: u64,
    },
    /// Ids that events of one day share, seen by reading all of them.
    Versions {
        /// How many ids.
        ids: u64,
        /// How many events have them.
        events: u64,
    },
    /// Events that were shown again and not archived again.
    Duplicates {
        /// How many.
        events: u64,
    },
    /// Events without a readable time.
    Undated {
        /// How many.
        events: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { oldest } => write!(
                f,
                "the commits before {oldest} are gone (as a lifecycle rule would have it): only what follows can be checked"
            ),
            Self::Before { objects } => write!(
                f,
                "{objects} data objects belong to commits before the first one checked"
            ),
            Self::Unreferenced { objects, key } => write!(
                f,
                "no commit names {objects} data objects, such as `{key}`: a crash leaves such, readers of the commits never see them"
            ),
            Self::UnderWay { objects } => {
                write!(
                    f,
                    "a commit seems to be under way: {objects} data objects wait for it"
                )
            }
            Self::Foreign { objects, key } => {
                write!(f, "{objects} objects are not an exporter's, such as `{key}`")
            }
            Self::NoCommits { target, objects } => write!(
                f,
                "`{target}` has {objects} data objects and no commit: nothing of it can be checked"
            ),
            Self::ClockWentBack { commits } => {
                write!(f, "the writer's clock went back before {commits} commits")
            }
            Self::Conflicts { events } => {
                write!(
                    f,
                    "{events} events have the id of another one, with other content: each is archived"
                )
            }
            Self::Versions { ids, events } => write!(f, "{events} events share {ids} ids within their day"),
            Self::Duplicates { events } => write!(
                f,
                "{events} times an event was shown again (as lookbacks do) and not archived again"
            ),
            Self::Undated { events } => write!(f, "{events} events have no readable time"),
        }
    }
}
