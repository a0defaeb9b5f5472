//! Commits as they lie in the archive, distrusted.

use bytes::Bytes;

use super::{FollowError, Follower};
use crate::{
    commit::{Commit, sha256},
    key,
    target::TargetName,
};

/// No commit record has more bytes.
const LARGEST: usize = 16 << 20;

/// How sure one must be of what was read.
#[derive(Clone, Copy)]
pub(super) enum Sure<'a> {
    /// Its SHA-256 is this one.
    Known(&'a str),
    /// It read the same twice.
    Twice,
    /// Somebody else will find out.
    Once,
}

/// A commit that was read.
pub(super) struct Record {
    pub(super) key: String,
    pub(super) bytes: Bytes,
    pub(super) commit: Commit,
    pub(super) sha256: String,
}

impl Follower {
    /// Reads a commit; None: it is not there.
    pub(super) async fn record(
        &self,
        target: &TargetName,
        number: u64,
        sure: Sure<'_>,
    ) -> Result<Option<Record>, FollowError> {
        let key = key::commit(target, number);
        let read = match sure {
            Sure::Known(sha256) => self.archive.read_known(&key, sha256).await,
            Sure::Twice => self.archive.read_twice(&key).await,
            Sure::Once => self.archive.read(&key).await,
        };
        let Some(bytes) = read.map_err(FollowError::Archive)? else {
            return Ok(None);
        };
        let altered = |problem| FollowError::Altered {
            key: key.clone(),
            problem,
        };
        if bytes.len() > LARGEST {
            return Err(altered("it is larger than any commit"));
        }
        let sha256 = sha256(&bytes);
        if let Sure::Known(known) = sure
            && sha256 != known
        {
            return Err(altered("it is not the one that was written"));
        }
        let commit = Commit::from_bytes(&bytes).map_err(|source| FollowError::BadCommit {
            key: key.clone(),
            source,
        })?;
        if commit.number != number || commit.target != target.as_str() {
            return Err(altered("it says it is another one"));
        }
        Ok(Some(Record {
            key,
            bytes,
            commit,
            sha256,
        }))
    }
}
