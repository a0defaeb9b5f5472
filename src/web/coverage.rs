//! What is archived of a target, day by day: plain data that calendars are drawn from.

use crate::{
    calendar::{Calendar, Day, Gap, Recent},
    clock::Time,
};

/// What is known of a target's archive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Where the archive begins: commit 0's `from`. None: not known.
    pub begins: Option<Time>,
    /// In order; days that are not there are not known.
    pub days: Vec<Day>,
    /// Admitted holes, oldest first.
    pub gaps: Vec<Gap>,
    /// The last commits, newest first.
    pub recent: Vec<Recent>,
}

impl From<Calendar> for Coverage {
    fn from(calendar: Calendar) -> Self {
        Self {
            begins: calendar.begins(),
            days: calendar.days(),
            gaps: calendar.gaps,
            recent: calendar.recent,
        }
    }
}
