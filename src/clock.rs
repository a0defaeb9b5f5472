//! The time of day, injected: everything that needs "now" is handed a [`Clock`].
//!
//! The only place that reads the operating system's clock.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};

/// An instant in UTC. Event times may carry up to nine fraction digits; bounds of windows carry three.
pub type Time = DateTime<Utc>;

/// Where "now" comes from. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Time + Send + Sync>);

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the system clock is read"
        )]
        Self(Arc::new(Utc::now))
    }

    /// A clock that says what `now` says: for tests.
    pub fn from_fn(now: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now, cut to whole milliseconds.
    #[must_use]
    pub fn now(&self) -> Time {
        (self.0)().trunc_subsecs(3)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Our own times as the archive spells them: UTC with three fraction digits.
#[must_use]
pub fn spell(time: Time) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// [`spell`] for serde.
pub mod spelled {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Time;

    /// Writes a time with three fraction digits.
    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::spell(*time))
    }

    /// Reads an RFC 3339 time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| D::Error::custom(format!("`{text}` is no RFC 3339 time: {error}")))
    }
}
