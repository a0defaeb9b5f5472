//! Proves what the commit protocol needs of a store: it lists, creates and reads objects, and refuses to create one that
//! exists. Deleting is tried too, and not needed. Writes one small object, which says itself what it is.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use tokio::{sync::OnceCell, time::Instant};

use super::{AGAIN, Archive, ArchiveError, Created, Permission, RefusalKind, Tried, cause::Cause, is_there};
use crate::error::Chain;

/// Where nothing can be deleted one object serves all probes of all processes, or each start would leave another.
const KEPT: &str = "probe/kept";
const KEPT_BYTES: &[u8] = b"stays: every start sees whether this store refuses to create it again\n";

/// What a store has shown. It lists, creates, reads, and refuses to create what exists.
#[derive(Debug)]
pub struct Proof {
    /// Why objects cannot be deleted, if that is so: what a crash leaves behind stays. None: they can.
    pub kept: Option<ArchiveError>,
}

/// What this process knows of its archive's store.
#[derive(Default)]
pub struct Proofs {
    proven: OnceCell<()>,
    /// The last probe that failed, and when.
    failed: Mutex<Option<(Instant, Arc<ArchiveError>)>>,
    /// It does not let us delete. Said, and not tried again.
    keeps: AtomicBool,
}

impl Proofs {
    /// Probes the store, unless that was done before. `run` names the object.
    ///
    /// # Errors
    /// As [`Archive::probe`]; the next call tries again.
    pub async fn prove(&self, archive: &Archive, run: &str) -> Result<(), ArchiveError> {
        let came = Instant::now();
        let prove = async || {
            // One probe at a time. Whoever waited for one that failed does not wait for another: on a silent store targets
            // would fail one by one.
            let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            let since = failed().clone().filter(|(when, _)| *when > came);
            if let Some((_, error)) = since {
                return Err(ArchiveError::Shared(error));
            }
            match archive.probe(run).await {
                Ok(proof) => {
                    proof.kept.iter().for_each(|error| self.keep(error));
                    Ok(())
                }
                Err(error) => {
                    let error = Arc::new(error);
                    *failed() = Some((Instant::now(), Arc::clone(&error)));
                    Err(ArchiveError::Shared(error))
                }
            }
        };
        self.proven.get_or_try_init(prove).await.map(|_| ())
    }

    /// Whether it is worth trying to delete an object.
    #[must_use]
    pub fn may_delete(&self) -> bool {
        !self.keeps.load(Ordering::Relaxed)
    }

    /// The store did not delete, and will not: told once for each process.
    pub fn keep(&self, error: &ArchiveError) {
        if !self.keeps.swap(true, Ordering::Relaxed) {
            tracing::info!(
                error = %Chain(error),
                "objects that a crash leaves behind stay: the store does not let them be deleted"
            );
        }
    }
}

/// Permissions that turned out to be missing.
#[derive(Default)]
struct Missing {
    permissions: Vec<Permission>,
    first: Option<ArchiveError>,
}

impl Missing {
    /// Takes a refusal for want of a permission; gives any other error back.
    fn take(&mut self, permission: Permission, error: ArchiveError) -> Result<(), ArchiveError> {
        if !error.is_denied() {
            return Err(error);
        }
        self.permissions.push(permission);
        self.first.get_or_insert(error);
        Ok(())
    }

    fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// All that is missing in one error.
    fn report(self, place: &str) -> Result<(), ArchiveError> {
        match self.first {
            None => Ok(()),
            Some(ArchiveError::Refused { source, .. }) => Err(ArchiveError::Permissions {
                place: place.to_owned(),
                permissions: self.permissions,
                source,
            }),
            // A directory: its own error says more.
            Some(error) => Err(error),
        }
    }
}

impl Archive {
    /// Proves that the store does what the commit protocol needs, above all that it refuses to create an object that
    /// exists: everything rests on that. `run` names the object that is written, and deleted again where that is allowed.
    ///
    /// # Errors
    /// If it creates twice; all permissions that are missing in one error; or if it is in trouble, which proves nothing.
    pub async fn probe(&self, run: &str) -> Result<Proof, ArchiveError> {
        let key = format!("probe/{run}");
        let first = Bytes::from(format!(
            "written by {run} to see whether this store refuses to create it twice\n"
        ));
        let mut missing = Missing::default();
        // Below the object, where nothing is: however many probes lie about, one request answers.
        if let Err(error) = self.list(&key, None).await {
            missing.take(Permission::List, error)?;
        }
        if let Some(proof) = self.probe_kept(&mut missing).await? {
            missing.report(&self.place)?;
            return Ok(proof);
        }
        let created = match self.create(&key, first.clone()).await {
            Ok(created) => Some(created),
            Err(error) => {
                missing.take(Permission::Put, self.without_conditions(error))?;
                None
            }
        };
        if matches!(created, Some(Created::Theirs(_)))
            || created.is_some() && self.creates_again(&key).await?
        {
            return Err(self.not_conditional());
        }
        match self.read_back(&key, &first).await {
            Ok(found) if created.is_some() && found.as_ref() != Some(&first) => {
                return Err(self.not_conditional());
            }
            Ok(_) => {}
            // Without an object and the right to list, being refused is the answer to any reading.
            Err(error) if created.is_none() && missing.has(Permission::List) && error.is_denied() => {}
            Err(error) => missing.take(Permission::Get, error)?,
        }
        let kept = if created.is_some() {
            self.keeps(&key).await
        } else {
            None
        };
        missing.report(&self.place)?;
        if kept.is_some() {
            // For the next one. Without it that one leaves an object of its own again, and no more.
            let created = self.create(KEPT, Bytes::from_static(KEPT_BYTES)).await;
            tracing::debug!(
                key = KEPT,
                ok = created.is_ok(),
                "the next probe needs no object of its own"
            );
        }
        Ok(Proof { kept })
    }

    /// The same with the object that an earlier probe left, if there is one. None: the usual way tells more.
    async fn probe_kept(&self, missing: &mut Missing) -> Result<Option<Proof>, ArchiveError> {
        let there = self.read(KEPT).await;
        if !matches!(there, Ok(Some(found)) if found == KEPT_BYTES) {
            return Ok(None);
        }
        match self.creates_again(KEPT).await {
            Ok(false) => {}
            // Somebody may have deleted it just now.
            Ok(true) => return Ok(None),
            Err(error) => missing.take(Permission::Put, error)?,
        }
        // Where it can be deleted by now, it has served its turn.
        let kept = self.keeps(KEPT).await;
        Ok(Some(Proof { kept }))
    }

    /// Whether the store takes an object that is there. Only a clear refusal is proof that it does not: a store in
    /// trouble proves nothing. Then the object stays for the next try: this one may still be under way.
    async fn creates_again(&self, key: &str) -> Result<bool, ArchiveError> {
        let second = Bytes::from_static(b"this must never be stored\n");
        match self.try_create(key, second).await? {
            Ok(()) => Ok(true),
            Err(error) if is_there(&error) && !is_busy(&error) => Ok(false),
            Err(error) => match self.error("create", key, error) {
                // So Azure puts it to those who may create and not overwrite.
                ArchiveError::Refused { source, .. }
                    if source.code.as_deref() == Some("UnauthorizedBlobOverwrite") =>
                {
                    Ok(false)
                }
                // It may create: just now it did.
                ArchiveError::Refused { tried, source } if source.kind == RefusalKind::Permission => {
                    Err(ArchiveError::Refused {
                        tried: Tried { verb: AGAIN, ..tried },
                        source,
                    })
                }
                error => Err(self.without_conditions(error)),
            },
        }
    }

    /// Why the object cannot be deleted, if so. A store with retention may refuse to: then a small object stays.
    async fn keeps(&self, key: &str) -> Option<ArchiveError> {
        let error = self.delete(key).await.err()?;
        if error.is_kept() {
            return Some(error);
        }
        tracing::debug!(key, error = %Chain(&error), "the probe stays");
        None
    }

    fn not_conditional(&self) -> ArchiveError {
        ArchiveError::NotConditional {
            place: self.place.to_string(),
        }
    }

    /// A store that does not know conditional creation says so in its own way.
    fn without_conditions(&self, error: ArchiveError) -> ArchiveError {
        match error {
            ArchiveError::Refused { source, .. } if source.is_unknown_request() => {
                ArchiveError::NoConditions {
                    place: self.place.to_string(),
                    said: source.to_string(),
                }
            }
            error => error,
        }
    }
}

/// Two requests at once were in each other's way: status 409 as well, and no word about the object.
fn is_busy(error: &object_store::Error) -> bool {
    let busy = ["ConditionalRequestConflict", "OperationAborted"];
    matches!(Cause::of(error), Cause::Said(said) if busy.iter().any(|code| said.contains(code)))
}

#[cfg(test)]
mod tests;
