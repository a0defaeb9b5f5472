//! The memory that a pass sets aside for what it reads: taken before it is read, never waited for while holding any.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{clock::Time, source::Slice};

/// Memory set aside, in KiB. Dropping it gives it back.
pub(super) type Share = OwnedSemaphorePermit;

/// The memory of one pass. All passes of a process draw on one budget.
pub(super) struct Room {
    budget: Arc<Semaphore>,
    /// So much of it is left to others, in KiB, but for what was waited for.
    left: usize,
    /// What was waited for and is not used yet.
    spare: Mutex<Option<Share>>,
    /// Where the oldest that is not read yet begins, in milliseconds.
    front: AtomicI64,
}

impl Room {
    /// `left`: so many bytes of the budget are left to others.
    pub(super) fn new(budget: &Arc<Semaphore>, left: usize) -> Self {
        Self {
            budget: Arc::clone(budget),
            left: kibibytes(left),
            spare: Mutex::default(),
            front: AtomicI64::new(i64::MIN),
        }
    }

    fn spare(&self) -> MutexGuard<'_, Option<Share>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn available(&self) -> usize {
        self.budget.available_permits().saturating_sub(self.left)
    }

    /// All that is older has been read.
    pub(super) fn move_front(&self, to: Time) {
        self.front.store(to.timestamp_millis(), Ordering::Relaxed);
    }

    /// Whether all waits for what is read from there on.
    pub(super) fn is_front(&self, from: Time) -> bool {
        from.timestamp_millis() <= self.front.load(Ordering::Relaxed)
    }

    /// Room for so many bytes, if there is that much now and so many beside.
    pub(super) fn take(&self, bytes: usize, left: usize) -> Option<Share> {
        let wanted = kibibytes(bytes);
        let mut spare = self.spare();
        let held = spare.as_ref().map_or(0, Share::num_permits);
        let available = self.available();
        if held.saturating_add(available) < wanted.saturating_add(kibibytes(left)) {
            return None;
        }
        let lacking = wanted.saturating_sub(held);
        let more = Arc::clone(&self.budget)
            .try_acquire_many_owned(permits(lacking))
            .ok()?;
        match &mut *spare {
            Some(spare) => spare.merge(more),
            none => *none = Some(more),
        }
        spare.as_mut()?.split(wanted)
    }

    /// Waits until there is room for so many bytes. Nothing may be held meanwhile: others could wait for it.
    pub(super) async fn wait(&self, bytes: usize) {
        *self.spare() = None;
        // Fails only when the semaphore is closed, which nobody does.
        let share = Arc::clone(&self.budget)
            .acquire_many_owned(permits(kibibytes(bytes)))
            .await;
        *self.spare() = share.ok();
    }

    /// Keeps of a share what a slice takes. The rest serves what is read next.
    pub(super) fn shrink(&self, share: &mut Share, slice: &Slice) {
        let surplus = share.num_permits().saturating_sub(kibibytes(slice.weight()));
        if let Some(surplus) = share.split(surplus) {
            self.give_back(surplus);
        }
    }

    /// A share that serves what is read next.
    pub(super) fn give_back(&self, share: Share) {
        if let Some(spare) = &mut *self.spare() {
            spare.merge(share);
        }
    }
}

/// Keeps so many bytes of a share, at most. The rest is there for all.
pub(super) fn keep(share: &mut Share, bytes: usize) {
    drop(share.split(share.num_permits().saturating_sub(kibibytes(bytes))));
}

/// The part of a share that the older of two slices takes, which were one.
pub(super) fn part(share: &mut Share, older: &Slice) -> Option<Share> {
    share.split(kibibytes(older.weight()).min(share.num_permits()))
}

fn kibibytes(bytes: usize) -> usize {
    bytes.div_ceil(1024)
}

fn permits(kibibytes: usize) -> u32 {
    u32::try_from(kibibytes).unwrap_or(u32::MAX)
}
