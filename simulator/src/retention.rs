//! What a stream keeps no more, and how many events were left at the last count.

use crate::stream::{Entry, EventIndex, Stream};
use crate::switches::Switches;
use crate::view::View;

impl Stream {
    /// What the switches let be seen now.
    pub(crate) fn view(&self, switches: &Switches, now: i64) -> View {
        if self.home.stream.is_classic() {
            View::classic(now, switches)
        } else {
            View::live(now, switches)
        }
    }

    /// Whether an event is kept no more.
    pub(crate) fn is_gone(&self, entry: &Entry, view: View) -> bool {
        view.look_back
            .is_some_and(|back| entry.key.ticks < view.now - back)
            || self.gone.contains(&entry.index)
    }

    /// The events that are kept no more.
    pub(crate) fn expired(&self, view: View) -> Vec<EventIndex> {
        let gone = self.entries().iter().filter(|entry| self.is_gone(entry, view));
        gone.map(|entry| entry.index).collect()
    }

    /// Lets the oldest visible events be gone.
    pub(crate) fn expire(&mut self, count: usize, view: View) {
        let visible = self.entries().iter().filter(|entry| self.sees(entry, view));
        let oldest: Vec<EventIndex> = visible.take(count).map(|entry| entry.index).collect();
        self.gone.extend(oldest);
    }

    /// How many rows there were when they were last counted: at the first and at every 20th request.
    pub(crate) fn last_count(&mut self, now: usize) -> usize {
        if self.requests.is_multiple_of(20) {
            self.counted = None;
        }
        *self.counted.get_or_insert(now)
    }
}
