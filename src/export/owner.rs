//! Who owns a target: one process commits, others stand by and take over when its head has grown old.

use std::time::Duration;

use super::{Exporter, PassError};
use crate::{checkpoint::Head, clock::Time, window::later};

/// This process's claim on a target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tenure {
    /// The epoch it commits with, once it has owned the target.
    epoch: Option<u64>,
    /// The last commit, by somebody else, when this process claimed that epoch.
    over: Option<u64>,
    lost_just_now: bool,
}

impl Tenure {
    /// A number was lost to another process: from now on it owns the target.
    pub(super) fn lose(&mut self, epoch: u64) {
        self.epoch = Some(epoch);
        self.lost_just_now = true;
    }

    pub(super) fn lost_just_now(&mut self) -> bool {
        std::mem::take(&mut self.lost_just_now)
    }
}

impl Exporter {
    /// The epoch to commit with, or the reason to stand by.
    pub(super) fn own(&mut self, head: Option<&Head>, now: Time, take_over: bool) -> Result<u64, PassError> {
        let Tenure { epoch, over, .. } = self.tenure;
        let above = head.map(|head| head.number);
        let (epoch, over) = match (head, epoch) {
            (None, epoch) => (epoch.unwrap_or(1), None),
            (Some(head), _) if head.run == *self.shared.run => (head.epoch, above),
            // The head that was claimed, or a dead process's late write: it has one under way at most. Whoever of a
            // lower epoch writes more than that is alive.
            (Some(head), Some(mine))
                if head.epoch < mine && head.number <= over.map_or(0, |over| over + 1) =>
            {
                (mine, over)
            }
            // My predecessor under the same name.
            (Some(head), None) if head.instance == *self.shared.instance => (head.epoch + 1, above),
            (Some(head), _) => {
                let until = later(head.committed_at, self.target.takeover_after(now));
                if now < until && !take_over {
                    return Err(stand_by(head, until));
                }
                tracing::info!(
                    instance = head.instance,
                    epoch = head.epoch + 1,
                    silent_for = ?(now - head.committed_at).to_std().unwrap_or(Duration::ZERO),
                    "taking the target over"
                );
                (head.epoch + 1, above)
            }
        };
        self.tenure.epoch = Some(epoch);
        self.tenure.over = over;
        Ok(epoch)
    }
}

pub(super) fn stand_by(head: &Head, until: Time) -> PassError {
    PassError::StandBy {
        instance: head.instance.clone(),
        run: head.run.clone(),
        epoch: head.epoch,
        number: head.number,
        committed_at: head.committed_at,
        until,
    }
}
