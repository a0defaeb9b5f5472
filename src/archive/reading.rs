//! Reading objects: whole, within limits, and twice where nothing tells what they should be.

use bytes::Bytes;
use object_store::{Error, GetResult, ObjectStoreExt as _};

use super::{Archive, ArchiveError, parse};
use crate::commit;

/// The largest object that is read, in bytes: nothing we write is larger, and a reader holds it in memory.
const LARGEST: u64 = 2 << 30;

impl Archive {
    /// An object's bytes; None if it is not there.
    ///
    /// What a store could not answer is asked again by the store's client, a few times within its budget. There is no
    /// second round of tries around that: whoever reads for a pass comes back at the next due time, and two rounds would
    /// multiply their waits.
    ///
    /// # Errors
    /// If the store cannot be read, the object is larger than 2 GiB, or does not come whole.
    pub async fn read(&self, key: &str) -> Result<Option<Bytes>, ArchiveError> {
        match self.get(key).await? {
            Some(got) => self.whole(key, got).await,
            None => Ok(None),
        }
    }

    /// [`Archive::read`] of an object of `bytes` bytes: one of another size, which is not read, is an `Err` in it.
    ///
    /// # Errors
    /// As there.
    pub async fn read_sized(
        &self,
        key: &str,
        bytes: u64,
    ) -> Result<Option<Result<Bytes, u64>>, ArchiveError> {
        match self.get(key).await? {
            Some(got) if got.meta.size != bytes => Ok(Some(Err(got.meta.size))),
            Some(got) => Ok(self.whole(key, got).await?.map(Ok)),
            None => Ok(None),
        }
    }

    /// The beginning of a read; None if the object is not there.
    async fn get(&self, key: &str) -> Result<Option<GetResult>, ArchiveError> {
        match self.store.get(&parse(key)?).await {
            Ok(got) => Ok(Some(got)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.error("read", key, source)),
        }
    }

    async fn whole(&self, key: &str, got: GetResult) -> Result<Option<Bytes>, ArchiveError> {
        let said = got.meta.size;
        if said > LARGEST {
            return Err(ArchiveError::TooLarge {
                tried: self.tried("read", key),
                bytes: said,
                limit: LARGEST,
            });
        }
        match got.bytes().await {
            Ok(bytes) if bytes.len() as u64 == said => Ok(Some(bytes)),
            Ok(bytes) => Err(ArchiveError::Cut {
                tried: self.tried("read", key),
                said,
                got: bytes.len() as u64,
            }),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.error("read", key, source)),
        }
    }

    /// [`Archive::read`] of an object whose SHA-256 (hex) is known: another one is read once more before it is handed
    /// on, since bytes damaged on their way must not raise an alarm. The caller compares.
    ///
    /// # Errors
    /// As there.
    pub async fn read_known(&self, key: &str, sha256: &str) -> Result<Option<Bytes>, ArchiveError> {
        let first = self.read(key).await?;
        match first {
            Some(bytes) if commit::sha256(&bytes) != sha256 => self.read(key).await,
            first => Ok(first),
        }
    }

    /// [`Archive::read`] of an object that nothing is known of: believed in only if it reads the same twice.
    ///
    /// # Errors
    /// As there, and if it does not.
    pub async fn read_twice(&self, key: &str) -> Result<Option<Bytes>, ArchiveError> {
        let Some(first) = self.read(key).await? else {
            return Ok(None);
        };
        match self.read(key).await? {
            Some(again) if again == first => Ok(Some(first)),
            _ => Err(ArchiveError::Unsteady {
                tried: self.tried("read", key),
            }),
        }
    }
}
