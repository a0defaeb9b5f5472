//! How much is read and hashed at once: as much as there is room for in memory, on as many cores as there are.

use std::{num::NonZero, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads under way or waited for at once. A store far away answers in 50 ms or so: these are a thousand objects a second.
pub(crate) const AT_ONCE: usize = 64;
/// Stored bytes in memory at once, for each core: the content of one object at default settings, were it not packed.
const BYTES_OF_A_CORE: usize = 16 << 20;
/// Stored bytes in memory at once, at least.
const LEAST_BYTES: usize = 64 << 20;
/// Permits are for so many bytes each.
const UNIT: usize = 1024;

/// Room for stored bytes, and for work on them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Room {
    bytes: Arc<Semaphore>,
    most: u32,
    cores: Arc<Semaphore>,
}

/// Held while there is room taken.
pub(crate) type Taken = Option<OwnedSemaphorePermit>;

impl Room {
    /// As much as this machine has.
    pub(crate) fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let units =
            (cores.saturating_mul(BYTES_OF_A_CORE).max(LEAST_BYTES) / UNIT).min(Semaphore::MAX_PERMITS);
        let most = u32::try_from(units).unwrap_or(u32::MAX);
        Self {
            bytes: Arc::new(Semaphore::new(units)),
            most,
            cores: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Waits for room for so many bytes. What is larger than all the room has it alone.
    pub(crate) async fn bytes(&self, bytes: u64) -> Taken {
        let units = bytes.div_ceil(UNIT as u64);
        let units = u32::try_from(units).unwrap_or(u32::MAX).min(self.most);
        Arc::clone(&self.bytes).acquire_many_owned(units).await.ok()
    }

    /// Waits for a core that is free.
    pub(crate) async fn core(&self) -> Taken {
        Arc::clone(&self.cores).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_larger_than_all_the_room_is_read_alone() {
        let room = Room::here();
        let small = room.bytes(1).await;
        assert!(
            room.bytes(u64::MAX).now_or_never().is_none(),
            "there is something else"
        );
        drop(small);
        let large = room.bytes(u64::MAX).now_or_never();
        assert!(large.is_some_and(|taken| taken.is_some()));
    }

    #[tokio::test]
    async fn no_more_is_read_than_there_is_room_for() {
        let room = Room::here();
        let mut taken = Vec::new();
        while let Some(one) = room.bytes(1 << 20).now_or_never() {
            taken.push(one);
        }
        assert!(taken.len() >= LEAST_BYTES >> 20, "{}", taken.len());
        taken.pop();
        assert!(room.bytes(1 << 20).now_or_never().is_some());
    }
}
