//! What a reader may see of a stream at a time.

use crate::instant;
use crate::switches::{Arrival, Strays, Switches, TooOld};

/// What decides whether an event can be seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) now: i64,
    pub(crate) arrival: Arrival,
    /// How far back it goes, in ticks; none: to the start.
    pub(crate) look_back: Option<i64>,
    /// One event in so many is not for this view.
    pub(crate) without: Option<u16>,
}

impl View {
    /// What the live endpoints show.
    pub(crate) fn live(now: i64, switches: &Switches) -> Self {
        Self {
            now,
            arrival: switches.pages.arrival,
            look_back: switches.pages.look_back.map(instant::days),
            without: match switches.long_term.strays {
                Strays::OnlyLongTerm(every) => Some(every),
                Strays::None | Strays::OnlyLive(_) => None,
            },
        }
    }

    /// What the classic API shows.
    pub(crate) fn classic(now: i64, switches: &Switches) -> Self {
        Self {
            now,
            arrival: switches.pages.arrival,
            look_back: switches.classic.retention_days.map(instant::days),
            without: None,
        }
    }

    /// Whether a request from then on asks for more than can be seen, and is to be refused for it.
    pub(crate) fn refuses(self, from: Option<i64>, too_old: TooOld) -> bool {
        let oldest = self.look_back.map(|back| self.now - back);
        too_old == TooOld::Refused && from.zip(oldest).is_some_and(|(from, oldest)| from < oldest)
    }
}
