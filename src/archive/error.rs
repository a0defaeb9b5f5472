//! What can go wrong with the archive's store, said so that a person knows what to do. Prints nothing of `object_store`
//! that holds addresses: their query strings may be credentials.

use std::{fmt, io, path::PathBuf, sync::Arc};

use super::{
    Permission, Refusal, RefusalKind, StoreError, Unreachable, UnreachableKind,
    cause::{Cause, io_kind},
    hints,
    permission::missing,
};
use crate::error::Action;

/// Why the archive could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not a URL of an archive.
    #[error(
        "open the archive `{url}`: there is `file:///path`, `s3://bucket/prefix`, `az://container/prefix`, \
         `abfss://container@account.dfs.core.windows.net/prefix`, `gs://bucket/prefix`"
    )]
    Url {
        /// The URL.
        url: String,
    },
    /// The directory of a `file://` archive.
    #[error("open the archive directory `{}`", path.display())]
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An object store could not be opened. No server was asked.
    #[error("open the archive `{place}`")]
    Open {
        /// The archive.
        place: String,
        /// Why not.
        #[source]
        source: Box<StoreError>,
    },
    /// The store overwrote what it was asked to create.
    #[error("use the archive `{place}`: its store does not refuse to create an object that exists")]
    NotConditional {
        /// The archive.
        place: String,
    },
    /// The store does not know what it is to create an object only if it is not there.
    #[error("use the archive `{place}`: its store has no conditional creation: {said}")]
    NoConditions {
        /// The archive.
        place: String,
        /// What it said to a first try.
        said: String,
    },
    /// Several things that the store must allow were refused.
    #[error("use the archive `{place}`: permissions: {}", missing(permissions, place))]
    Permissions {
        /// The archive.
        place: String,
        /// What is missing.
        permissions: Vec<Permission>,
        /// What the store said to the first of them.
        #[source]
        source: Box<Refusal>,
    },
    /// The store refused, and said why.
    #[error("{tried}: {}", meaning(tried, source))]
    Refused {
        /// What was tried.
        tried: Tried,
        /// What the store said.
        #[source]
        source: Box<Refusal>,
    },
    /// The store did not answer.
    #[error("{tried}")]
    Unreachable {
        /// What was tried.
        tried: Tried,
        /// Why not.
        #[source]
        source: Box<Unreachable>,
    },
    /// The system refused for want of permission.
    #[error("{tried}: permission denied")]
    Denied {
        /// What was tried.
        tried: Tried,
        /// What the store said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// Anything else a local directory said.
    #[error("{tried}")]
    Store {
        /// What was tried.
        tried: Tried,
        /// What the system said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// Anything else a store said.
    #[error("{tried}: {said}")]
    Failed {
        /// What was tried.
        tried: Tried,
        /// What it said: one line, without addresses.
        said: String,
    },
    /// An object that is larger than anything we write.
    #[error("{tried}: it has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// What was tried.
        tried: Tried,
        /// Its size, as the store says.
        bytes: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// What came is not what the store says the object is.
    #[error("{tried}: {got} bytes came of {said}")]
    Cut {
        /// What was tried.
        tried: Tried,
        /// The object's size, as the store says.
        said: u64,
        /// Bytes that came.
        got: u64,
    },
    /// A failure that several have suffered together.
    #[error(transparent)]
    Shared(Arc<ArchiveError>),
    /// The same object read twice was two different things.
    #[error("{tried}: it is another one each time")]
    Unsteady {
        /// What was tried.
        tried: Tried,
    },
}

/// An operation on an archive, for messages: "create `commits/…` in the archive `s3://…`".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// `create`, `read`, `list`, …
    pub verb: &'static str,
    /// The object or the prefix; empty for all of the archive.
    pub key: String,
    /// The archive's URL; empty where it is not known.
    pub place: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb)?;
        if !self.key.is_empty() {
            write!(f, " `{}` in", self.key)?;
        }
        f.write_str(" the archive")?;
        if !self.place.is_empty() {
            write!(f, " `{}`", self.place)?;
        }
        Ok(())
    }
}

impl ArchiveError {
    pub(super) fn store(verb: &'static str, key: &str, source: object_store::Error) -> Self {
        Self::of("", verb, key, source)
    }

    /// What the store's error comes to.
    pub(super) fn of(place: &str, verb: &'static str, key: &str, source: object_store::Error) -> Self {
        let tried = Tried {
            verb,
            key: key.to_owned(),
            place: place.to_owned(),
        };
        match Cause::of(&source) {
            Cause::Refused(source) => Self::Refused { tried, source },
            Cause::Unreachable(source) => Self::Unreachable { tried, source },
            Cause::Denied => Self::Denied {
                tried,
                source: Box::new(source),
            },
            Cause::System => Self::Store {
                tried,
                source: Box::new(source),
            },
            Cause::Said(said) => Self::Failed { tried, said },
        }
    }

    /// Whether trying again at once is pointless.
    pub(super) fn is_permanent(&self) -> bool {
        self.action() == Action::Stop || self.is_disk_full()
    }

    /// Whether an answer had begun, and did not end.
    pub(super) fn is_cut_off(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.kind == UnreachableKind::Lost)
    }

    /// Whether it is this operation that is not allowed: others may be.
    pub(super) fn is_denied(&self) -> bool {
        match self {
            Self::Denied { .. } => true,
            Self::Refused { source, .. } => source.kind == RefusalKind::Permission,
            _ => false,
        }
    }

    /// Whether the object stays, as far as this process can tell: it may not be deleted, or the store cannot.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_denied() || matches!(self, Self::Refused { source, .. } if source.kind == RefusalKind::Other)
    }

    fn is_disk_full(&self) -> bool {
        matches!(self, Self::Store { source, .. } if io_kind(source) == Some(io::ErrorKind::StorageFull))
    }

    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Url { .. }
            | Self::Open { .. }
            | Self::NotConditional { .. }
            | Self::NoConditions { .. }
            | Self::Permissions { .. }
            | Self::Denied { .. }
            | Self::TooLarge { .. } => Action::Stop,
            Self::Root { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => Action::Stop,
                _ => Action::NextTick,
            },
            Self::Refused { source, .. } => source.action(),
            Self::Shared(error) => error.action(),
            Self::Unreachable { source, .. } => source.action(),
            Self::Store { .. } | Self::Failed { .. } | Self::Cut { .. } | Self::Unsteady { .. } => {
                Action::NextTick
            }
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Url { .. } => Some("see `archive.url` in the configuration reference".to_owned()),
            Self::Open { source, .. } => source.hint(),
            Self::NotConditional { .. } | Self::NoConditions { .. } => Some(
                "use a store with conditional writes: without them two exporters overwrite each other"
                    .to_owned(),
            ),
            Self::Root { path, .. } => Some(format!("the exporter's user must own `{}`", path.display())),
            Self::Permissions { place, .. } => Some(hints::permissions(place)),
            Self::Refused { tried, source } => hints::refused(tried, source),
            Self::Shared(error) => error.hint(),
            Self::Unreachable { tried, source } => hints::unreachable(tried, source),
            Self::Denied { tried, .. } => Some(format!(
                "the exporter's identity needs the right to {} objects",
                tried.verb
            )),
            Self::Store { .. } => self
                .is_disk_full()
                .then(|| "the disk is full: make room, nothing is lost".to_owned()),
            Self::TooLarge { .. } => {
                Some("the exporter writes no such object: who else writes there?".to_owned())
            }
            Self::Failed { .. } | Self::Cut { .. } | Self::Unsteady { .. } => None,
        }
    }
}

/// What a refusal means for this archive.
fn meaning(tried: &Tried, refusal: &Refusal) -> String {
    let plain = match refusal.kind {
        RefusalKind::Credentials => "the credentials are refused",
        RefusalKind::Expired => "the credentials have expired",
        RefusalKind::Clock => "this machine's clock is wrong",
        RefusalKind::Region => match &refusal.region {
            Some(region) => return format!("the bucket is in `{region}`"),
            None => "the bucket is in another region",
        },
        RefusalKind::NoBucket => return format!("{} does not exist", hints::bucket(&tried.place)),
        RefusalKind::NoObject => "it is not there",
        RefusalKind::Permission => {
            let permission = Permission::of(tried.verb);
            return permission.map_or_else(
                || "permission denied".to_owned(),
                |permission| format!("permission {}", missing(&[permission], &tried.place)),
            );
        }
        RefusalKind::Passing => "the store could not",
        RefusalKind::Other => "the store refuses",
    };
    plain.to_owned()
}

#[cfg(test)]
mod tests;
