//! Memory for pages and their events, used again: what the system hands out anew costs more than what is done with it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};

/// Bytes of a block: more than a page of usual events, and so many that the system's allocator gives each back as a whole.
const BLOCK: usize = 288 << 10;
/// So many bytes that are left of a block are some use.
const USEFUL: usize = 16 << 10;

/// Memory for what is read: of all passes of a process together.
#[derive(Debug, Default)]
pub struct Blocks {
    /// For pages, each of which is soon done with.
    pub(super) pages: Spare,
    /// For events, which stay until they are written.
    pub(super) events: Spare,
}

/// Blocks that were used. Each is used again once nobody reads what is in it.
#[derive(Debug, Default)]
pub(super) struct Spare {
    full: Mutex<VecDeque<BytesMut>>,
    /// What is left of others.
    rests: Mutex<Vec<BytesMut>>,
}

impl Blocks {
    /// Gives what nobody reads back to the system.
    pub fn let_go(&self) {
        for Spare { full, rests } in [&self.pages, &self.events] {
            lock(full).retain_mut(|block| !block.try_reclaim(BLOCK));
            lock(rests).retain_mut(|block| !block.try_reclaim(BLOCK));
        }
    }
}

impl Spare {
    /// Empty memory, for at least so many bytes.
    pub(super) fn take(&self, bytes: usize) -> BytesMut {
        if bytes > BLOCK {
            return BytesMut::with_capacity(bytes);
        }
        let mut full = lock(&self.full);
        let free = full.iter_mut().position(|block| block.try_reclaim(BLOCK));
        let block = free.and_then(|free| full.remove(free));
        block.unwrap_or_else(|| BytesMut::with_capacity(BLOCK))
    }

    fn take_rest(&self, bytes: usize) -> Option<BytesMut> {
        let mut rests = lock(&self.rests);
        let is_enough = |rest: &mut BytesMut| rest.capacity() >= bytes || rest.try_reclaim(BLOCK);
        let enough = rests.iter_mut().rposition(is_enough)?;
        Some(rests.remove(enough))
    }

    /// What is in some memory, which is used up. A block is taken back, anything else goes to the system.
    pub(super) fn freeze(&self, mut memory: BytesMut) -> Bytes {
        let is_block = memory.capacity() == BLOCK;
        let content = memory.split().freeze();
        if is_block {
            lock(&self.full).push_back(memory);
        }
        content
    }
}

/// Copies events one after another into blocks.
#[derive(Default)]
pub(super) struct Copying {
    blocks: Arc<Blocks>,
    /// What is left of a block.
    rest: Option<BytesMut>,
}

impl Copying {
    pub(super) fn into_blocks(blocks: Arc<Blocks>) -> Self {
        Self { blocks, rest: None }
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > BLOCK {
            return Bytes::copy_from_slice(bytes);
        }
        let events = &self.blocks.events;
        let rest = match self.rest.take() {
            Some(rest) if rest.capacity() >= bytes.len() => rest,
            before => {
                lock(&events.full).extend(before);
                events
                    .take_rest(bytes.len())
                    .unwrap_or_else(|| events.take(bytes.len()))
            }
        };
        let rest = self.rest.insert(rest);
        rest.extend_from_slice(bytes);
        rest.split().freeze()
    }
}

/// What is left serves others: a block for each few events would be waste.
impl Drop for Copying {
    fn drop(&mut self) {
        let Spare { full, rests } = &self.blocks.events;
        match self.rest.take() {
            Some(rest) if rest.capacity() >= USEFUL => lock(rests).push(rest),
            rest => lock(full).extend(rest),
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_once_nobody_reads_it() {
        let blocks = Arc::new(Blocks::default());
        let copied = |byte| Copying::into_blocks(Arc::clone(&blocks)).copy(&vec![byte; BLOCK]);
        let (first, second) = (copied(b'1'), copied(b'2'));
        let place = first.as_ptr();
        assert_ne!(place, second.as_ptr());
        drop(first);
        let third = copied(b'3');
        assert_eq!(third.as_ptr(), place);
        assert!(second.iter().all(|byte| *byte == b'2') && third.iter().all(|byte| *byte == b'3'));
    }

    #[test]
    fn what_is_left_of_a_block_serves_the_next_part() {
        let blocks = Arc::new(Blocks::default());
        let copied = |text: &'static str| Copying::into_blocks(Arc::clone(&blocks)).copy(text.as_bytes());
        let (first, second) = (copied("first"), copied("second"));
        assert_eq!(second.as_ptr(), first.as_ptr().wrapping_add(first.len()));
        assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
    }

    #[test]
    fn what_is_left_after_large_events_is_not_kept_for_ever() {
        let blocks = Arc::new(Blocks::default());
        for _ in 0..100 {
            let mut copying = Copying::into_blocks(Arc::clone(&blocks));
            (0..2).for_each(|_| drop(copying.copy(&[b'x'; 100 << 10])));
        }
        assert_eq!(lock(&blocks.events.rests).len(), 1);
        blocks.let_go();
        assert!(lock(&blocks.events.rests).is_empty() && lock(&blocks.events.full).is_empty());
    }

    #[test]
    fn a_page_takes_a_block_and_gives_it_back() {
        let pages = Spare::default();
        let read = |bytes: usize| {
            let mut memory = pages.take(bytes);
            memory.extend_from_slice(&vec![b'x'; bytes]);
            pages.freeze(memory)
        };
        let (first, second) = (read(100), read(200));
        let place = second.as_ptr();
        drop(second);
        assert_eq!(read(300).as_ptr(), place);
        assert_eq!((first.len(), read(BLOCK + 1).len()), (100, BLOCK + 1));
    }

    #[test]
    fn events_of_any_size_are_copied() {
        let mut copying = Copying::default();
        for size in [0, 1, BLOCK - 1, 2, BLOCK, BLOCK + 1, 3 * BLOCK, 7] {
            let event = vec![b'x'; size];
            assert_eq!(copying.copy(&event), event);
        }
    }
}
