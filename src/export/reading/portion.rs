//! Slices on their way from reading to writing, and how many of them are in memory.

use std::sync::Arc;

use tokio::sync::Notify;

use super::room::{self, Share};
use crate::source::Slice;

/// A slice in memory.
pub(in crate::export) struct Portion {
    pub slice: Slice,
    pub hold: Hold,
}

/// The room that a slice takes in memory, until it is written.
pub(in crate::export) struct Hold {
    // Dropped in this order: whoever hears of it finds the room free.
    share: Option<Share>,
    events: Option<Receipt>,
    _slice: Receipt,
}

impl Hold {
    /// The events are out of memory: so many bytes are there instead.
    pub(in crate::export) fn is_encoded(&mut self, bytes: usize) {
        if let Some(share) = &mut self.share {
            room::keep(share, bytes);
        }
        self.events = None;
    }
}

/// Tells, when it is dropped, that there is one less.
struct Receipt {
    bell: Arc<Notify>,
    _one: Arc<()>,
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.bell.notify_one();
    }
}

/// Slices that were handed on: each that is not encoded, or not written, holds one of a count.
#[derive(Default)]
pub(super) struct Out {
    bell: Arc<Notify>,
    unencoded: Arc<()>,
    unwritten: Arc<()>,
}

impl Out {
    pub(super) fn unencoded(&self) -> usize {
        Arc::strong_count(&self.unencoded) - 1
    }

    pub(super) fn unwritten(&self) -> usize {
        Arc::strong_count(&self.unwritten) - 1
    }

    /// Waits until a slice is encoded, or written.
    pub(super) async fn fewer(&self) {
        self.bell.notified().await;
    }

    pub(super) fn portion(&self, slice: Slice, share: Option<Share>) -> Portion {
        let receipt = |one: &Arc<()>| Receipt {
            bell: Arc::clone(&self.bell),
            _one: Arc::clone(one),
        };
        let hold = Hold {
            share,
            events: Some(receipt(&self.unencoded)),
            _slice: receipt(&self.unwritten),
        };
        Portion { slice, hold }
    }
}
