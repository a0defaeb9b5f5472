//! How wide the span of a file is: whole seconds, and as many as a file has rows for; pure.

use std::time::Duration;

use chrono::SubsecRound as _;

use super::{SECOND, checked::Checked};
use crate::{
    clock::Time,
    source::Limits,
    window::{Window, later},
};

/// What to ask the server for, in whole seconds, and what of the span that answers.
pub(super) fn whole_seconds(span: Window) -> (Window, Window) {
    let from = span.from.trunc_subsecs(0);
    let to = span.to.trunc_subsecs(0).max(later(from, SECOND));
    (Window::new(from, to), Window::new(span.from, to.min(span.to)))
}

pub(super) fn ceil(time: Time) -> Time {
    let whole = time.trunc_subsecs(0);
    if whole == time {
        whole
    } else {
        later(whole, SECOND)
    }
}

pub(super) fn half(asked: Window) -> Duration {
    Duration::from_secs(asked.width().as_secs() / 2).max(SECOND)
}

pub(super) fn fullness(file: &Checked, limits: Limits) -> f64 {
    let rows = usize::try_from(file.rows).unwrap_or(usize::MAX);
    limits.fullness(rows, file.bytes.len())
}
