//! Who waits for leave to start a request, by target, and who is next; pure.
//!
//! A lane is a target's queue. Slots are shared while they are scarce: next is the lane with the fewest requests under way.
//! While they are not, only starts are: next is the lane whose last start is the longest ago. Within a lane: first come,
//! first served.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::{sync::Notify, time::Instant};

/// All lanes of a connection. A lane is kept once it is known: there are no more than targets.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Arc<str>, Lane>,
    waiting: usize,
    /// Since when somebody has been waiting.
    since: Option<Instant>,
    /// Given out so far.
    tickets: u64,
    starts: u64,
}

#[derive(Debug, Default)]
struct Lane {
    under_way: usize,
    /// The number of its last start. Zero: none yet.
    last_start: u64,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    wake: Arc<Notify>,
}

impl Lanes {
    /// Queues up. The ticket says who it is.
    pub(super) fn enter(&mut self, lane: &Arc<str>, wake: Arc<Notify>, now: Instant) -> u64 {
        self.tickets += 1;
        self.waiting += 1;
        self.since.get_or_insert(now);
        let waiter = Waiter {
            ticket: self.tickets,
            wake,
        };
        self.lanes
            .entry(Arc::clone(lane))
            .or_default()
            .waiting
            .push_back(waiter);
        self.tickets
    }

    /// Gives a place up.
    pub(super) fn leave(&mut self, lane: &Arc<str>, ticket: u64) {
        let Some(lane) = self.lanes.get_mut(lane) else {
            return;
        };
        let before = lane.waiting.len();
        lane.waiting.retain(|waiter| waiter.ticket != ticket);
        self.waiting -= before - lane.waiting.len();
        if self.waiting == 0 {
            self.since = None;
        }
    }

    /// Lets a waiter start.
    pub(super) fn start(&mut self, lane: &Arc<str>, ticket: u64) {
        self.leave(lane, ticket);
        self.starts += 1;
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.under_way += 1;
            lane.last_start = self.starts;
        }
    }

    /// A request of that lane ended.
    pub(super) fn end(&mut self, lane: &Arc<str>) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.under_way = lane.under_way.saturating_sub(1);
        }
    }

    /// The ticket that is next, and whom to wake for it. `scarce`: whether slots are.
    pub(super) fn next(&self, scarce: bool) -> Option<(u64, &Arc<Notify>)> {
        let heads = self.lanes.values();
        let heads = heads.filter_map(|lane| Some((lane, lane.waiting.front()?)));
        let rank = |(lane, head): &(&Lane, &Waiter)| {
            (
                if scarce { lane.under_way } else { 0 },
                lane.last_start,
                head.ticket,
            )
        };
        let (_, head) = heads.min_by_key(rank)?;
        Some((head.ticket, &head.wake))
    }

    /// Since when somebody has been waiting all the time.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }
}
