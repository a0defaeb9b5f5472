//! Events spelled ahead, a block at a time, so that a page is put together from what lies there already. What is kept
//! is what [`Stream::raw`] says, newest first with commas between, as pages tell them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::stream::Stream;

/// Events of a block; the last block of a stream has fewer.
const BLOCK: usize = 256;

/// Blocks that were spelled, by number, up to a limit on their bytes.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    blocks: BTreeMap<usize, Block>,
    bytes: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Block {
    text: Bytes,
    /// Begin and end of each event in the text, oldest event first.
    spans: Vec<(usize, usize)>,
}

impl Kept {
    /// Keeps so many bytes at most; of 0, none at all.
    pub(crate) fn up_to(&mut self, most_bytes: usize) {
        *self = Self {
            most_bytes,
            ..Self::default()
        };
    }

    /// Forgets what stands at that position and after it.
    pub(crate) fn forget_from(&mut self, position: usize) {
        let gone = self.blocks.split_off(&(position / BLOCK));
        let bytes: usize = gone.values().map(|block| block.text.len()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn room(&self, bytes: usize) -> bool {
        self.bytes.saturating_add(bytes) <= self.most_bytes
    }

    fn add(&mut self, number: usize, block: Block) {
        self.bytes += block.text.len();
        self.blocks.insert(number, block);
    }
}

impl Stream {
    /// The events between two positions (both included), newest first with commas between, in pieces that are to be
    /// sent one after the other. None if there is no room to keep them.
    pub(crate) fn spelled(&mut self, first: usize, last: usize) -> Option<Vec<Bytes>> {
        let mut pieces = Vec::new();
        for number in (first / BLOCK..=last / BLOCK).rev() {
            let base = number * BLOCK;
            if !self.kept.blocks.contains_key(&number) {
                if !self.kept.room(1) {
                    return None;
                }
                let block = self.spell_block(base);
                if !self.kept.room(block.text.len()) {
                    return None;
                }
                self.kept.add(number, block);
            }
            let block = self.kept.blocks.get(&number)?;
            let (_, end) = block.spans.get(first.saturating_sub(base))?;
            let (begin, _) = block.spans.get((last - base).min(BLOCK - 1))?;
            if !pieces.is_empty() {
                pieces.push(Bytes::from_static(b","));
            }
            pieces.push(block.text.slice(begin..end));
        }
        Some(pieces)
    }

    fn spell_block(&self, base: usize) -> Block {
        let entries = self.entries();
        let entries = entries
            .get(base..entries.len().min(base + BLOCK))
            .unwrap_or_default();
        let mut text = Vec::new();
        let mut spans = Vec::with_capacity(entries.len());
        for entry in entries.iter().rev() {
            if !text.is_empty() {
                text.push(b',');
            }
            let begin = text.len();
            text.extend_from_slice(&self.raw(entry));
            spans.push((begin, text.len()));
        }
        spans.reverse();
        text.shrink_to_fit();
        Block {
            text: text.into(),
            spans,
        }
    }
}
