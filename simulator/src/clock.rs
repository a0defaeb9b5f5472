//! The simulator's clock: real time, or a time the test sets and moves.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// A handle to the one clock of a simulator. It drives the `Date` header, the default of `to`, the age of
/// tokens and the appearance of late events. Starts as real time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Mutex<Time>>);

#[derive(Debug, Clone, Copy)]
enum Time {
    Real { ahead: TimeDelta },
    Fixed(DateTime<Utc>),
}

impl Default for Time {
    fn default() -> Self {
        Self::Real {
            ahead: TimeDelta::zero(),
        }
    }
}

impl Clock {
    /// The time it says now.
    pub fn now(&self) -> DateTime<Utc> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Time::Real { ahead } => Utc::now() + ahead,
            Time::Fixed(at) => at,
        }
    }

    /// Stops the clock at an instant.
    pub fn fix(&self, at: DateTime<Utc>) {
        self.set(Time::Fixed(at));
    }

    /// Goes back to real time.
    pub fn run(&self) {
        self.set(Time::default());
    }

    /// Moves the clock forward (or back, if negative), whether it stands or runs.
    pub fn advance(&self, by: TimeDelta) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time = match *time {
            Time::Real { ahead } => Time::Real { ahead: ahead + by },
            Time::Fixed(at) => Time::Fixed(at + by),
        };
    }

    fn set(&self, time: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}
