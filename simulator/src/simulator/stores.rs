//! The handle's part for the long-term store, the unified CSV download and the exclusion rules.

use chrono::{NaiveDate, NaiveTime};

use super::Simulator;
use crate::cloud::StreamId;
use crate::downloads;
use crate::instant;
use crate::long_term;
use crate::rules::ExclusionRule;
use crate::stream::EventIndex;
use crate::truth::TruthEvent;
use crate::world::lock;

impl Simulator {
    /// Every event that the long-term store has or will have, oldest first, in its words: `id` is its `Identifier`,
    /// `raw` the bytes of its record, `visible` whether it is there by now.
    pub fn long_term_truth(&self, stream: &StreamId) -> Vec<TruthEvent> {
        let (switches, now) = (self.switches().long_term, self.world.now());
        self.with(stream, |stream| long_term::truth(stream, &switches, now))
            .unwrap_or_default()
    }

    /// The row that the unified CSV download would write for each event, oldest first, without line ends, as the
    /// switches stand.
    pub fn unified_csv_rows(&self, stream: &StreamId) -> Vec<(EventIndex, Vec<u8>)> {
        let csv = self.switches().csv;
        self.with(stream, |stream| downloads::all_rows(stream, csv))
            .unwrap_or_default()
    }

    /// Replaces the exclusion rules of an organization. What they name is not recorded by later
    /// [`Simulator::generate`] and [`Simulator::push`]; what was recorded before stays. [D]
    pub fn set_rules(&self, organization: &str, rules: Vec<ExclusionRule>) {
        lock(&self.world.rules).insert(organization.to_owned(), rules);
    }

    /// From now on the long-term store answers 504 whenever it is asked for that UTC day.
    pub fn set_heavy_day(&self, stream: &StreamId, day: NaiveDate) {
        let midnight = instant::ticks(day.and_time(NaiveTime::MIN).and_utc());
        lock(&self.world.load).heavy.insert((stream.clone(), midnight));
    }

    /// Makes all days answer again.
    pub fn clear_heavy_days(&self) {
        lock(&self.world.load).heavy.clear();
    }
}
