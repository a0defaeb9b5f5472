//! The archive's store: create once, read, list, delete. The only file that names `object_store`.
//!
//! Nothing is ever overwritten: the one way to write is [`Archive::create`], which finds out whether an object that is
//! there already is our own write.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{
    Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, local::LocalFileSystem,
    memory::InMemory, path::Path,
};
use tokio::time::Instant;
use url::Url;

use crate::{clock::Time, settings::ArchiveSettings};

mod azure;
mod cause;
mod error;
mod gcs;
mod hints;
mod identity;
mod location;
mod options;
mod permission;
mod probe;
mod profile;
mod reading;
mod refusal;
mod renewing;
mod s3;
#[cfg(test)]
mod scripted;
mod staging;
mod stores;
mod tags;
mod unreachable;
mod values;
mod wire;

pub use error::{ArchiveError, Tried};
pub use location::object_store_url;
pub use options::{OptionMistake, check_options, is_secret};
pub use permission::Permission;
pub use probe::{Proof, Proofs};
pub use profile::ProfileError;
pub use refusal::{Refusal, RefusalKind};
pub use stores::StoreError;
pub use tags::check_tags;
pub use unreachable::{Unreachable, UnreachableKind};

use location::{Kind, Location};
use renewing::Renewing;

/// How often a create that left nothing behind is tried.
const TRIES: u32 = 5;
/// What is tried, in messages, when an object that exists is to be created: the probe does.
const AGAIN: &str = "create a second";
/// No further try begins after this long: a store that swallows requests must not hold a pass up for minutes more.
const BUDGET: Duration = Duration::from_secs(60);
/// How often a listing that is cut off is begun.
const LISTINGS: u32 = 3;
/// The wait after the first such try; each later one is three times as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The object store prefix that holds everything written. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    place: Arc<str>,
    /// Where a `file://` archive lies: its half-written files are invisible to the store.
    root: Option<Arc<PathBuf>>,
}

/// What a create found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Created {
    /// The object holds our bytes, by this try or an earlier one.
    Ours,
    /// Another object stands there, with these bytes.
    Theirs(Bytes),
}

/// An object found by listing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size as stored.
    pub bytes: u64,
    /// When the store says it was written.
    pub modified: Time,
}

impl Archive {
    /// Opens the archive that the settings name, to write it. A local directory is made where there is none. Blocking.
    ///
    /// # Errors
    /// If the directory cannot be made, or the store not be opened: see [`open_store`].
    pub fn open(settings: &ArchiveSettings) -> Result<Self, ArchiveError> {
        if let Some(path) = directory(settings)? {
            std::fs::create_dir_all(&path).map_err(|source| ArchiveError::Root { path, source })?;
        }
        Self::open_to_read(settings)
    }

    /// Opens the archive that the settings name, to read it: nothing is made. Blocking.
    ///
    /// # Errors
    /// If the directory is not there, or the store cannot be opened: see [`open_store`].
    pub fn open_to_read(settings: &ArchiveSettings) -> Result<Self, ArchiveError> {
        Ok(Self {
            store: open_store(settings)?,
            place: settings.url.as_str().into(),
            root: directory(settings)?.map(Arc::new),
        })
    }

    /// [`Archive::open_to_read`] by a URL alone: credentials, if any are needed, come from the environment.
    ///
    /// # Errors
    /// As there.
    pub fn open_url(url: &Url) -> Result<Self, ArchiveError> {
        Self::open_to_read(&ArchiveSettings::to_read(url.clone()))
    }

    /// An archive on any store: tests put a store with faults here.
    #[must_use]
    pub fn from_store(store: Arc<dyn ObjectStore>, place: &str) -> Self {
        Self {
            store,
            place: place.into(),
            root: None,
        }
    }

    /// The archive's URL, for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Creates an object, or finds that it is there. An error from the store says nothing about whether it took the
    /// bytes, so the object is read back and compared: absent means try again with the same bytes, and so does a look
    /// that failed.
    ///
    /// # Errors
    /// If the store can be neither written nor read, or keeps losing the object.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<Created, ArchiveError> {
        let (began, mut wait) = (Instant::now(), FIRST_WAIT);
        let mut tries = 0;
        loop {
            tries += 1;
            let Err(refused) = self.try_create(key, bytes.clone()).await? else {
                return Ok(Created::Ours);
            };
            let there = is_there(&refused);
            let refused = self.error("create", key, refused);
            let error = match self.read_back(key, &bytes).await {
                Ok(Some(found)) if found == bytes => return Ok(Created::Ours),
                Ok(Some(found)) => return Ok(Created::Theirs(found)),
                Ok(None) => refused,
                // It is there: what keeps us from knowing whose it is, is the reading.
                Err(error) if there => error,
                Err(_) => refused,
            };
            if tries >= TRIES || began.elapsed() > BUDGET || error.is_permanent() {
                return Err(error);
            }
            tracing::debug!(key, tries, error = %crate::error::Chain(&error), "create left nothing behind, trying again");
            tokio::time::sleep(wait).await;
            wait *= 3;
        }
    }

    /// One conditional put, and what the store says to it.
    async fn try_create(&self, key: &str, bytes: Bytes) -> Result<Result<(), Error>, ArchiveError> {
        let path = parse(key)?;
        let options = PutOptions::from(PutMode::Create);
        let put = self.store.put_opts(&path, PutPayload::from(bytes), options).await;
        Ok(put.map(|_| ()))
    }

    /// Reads an object that may be ours. Another one is believed in only if it reads the same twice: bytes damaged on
    /// their way must not raise an alarm.
    async fn read_back(&self, key: &str, ours: &Bytes) -> Result<Option<Bytes>, ArchiveError> {
        let first = self.read(key).await?;
        if first.as_ref().is_none_or(|found| found == ours) {
            return Ok(first);
        }
        let again = self.read(key).await?;
        if again == first || again.as_ref() == Some(ours) {
            return Ok(again);
        }
        let tried = self.tried("read", key);
        Err(ArchiveError::Unsteady { tried })
    }

    /// The objects below a prefix (whole path segments), those after `offset` only if one is given, ordered by key.
    ///
    /// A listing that is cut off in the middle of a page is not repeated by the store's client, so it is begun anew here,
    /// twice at most. It cannot go on where it ended: not every store lists in order.
    ///
    /// # Errors
    /// If the store cannot be listed.
    pub async fn list(&self, prefix: &str, offset: Option<&str>) -> Result<Vec<Listed>, ArchiveError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..LISTINGS {
            match self.try_list(prefix, offset).await {
                Err(error) if error.is_cut_off() => {}
                listed => return listed,
            }
            tokio::time::sleep(wait).await;
            wait *= 3;
        }
        self.try_list(prefix, offset).await
    }

    async fn try_list(&self, prefix: &str, offset: Option<&str>) -> Result<Vec<Listed>, ArchiveError> {
        let path = parse(prefix)?;
        let prefix_or_all = (!prefix.is_empty()).then_some(&path);
        let stream = match offset {
            Some(offset) => self.store.list_with_offset(prefix_or_all, &parse(offset)?),
            None => self.store.list(prefix_or_all),
        };
        let mut found: Vec<Listed> = stream
            .map_ok(|meta| Listed {
                key: meta.location.into(),
                bytes: meta.size,
                modified: meta.last_modified,
            })
            .try_collect()
            .await
            .map_err(|source| self.error("list", prefix, source))?;
        // Not every store that takes an offset heeds it.
        found.retain(|listed| offset.is_none_or(|offset| listed.key.as_str() > offset));
        found.sort();
        Ok(found)
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// If the store refuses.
    pub async fn delete(&self, key: &str) -> Result<(), ArchiveError> {
        match self.store.delete(&parse(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.error("delete", key, source)),
        }
    }

    fn error(&self, verb: &'static str, key: &str, source: Error) -> ArchiveError {
        ArchiveError::of(&self.place, verb, key, source)
    }

    fn tried(&self, verb: &'static str, key: &str) -> Tried {
        Tried {
            verb,
            key: key.to_owned(),
            place: self.place.to_string(),
        }
    }
}

/// Whether this answer to a create says that the object exists.
fn is_there(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
}

/// The store below the archive that the settings name, for tests that put something before it. Reads secrets and the
/// environment, asks no server. Blocking.
///
/// # Errors
/// If the URL is none of an archive, a local directory is not there, a secret or a file cannot be read, or what is
/// configured does not fit together.
pub fn open_store(settings: &ArchiveSettings) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
    if let Some(path) = directory(settings)? {
        let store = LocalFileSystem::new_with_prefix(&path)
            .map_err(|source| ArchiveError::store("open", "", source))?
            .with_fsync(true);
        return Ok(Arc::new(store));
    }
    if settings.url.scheme() == "memory" {
        return Ok(Arc::new(InMemory::new()));
    }
    if Kind::of(settings.url.scheme()).is_none() {
        return Err(ArchiveError::Url {
            url: settings.url.to_string(),
        });
    }
    let unopened = |source| ArchiveError::Open {
        place: settings.url.to_string(),
        source: Box::new(source),
    };
    let location = Location::parse(settings.url.as_str())
        .map_err(|problem| unopened(StoreError::option("archive.url", problem)))?;
    let tags = tags::tag_set(&settings.tags);
    let settings = settings.clone();
    let open = move || stores::connect(&location, &settings, &stores::variables());
    Ok(Arc::new(Renewing::open(tags, open).map_err(unopened)?))
}

/// Where a `file://` archive is.
fn directory(settings: &ArchiveSettings) -> Result<Option<PathBuf>, ArchiveError> {
    if settings.url.scheme() != "file" {
        return Ok(None);
    }
    let url = || settings.url.to_string();
    let path = settings.url.to_file_path();
    path.map(Some).map_err(|()| ArchiveError::Url { url: url() })
}

fn parse(key: &str) -> Result<Path, ArchiveError> {
    Path::parse(key).map_err(|source| ArchiveError::store("name", key, source.into()))
}
