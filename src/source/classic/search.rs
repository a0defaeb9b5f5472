//! Finds about where in the list a time begins: requests for single records, as many as the logarithm of the list is
//! long. What it finds may be a little early, and out of date at once: the walk that begins there proves its place.

use super::{
    ClassicError,
    list::{Asked, FARTHEST, List, Stop, Unit},
};
use crate::{clock::Time, source::SourceError};

/// So close is close enough, in records: one page holds that many.
const NEAR: usize = 32;
/// The first step from a guess; each further one is twice as long.
const STEP: usize = 16;
/// Steps there and back over the longest list that can be.
const PATIENCE: usize = 80;

/// A place seen before: at that position, records were of that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub time: Time,
    pub at: usize,
}

impl<A, F> List<'_, A>
where
    A: Fn(usize, usize) -> F + Sync,
    F: Future<Output = Result<Asked, SourceError>> + Send,
{
    /// A position at which records are older than `time`, by the second, and close to those that are not; or 0.
    pub(super) async fn search(&mut self, time: Time, hint: Option<Hint>) -> Result<usize, Stop> {
        let second = |time: Time| Unit::Second.of(time);
        let Some(first) = self.record(0).await? else {
            return Ok(0);
        };
        let Some(oldest) = first.time.filter(|first| second(*first) < second(time)) else {
            return Ok(0);
        };
        let last = self
            .total
            .and_then(|total| total.checked_sub(1))
            .filter(|last| *last > 0);
        let mut guess = hint
            .map(|hint| hint.at.saturating_sub(STEP))
            .or(last)
            .unwrap_or(STEP)
            .max(1);
        // Records at `low` are older, those at `high` are not, or there are none.
        let (mut low, mut high) = (0, None);
        let (mut newest, mut low_mark) = (oldest, first.fingerprint);
        let (mut step, mut downwards) = (STEP, true);
        for _ in 0..PATIENCE {
            if low == FARTHEST || high.is_some_and(|high: usize| high - low <= NEAR) {
                return Ok(low);
            }
            let record = self.record(guess).await?;
            // A server may repeat its last record beyond the end.
            let record = record.filter(|record| record.fingerprint != low_mark);
            match record.map(|record| (record.time, record.fingerprint)) {
                Some((Some(found), mark)) if second(found) < second(time) => {
                    if second(found) < second(newest) {
                        return Err(if second(found) < second(oldest) {
                            ClassicError::NotAscending.into()
                        } else {
                            Stop::Moved
                        });
                    }
                    (low, newest, low_mark, downwards) = (guess, found, mark, false);
                }
                _ => high = Some(guess),
            }
            guess = match high {
                None => low.saturating_add(step).min(FARTHEST),
                Some(high) if downwards && high - low > 2 * step => high - step,
                Some(high) => low + (high - low) / 2,
            };
            step = step.saturating_mul(2);
        }
        Ok(low)
    }
}
