//! Commits into the calendar: the newest at once, older ones in the background, one after the other and slowly.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    FollowError, Follower,
    lane::After,
    reading::{Record, Sure},
};
use crate::{
    calendar::{Beginning, Counted, NotLinked, Tally},
    checkpoint::{Head, TargetCheckpoint},
    error::Chain,
    target::TargetName,
};

/// So many commits are remembered in one step when they are counted forwards,
const FORWARD: u64 = 64;
/// and so many backwards.
const BACKWARD: usize = 16;
/// After a failure a target is tried again in this time.
const PAUSE: Duration = Duration::from_secs(30);

/// What is left to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Newer commits.
    Newer,
    /// Older ones alone.
    Older,
    /// None.
    Nothing,
}

impl Follower {
    pub(super) async fn count_on(&self, target: TargetName) -> After {
        match self.count(&target).await {
            Ok(Count::Newer) => After::Again,
            Ok(Count::Older) => {
                self.back.push(&target);
                After::Idle
            }
            Ok(Count::Nothing) => After::Idle,
            Err(error) => could_not(&error),
        }
    }

    pub(super) async fn count_further_back(&self, target: TargetName) -> After {
        let began = Instant::now();
        let after = match self.count_back(&target).await {
            Ok(true) => After::Again,
            Ok(false) => After::Idle,
            Err(error) => could_not(&error),
        };
        // Rests for as long as it worked: nobody waits for this.
        tokio::time::sleep(began.elapsed()).await;
        after
    }

    /// Counts the commits up to the head, or some of them. What was never counted begins with the head alone.
    ///
    /// # Errors
    /// If archive or checkpoint cannot be used, or the head is not what passes have seen.
    pub async fn count(&self, target: &TargetName) -> Result<Count, FollowError> {
        let notes = self.checkpoint.of(target);
        let followed = notes.followed().await.map_err(FollowError::Checkpoint)?;
        let Some(memory) = followed.memory else {
            return Ok(Count::Nothing);
        };
        let head = memory.head;
        let Some(seen) = followed.counted else {
            return self.count_head(target, &notes, &head).await;
        };
        if seen.newest == head.number && seen.newest_sha256 == head.sha256 {
            return Ok(left(&seen));
        }
        // At first each is read once: the one after it, or the head, proves it. Bytes damaged on their way must not cost
        // the whole calendar.
        for sure in [Sure::Once, Sure::Twice] {
            let (counted, tallies) = match self.forward(target, &seen, &head, sure).await {
                Ok(forward) => forward,
                Err(Forward::Failed(error)) => return Err(error),
                Err(Forward::NotLinked) => continue,
            };
            let more = counted.newest < head.number;
            let left = if more { Count::Newer } else { left(&counted) };
            let kept = notes.count(Some(seen), counted, tallies).await;
            let kept = kept.map_err(FollowError::Checkpoint)?;
            return Ok(if kept { left } else { Count::Newer });
        }
        tracing::info!(
            commit = seen.newest,
            "the calendar is counted anew: the archive's commits do not continue those that were counted"
        );
        notes.uncount(seen).await.map_err(FollowError::Checkpoint)?;
        Ok(Count::Newer)
    }

    async fn count_head(
        &self,
        target: &TargetName,
        notes: &TargetCheckpoint,
        head: &Head,
    ) -> Result<Count, FollowError> {
        let sure = Sure::Known(&head.sha256);
        let Some(record) = self.record(target, head.number, sure).await? else {
            // A pass says so.
            return Ok(Count::Nothing);
        };
        let counted = Counted::begin(&record.commit, record.sha256);
        let (left, tallies) = (left(&counted), vec![Tally::of(&record.commit)]);
        let kept = notes.count(None, counted, tallies).await;
        Ok(if kept.map_err(FollowError::Checkpoint)? {
            left
        } else {
            Count::Newer
        })
    }

    /// The commits after those that were seen, up to the head or to some before it. Each is linked to the one after it, or
    /// is the head.
    async fn forward(
        &self,
        target: &TargetName,
        seen: &Counted,
        head: &Head,
        sure: Sure<'_>,
    ) -> Result<(Counted, Vec<Tally>), Forward> {
        let (mut counted, mut tallies) = (seen.clone(), Vec::new());
        let mut unproven: Option<Record> = None;
        let last = head.number.min(seen.newest.saturating_add(FORWARD));
        if last <= seen.newest {
            return Err(Forward::NotLinked);
        }
        for number in seen.newest + 1..=last {
            let is_head = number == head.number;
            let sure = if is_head { Sure::Known(&head.sha256) } else { sure };
            let read = self.record(target, number, sure).await;
            let Some(record) = read.map_err(Forward::of)? else {
                return Err(Forward::NotLinked);
            };
            let proven = unproven.replace(record);
            let proven = proven.into_iter().chain(unproven.take_if(|_| is_head));
            for record in proven {
                tallies.push(Tally::of(&record.commit));
                counted.forward(&record.commit, record.sha256)?;
            }
            let next = unproven.as_ref();
            if next.is_some_and(|next| next.commit.previous_sha256.as_ref() != Some(&counted.newest_sha256)) {
                return Err(Forward::NotLinked);
            }
        }
        Ok((counted, tallies))
    }

    /// Counts some of the commits before those that were counted. Whether there may be more.
    ///
    /// # Errors
    /// If archive or checkpoint cannot be used.
    pub async fn count_back(&self, target: &TargetName) -> Result<bool, FollowError> {
        let notes = self.checkpoint.of(target);
        let followed = notes.followed().await.map_err(FollowError::Checkpoint)?;
        let Some(seen) = followed.counted else {
            return Ok(false);
        };
        let (mut counted, mut tallies) = (seen.clone(), Vec::new());
        while tallies.len() < BACKWARD
            && let Some((number, sha256)) = counted.before()
        {
            match self.record(target, number, Sure::Known(sha256)).await {
                Ok(Some(record)) => {
                    if counted.back(&record.commit).is_err() {
                        counted.beginning = Beginning::Broken;
                    } else {
                        tallies.push(Tally::of(&record.commit));
                    }
                }
                Ok(None) => counted.beginning = Beginning::Gone,
                Err(FollowError::Altered { .. } | FollowError::BadCommit { .. }) => {
                    counted.beginning = Beginning::Broken;
                }
                Err(error) if tallies.is_empty() => return Err(error),
                // What was read so far is kept.
                Err(_) => break,
            }
        }
        if counted == seen {
            return Ok(false);
        }
        let more = counted.before().is_some();
        let kept = notes.count(Some(seen), counted, tallies).await;
        Ok(!kept.map_err(FollowError::Checkpoint)? || more)
    }
}

/// Why counting on has ended.
enum Forward {
    NotLinked,
    Failed(FollowError),
}

impl Forward {
    fn of(error: FollowError) -> Self {
        match error {
            FollowError::Altered { .. } | FollowError::BadCommit { .. } | FollowError::NotLinked(_) => {
                Self::NotLinked
            }
            FollowError::Checkpoint(_) | FollowError::Archive(_) | FollowError::Tell(_) => {
                Self::Failed(error)
            }
        }
    }
}

impl From<NotLinked> for Forward {
    fn from(_: NotLinked) -> Self {
        Self::NotLinked
    }
}

fn left(counted: &Counted) -> Count {
    match counted.before() {
        Some(_) => Count::Older,
        None => Count::Nothing,
    }
}

/// The calendar is for looking at: whatever is wrong with archive or checkpoint, passes tell a person.
fn could_not(error: &FollowError) -> After {
    tracing::debug!(error = %Chain(error), again_in = ?PAUSE, "could not count the commits");
    After::Wait(PAUSE)
}
