//! The events of one stream in the order the server keeps them: by filing time, then rank. Holds the truth.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::cloud::Home;
use crate::dice::{Dice, read_guid};
use crate::event::{self, NewEvent};
use crate::generate::Batch;
use crate::instant;
use crate::json;
use crate::kept::Kept;
use crate::switches::{Arrival, Records};
use crate::truth::TruthEvent;
use crate::view::View;

/// Number of an event within its stream, in the order of recording, from 0.
pub type EventIndex = u32;

/// When a pushed event can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appears {
    /// Now.
    AtOnce,
    /// From that time of the simulator's clock on.
    At(DateTime<Utc>),
    /// After so many more requests for events of the stream.
    AfterRequests(u64),
    /// Once it is released.
    WhenReleased,
}

/// Position in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) ticks: i64,
    pub(crate) rank: u128,
}

impl Key {
    /// The position right below.
    pub(crate) fn below(self) -> Self {
        match self.rank.checked_sub(1) {
            Some(rank) => Self {
                ticks: self.ticks,
                rank,
            },
            None => Self {
                ticks: self.ticks - 1,
                rank: u128::MAX,
            },
        }
    }

    /// The position right above.
    pub(crate) fn above(self) -> Self {
        match self.rank.checked_add(1) {
            Some(rank) => Self {
                ticks: self.ticks,
                rank,
            },
            None => Self {
                ticks: self.ticks + 1,
                rank: 0,
            },
        }
    }
}

/// One recorded event.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) index: EventIndex,
    body: Body,
    late: bool,
    /// Whether it was served as recorded.
    served: bool,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Held(u32),
    Grown { batch: u32, n: u32 },
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) home: Home,
    entries: Vec<Entry>,
    held: Vec<Bytes>,
    batches: Vec<Batch>,
    late: HashMap<EventIndex, Seen>,
    spellings: HashMap<EventIndex, Vec<Bytes>>,
    /// Spelled ahead; holds nothing of what has changed.
    pub(crate) kept: Kept,
    pub(crate) requests: u64,
    pub(crate) holding: bool,
    pub(crate) gone: BTreeSet<EventIndex>,
    /// How many rows there were at the last count.
    pub(crate) counted: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Seen {
    At(i64),
    AtRequest(u64),
    WhenReleased,
}

impl Stream {
    pub(crate) fn new(home: Home) -> Self {
        Self {
            home,
            entries: Vec::new(),
            held: Vec::new(),
            batches: Vec::new(),
            late: HashMap::new(),
            spellings: HashMap::new(),
            kept: Kept::default(),
            requests: 0,
            holding: false,
            gone: BTreeSet::new(),
            counted: None,
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The bytes of an event as recorded.
    pub(crate) fn raw(&self, entry: &Entry) -> Bytes {
        match entry.body {
            Body::Held(at) => self.held.get(at as usize).cloned().unwrap_or_default(),
            Body::Grown { batch, n } => self
                .batches
                .get(batch as usize)
                .map(|batch| batch.spell(&self.home, n, entry.key.ticks).into())
                .unwrap_or_default(),
        }
    }

    pub(crate) fn sees(&self, entry: &Entry, view: View) -> bool {
        let [low, high] = [entry.key.rank, entry.key.rank >> 64];
        let mut dice = Dice::of(
            u64::try_from(low & u128::from(u64::MAX)).unwrap_or(0),
            u64::try_from(high).unwrap_or(0),
        );
        let arrived = match view.arrival {
            Arrival::AtOnce => true,
            Arrival::LateBySeconds { every, seconds } => {
                let since = entry.key.ticks + i64::from(seconds) * instant::SECOND;
                !dice.once_in(u64::from(every)) || view.now >= since
            }
            Arrival::LateByRequests { every, requests } => {
                !dice.once_in(u64::from(every)) || self.requests > u64::from(requests)
            }
        };
        arrived
            && !self.is_gone(entry, view)
            && !view.without.is_some_and(|every| Self::is_stray(entry, every))
            && match self.late.get(&entry.index).filter(|_| entry.late) {
                None => true,
                Some(Seen::At(at)) => view.now >= *at,
                Some(Seen::AtRequest(n)) => self.requests > *n,
                Some(Seen::WhenReleased) => false,
            }
    }

    /// Whether it is the one event in so many that only one store has.
    pub(crate) fn is_stray(entry: &Entry, every: u16) -> bool {
        Dice::of(u64::from(entry.index), 17).once_in(u64::from(every))
    }

    /// Lets the first recorded of those that wait for their release be seen.
    pub(crate) fn release_some(&mut self, count: usize) {
        let waiting = self
            .late
            .iter()
            .filter(|(_, seen)| matches!(seen, Seen::WhenReleased));
        let mut waiting: Vec<EventIndex> = waiting.map(|(index, _)| *index).collect();
        waiting.sort_unstable();
        for index in waiting.into_iter().take(count) {
            self.late.remove(&index);
        }
    }

    /// Records generated history between two instants.
    pub(crate) fn generate(&mut self, batch: Batch, times: Vec<(i64, u32)>) {
        let at = u32::try_from(self.batches.len()).unwrap_or(u32::MAX);
        let first = self.next_index();
        let late = self.holding;
        self.entries
            .extend(times.into_iter().zip(first..).map(|((ticks, n), index)| Entry {
                key: Key {
                    ticks,
                    rank: batch.rank(n),
                },
                index,
                body: Body::Grown { batch: at, n },
                late,
                served: false,
            }));
        if late {
            self.late
                .extend((first..self.next_index()).map(|index| (index, Seen::WhenReleased)));
        }
        self.batches.push(batch);
        self.entries.sort_by_key(|entry| entry.key);
        let new = |entry: &Entry| entry.index >= first;
        self.kept
            .forget_from(self.entries.iter().position(new).unwrap_or(self.entries.len()));
    }

    /// Records one event.
    pub(crate) fn push(&mut self, records: &Records, event: &NewEvent, appears: Appears) -> EventIndex {
        let fresh = self.fresh_rank();
        let rank = event.id.as_deref().and_then(read_guid).unwrap_or(fresh);
        let filed = event::filed_at(records, instant::ticks(event.at), rank);
        let rank = if self.has(Key { ticks: filed, rank }) {
            fresh
        } else {
            rank
        };
        let raw = event::record(&self.home, records, event, filed, rank, None);
        self.insert(Key { ticks: filed, rank }, raw.into(), appears)
    }

    /// Records bytes as they are.
    pub(crate) fn push_raw(&mut self, at: i64, raw: Bytes, appears: Appears) -> EventIndex {
        let guid = json::member(&raw, "id")
            .and_then(json::text)
            .as_deref()
            .and_then(read_guid);
        let rank = guid
            .filter(|&rank| !self.has(Key { ticks: at, rank }))
            .unwrap_or(self.fresh_rank());
        self.insert(Key { ticks: at, rank }, raw, appears)
    }

    /// Puts other content in place of an event's, at the same position. Both stay in the truth.
    pub(crate) fn replace(&mut self, index: EventIndex, raw: Bytes) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.index == index) else {
            return false;
        };
        let Some(old) = self.entries.get(at).map(|entry| self.raw(entry)) else {
            return false;
        };
        self.note(index, &old);
        self.note(index, &raw);
        let place = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        self.held.push(raw);
        if let Some(entry) = self.entries.get_mut(at) {
            entry.body = Body::Held(place);
        }
        self.kept.forget_from(at);
        true
    }

    /// Lets everything that waits for its release be seen.
    pub(crate) fn release(&mut self) {
        self.holding = false;
        self.late.retain(|_, seen| !matches!(seen, Seen::WhenReleased));
    }

    /// Lets one event be seen.
    pub(crate) fn release_one(&mut self, index: EventIndex) {
        self.late.remove(&index);
    }

    /// Remembers that an event was served as recorded.
    pub(crate) fn served(&mut self, at: usize) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.served = true;
        }
    }

    /// Keeps a spelling that was served.
    pub(crate) fn note(&mut self, index: EventIndex, served: &[u8]) {
        let bytes = crate::truth::one_line(served);
        let known = self.spellings.entry(index).or_default();
        if !known.iter().any(|known| *known == bytes) {
            known.push(bytes.into());
        }
    }

    /// What there is, oldest first.
    pub(crate) fn truth(&self, view: View) -> Vec<TruthEvent> {
        self.entries
            .iter()
            .map(|entry| self.truth_of(entry, view))
            .collect()
    }

    fn truth_of(&self, entry: &Entry, view: View) -> TruthEvent {
        let recorded = crate::truth::one_line(&self.raw(entry));
        let noted = self.spellings.get(&entry.index).map_or(&[][..], Vec::as_slice);
        let mut versions: Vec<Vec<u8>> = noted.iter().map(|bytes| bytes.to_vec()).collect();
        if (entry.served || noted.is_empty()) && !versions.contains(&recorded) {
            versions.insert(0, recorded.clone());
        }
        TruthEvent {
            index: entry.index,
            id: json::member(&recorded, "id").and_then(json::text),
            instant: instant::date(entry.key.ticks),
            created_on: json::member(&recorded, "createdOn").and_then(json::text),
            raw: versions.first().cloned().unwrap_or(recorded),
            versions,
            visible: self.sees(entry, view),
        }
    }

    fn insert(&mut self, key: Key, raw: Bytes, appears: Appears) -> EventIndex {
        let index = self.next_index();
        let seen = match appears {
            _ if self.holding => Some(Seen::WhenReleased),
            Appears::AtOnce => None,
            Appears::At(at) => Some(Seen::At(instant::ticks(at))),
            Appears::AfterRequests(n) => Some(Seen::AtRequest(self.requests + n)),
            Appears::WhenReleased => Some(Seen::WhenReleased),
        };
        if let Some(seen) = seen {
            self.late.insert(index, seen);
        }
        let body = Body::Held(u32::try_from(self.held.len()).unwrap_or(u32::MAX));
        self.held.push(raw);
        let at = self.entries.partition_point(|entry| entry.key < key);
        self.kept.forget_from(at);
        self.entries.insert(
            at,
            Entry {
                key,
                index,
                body,
                late: seen.is_some(),
                served: false,
            },
        );
        index
    }

    fn next_index(&self) -> EventIndex {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    fn has(&self, key: Key) -> bool {
        self.entries.binary_search_by_key(&key, |entry| entry.key).is_ok()
    }

    fn fresh_rank(&self) -> u128 {
        let name = self.home.stream.to_string();
        Dice::of(Dice::of_text(&name).draw(), u64::from(self.next_index()) << 20).guid()
    }
}
