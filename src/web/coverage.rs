//! What is archived of a target, day by day, as pages show it.

use crate::{
    calendar::{Calendar, Day, Gap, Recent},
    clock::Time,
};

/// What is known of a target's archive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Where the archive begins. None: not known yet.
    pub begins: Option<Time>,
    /// In order, each day once. Days that are not there are not known.
    pub days: Vec<Day>,
    /// Admitted holes, oldest first.
    pub gaps: Vec<Gap>,
    /// The last commits, newest first.
    pub recent: Vec<Recent>,
}

impl Coverage {
    /// What a calendar shows. None: nothing was counted yet.
    #[must_use]
    pub fn of(calendar: Calendar) -> Option<Self> {
        calendar.counted.as_ref()?;
        Some(Self {
            begins: calendar.begins(),
            days: calendar.days(),
            gaps: calendar.gaps,
            recent: calendar.recent,
        })
    }
}
