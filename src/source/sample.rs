//! Spans and events for tests, told by the second.

use std::time::Duration;

use super::Limits;
use crate::{
    clock::{Time, spell},
    window::later,
};

/// Ten events, and bytes enough for them.
pub(crate) const LIMITS: Limits = Limits {
    events: 10,
    bytes: 1 << 20,
    bytes_of_an_instant: 1 << 20,
};

pub(crate) fn at(second: u64) -> Time {
    later(
        "2026-11-01T00:00:00Z".parse().unwrap(),
        Duration::from_secs(second),
    )
}

/// An event of that id at that second.
pub(crate) fn event(id: &str, second: u64) -> String {
    let time = spell(at(second));
    format!(r#"{{"id":"{id}","createdOn":"{time}"}}"#)
}
